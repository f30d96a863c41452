"""Pickles of arrays, and pickles that ask for more."""

import os
import pickle
import time
import tracemalloc
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitorch_cnn.data.datasets.array_pickle import ArrayMachine, read_array_pickle


class Call:
    """Pickles as a call of `function`."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


ARRAYS = {
    "bytes": np.arange(6, dtype=np.uint8).reshape(2, 3),
    "none": np.empty((0, 3), np.uint8),
    "one": np.array(7, np.int64),
    "big-endian": np.arange(4, dtype=">i2"),
    "columns first": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "a part": np.arange(20, dtype=np.uint32).reshape(4, 5)[1:, ::2],
    "text": np.array(["cat", "doggy"]),
    "Python 2's text": np.array([b"cat", b"doggy"]),
    "bool": np.array([True, False]),
}


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_and_plain_values_of_every_protocol_are_read(tmp_path, protocol):
    path = tmp_path / "file"
    plain = {
        "labels": [1, 2, -3, 300, 2**40, np.int64(5), np.uint8(255)],
        "name": "ä\n'x\\",
        "raw": bytes(range(256)),
        "nothing": b"",
        "nested": {"a": (1.5, None, True, False), b"b": OrderedDict(c=[])},
    }
    plain["again"] = plain["labels"]
    path.write_bytes(pickle.dumps(ARRAYS | plain, protocol))
    got = read_array_pickle(path)
    for name, array in ARRAYS.items():
        found = got.pop(name)
        np.testing.assert_array_equal(found, array)
        assert found.dtype == array.dtype and found.shape == array.shape
    assert got == plain and got["again"] is got["labels"]


def test_text_of_python_2_in_protocol_0_is_bytes(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"(dp1\nS'data'\np2\nS'a\\x00\\'\\n'\np3\nsS'n'\n(lp4\nI1\naL20L\naI01\nas.")
    assert read_array_pickle(path) == {"data": b"a\0'\n", "n": [1, 20, True]}


@pytest.mark.parametrize("inside", ["dict", "list", "top", "state"])
def test_a_pickle_with_code_in_it_is_refused_and_nothing_is_executed(tmp_path, inside):
    path, proof = tmp_path / "file", tmp_path / "proof"
    evil = Call(os.mkdir, str(proof))
    content = {
        "dict": {b"data": evil},
        "list": {b"labels": [1, evil]},
        "top": evil,
        "state": {b"data": Call(np.empty(0).__reduce__()[0], np.ndarray, evil, b"b")},
    }[inside]
    path.write_bytes(pickle.dumps(content))
    if inside != "state":  # there the call of _reconstruct itself fails
        pickle.loads(path.read_bytes())
        proof.rmdir()  # the attack works on an ordinary unpickler
    with pytest.raises(
        ValueError, match=r"^read_array_pickle: .*file is refused: .*(posix|nt)\.mkdir"
    ):
        read_array_pickle(path)
    assert not proof.exists()


@pytest.mark.parametrize(
    "function",
    [os.system, eval, getattr, np.load, np.frombuffer, __import__],
    ids=lambda f: f.__name__,
)
def test_every_function_but_the_three_of_arrays_is_refused_by_name(tmp_path, function):
    path = tmp_path / "file"
    path.write_bytes(pickle.dumps({"data": Call(function, "1")}))
    with pytest.raises(ValueError, match=rf"asks for \w+(\.\w+)*\.{function.__name__}; only"):
        read_array_pickle(path)


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_pickle_cut_off_anywhere_is_refused_by_name(tmp_path, protocol):
    path = tmp_path / "file"
    whole = pickle.dumps({"labels": list(range(20)), "name": "x" * 20}, protocol)
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        with pytest.raises(ValueError, match=r"^read_array_pickle: .*file"):
            read_array_pickle(path)


def test_a_pickle_of_something_else_is_refused(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(ValueError, match="file is refused: it holds a list; expected a dict"):
        read_array_pickle(path)


def test_a_missing_file_stays_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_array_pickle(tmp_path / "file")


# ---------------------------------------------------- files made to hang, to fill memory, to break

DTYPE = b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR"
STATED = DTYPE + b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
SHELL = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"
KEY = b"}U\x04data"
DOUBLED = b"N\x85q\x00" + b"0h\x00h\x00\x86q\x00" * 200
ATTACKS = {
    "a place far off in the memory": (b"Nr\xff\xff\xff\x0f.", "holds a NoneType"),
    "a doubled tuple as a key": (b"}" + DOUBLED + b"Ns.", "a tuple as a key"),
    "a doubled list as a name": (KEY + DOUBLED + b"s.", None),
    "8 GiB by a shape": (
        KEY + b"cnumpy\nndarray\n(\x8a\x05\0\0\0\0\x02\x85U\x02u1tRs.",
        "calls num",
    ),
    "an array of 8 GiB": (
        KEY + SHELL + b"(K\x01\x8a\x05\0\0\0\0\x02\x85" + STATED + b"\x89U\x03abctbs.",
        r"it has 3 bytes for an array of shape \(8589934592,\)",
    ),
    "an array below zero": (
        KEY + SHELL + b"(K\x01J\xff\xff\xff\xff\x85" + STATED + b"\x89U\x03abctbs.",
        "not a tuple of at most 32 sizes",
    ),
    "an array of objects": (KEY + b"cnumpy\ndtype\n(U\x02O8K\x00K\x01tRs.", "array of 'O8'"),
    "an array of records": (KEY + b"cnumpy\ndtype\n(U\x02V8K\x00K\x01tRs.", "array of 'V8'"),
    "fields at odd places": (
        KEY + DTYPE + b"(K\x03U\x01|NU\x01a\x85}U\x01aK\x01sJ\xff\xff\xff\x7fK\x01K\x00tbs.",
        "sets the state of a _Dtype",
    ),
    "an array without values": (KEY + SHELL + b"s.", "without values"),
    "an array deep inside": (KEY + b"(" + SHELL + b"ls.", "elsewhere than in its dict"),
    "a bare dtype": (KEY + DTYPE + b"s.", "elsewhere than in its dict"),
    "an array that is a state": (
        KEY + SHELL + b"(K\x01)" + STATED + b"\x89" + SHELL + b"tbs.",
        "without b",
    ),
    "bytes without end": (KEY + b"\x8e" + b"\xff" * 8, "truncated"),
    "an array from outside": (KEY + b"\x97s.", "not an opcode"),
    "a huge integer": (KEY + b"\x8b\xff\xff\xff\x7f", "not an opcode"),
    "an integer of many digits": (KEY + b"L" + b"9" * 2000 + b"L\ns.", "does not end"),
    "a frame that lies": (b"\x95" + b"\xff" * 8 + b"N.", "holds a NoneType"),
    "keys of one hash": (
        b"}" + b"(" + b"".join(f"I{k * (2**61 - 1)}\nN".encode() for k in range(9)) + b"u.",
        "integer of 61 bits as a key",
    ),
    "places of one hash": (b"Np" + str(2**61 - 1).encode() + b"\n.", "has not created"),
    "text encoded without end": (
        KEY + b"(V" + b"a" * 300 + b"\np1\n0" + b"c_codecs\nencode\n(g1\nVlatin1\ntR" * 50 + b"ls.",
        "more bytes than the file has",
    ),
    "text without quotes": (KEY + b"Sabc\ns.", "without quotes"),
}


def read_quickly(path):
    """What the reader makes of the file, in little time and memory; None if it refuses it."""
    tracemalloc.start()
    began = time.perf_counter()
    try:
        return read_array_pickle(path)
    except ValueError as error:
        assert str(error).startswith(f"read_array_pickle: {path} is refused: ")
        return None
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 5e6 and time.perf_counter() - began < 5


@pytest.mark.parametrize("content, reason", ATTACKS.values(), ids=ATTACKS)
def test_what_would_hang_or_fill_the_memory_is_refused_at_once(tmp_path, content, reason):
    path = tmp_path / "file"
    path.write_bytes(b"\x80\x02" + content)
    found = read_quickly(path)
    if reason is not None:
        assert found is None
        with pytest.raises(ValueError, match=reason):
            read_array_pickle(path)


@pytest.mark.parametrize("content", [b"}", b"]", b"N", b"N\x94", b"Nq\x01"])
def test_a_file_of_countless_objects_is_refused(tmp_path, monkeypatch, content):
    monkeypatch.setitem(ArrayMachine.count_one.__globals__, "MOST_OBJECTS", 1000)
    path = tmp_path / "file"
    path.write_bytes(pickle.dumps({"labels": list(range(400))}, 2))
    assert len(read_array_pickle(path)["labels"]) == 400
    path.write_bytes(content * 1001 + b".")
    with pytest.raises(ValueError, match="it creates more than 1000 objects"):
        read_array_pickle(path)


FUZZ = settings(max_examples=150, deadline=None)
WHOLE = [pickle.dumps(ARRAYS | {"labels": [1, np.int64(2), 3], "n": "x"}, p) for p in range(6)]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "file"


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
@FUZZ
@given(data=st.data())
def test_a_damaged_file_is_refused_or_read(scratch, data):
    whole = data.draw(st.sampled_from(WHOLE))
    places = st.integers(0, len(whole) - 1)
    changed = bytearray(whole[: data.draw(places)] if data.draw(st.booleans()) else whole)
    for place, byte in data.draw(st.dictionaries(places, st.integers(0, 255), max_size=4)).items():
        if place < len(changed):
            changed[place] = byte
    scratch.write_bytes(changed)
    for value in (read_quickly(scratch) or {}).values():
        if isinstance(value, np.ndarray):
            value.sum() if value.dtype.kind in "biu" else value.tobytes()


PARTS = [*ArrayMachine.opcodes, b"\0", b"\1", b"0\n", DTYPE, STATED, SHELL, KEY]


@FUZZ
@given(codes=st.lists(st.sampled_from(PARTS), max_size=40))
def test_opcodes_in_any_order_give_data_or_a_refusal(scratch, codes):
    scratch.write_bytes(b"".join(codes) + b".")
    read_quickly(scratch)

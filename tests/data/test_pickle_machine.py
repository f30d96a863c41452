"""A pickle that asks for anything but data is refused, and never executed."""

import io
import os
import pickle
import tempfile
import tracemalloc
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitorch_cnn.data.pickle_machine import PickleMachine
from minitorch_cnn.interop import load_torch
from minitorch_cnn.interop.torch_objects import TorchMachine
from tests.interop.torch_writer import (
    Call,
    Row,
    opcodes,
    program,
    tensor,
    write_stacked,
    write_zip,
    zip_bytes,
    zip_members,
)

PATH = Path("a.pth")
SENTINEL = "sentinel"  # a file in the working directory, which each attack tries to make
OPEN = f"open({SENTINEL!r}, 'w').close()"
TOUCH = f"echo > {SENTINEL}"


class Evil:
    """Pickled as a call, with a state for the result."""

    def __init__(self, function, *arguments, state=None):
        self.reduced = (function, arguments, state)

    def __reduce__(self):
        return self.reduced


SYSTEM = Evil(getattr, Evil(__import__, "os"), "system")
# What Python's own machine carries out, and the global that each asks for first.
ATTACKS = {
    "os.system": (Evil(os.system, TOUCH), rf"{os.name}\.system"),
    "eval": (Evil(eval, OPEN), "eval"),
    "exec": (Evil(exec, OPEN), "exec"),
    "deep inside": ([1, {"x": (Evil(os.mkdir, SENTINEL),)}], rf"{os.name}\.mkdir"),
    "a chain of getattr": (Evil(list, Evil(map, SYSTEM, [TOUCH])), "__import__"),
    "an array of objects": (np.array([Evil(os.system, TOUCH)], object), rf"{os.name}\.system"),
    "a key": ({Evil(eval, f"{OPEN} or 3"): 1}, "eval"),
    "a state": (Evil(OrderedDict, state={"x": Evil(eval, OPEN)}), "eval"),
}


@pytest.fixture(params=[write_zip, write_stacked])
def write(request):
    return request.param


@pytest.fixture(autouse=True, scope="module")
def an_empty_working_directory(tmp_path_factory):
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("interop"))
    yield
    os.chdir(before)


def is_refused_unexecuted(reason):
    with pytest.raises(ValueError, match=rf"^load_torch: a\.pth is refused: .*{reason}"):
        load_torch(PATH)
    assert not os.path.exists(SENTINEL)


@pytest.mark.parametrize("attack, _", ATTACKS.values(), ids=ATTACKS)
def test_these_attacks_work_on_pythons_own_machine(attack, _, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pickle.loads(pickle.dumps(attack, 4))
    assert os.path.exists(SENTINEL)


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("attack, name", ATTACKS.values(), ids=ATTACKS)
def test_what_python_would_execute_is_refused_by_its_name(write, attack, name, protocol):
    write(PATH, pickle.dumps(attack, protocol))
    is_refused_unexecuted(f"asks for .*{name}.* nothing was executed")


@pytest.mark.parametrize("attack, name", ATTACKS.values(), ids=ATTACKS)
def test_a_bare_pickle_is_refused_by_the_name_it_asks_for(attack, name):
    PATH.write_bytes(pickle.dumps(attack, 2))
    names = f"({name}|_reconstruct|list|OrderedDict)"
    is_refused_unexecuted(f"PyTorch's magic number, as expected, but it asks for .*{names}")


ADMITTED = b"ctorch._utils\n_rebuild_tensor_v2\n"
TEXT = b"X" + bytes([len(OPEN), 0, 0, 0]) + OPEN.encode()
SIZE = opcodes(Call("torch.Size", ((1,),)))
HOOKS = opcodes(Call("collections.OrderedDict"))

BY_HAND = {
    "a module of layers": (b"ctorch.nn.modules.linear\nLinear\n)\x81}b", "asks for torch.nn.mod"),
    "a class of the file": (b"c__main__\nNet\n)R", r"__main__.Net.*save its state_dict\(\)"),
    "a loader": (
        b"ctorch.storage\n_load_from_bytes\n",
        "holds torch.storage._load_from_bytes itself",
    ),
    "a loader of models": (b"ctorch.hub\nload\n", "holds torch.hub.load itself"),
    "an attribute": (ADMITTED[:-1] + b".__globals__\n", "holds .*__globals__ itself"),
    "a name on the stack": (b"X\2\0\0\0osX\6\0\0\0system\x93", "holds os.system itself"),
    "a name that is a number": (b"K\1K\2\x93", "name is not text"),
    "a call of text": (TEXT + b")R", "calls a str"),
    "a call of a tuple": (SIZE + b")R", "calls a tuple"),
    "a call with a list": (ADMITTED + b"]R", "calls a Global"),
    "a new object of text": (TEXT + b")\x81", "makes an object of a str"),
    "a new object by names": (ADMITTED + b")}\x92", "passes keyword arguments"),
    "an instance": (b"(" + TEXT + b"ibuiltins\neval\n", "not an opcode"),
    "an object": (b"(cbuiltins\neval\n" + TEXT + b"o", "not an opcode"),
    "a state of a name": (ADMITTED + b"}b", "sets the state of a Global"),
    "a state of a list": (b"]}b", "sets the state of a list"),
    "a state of slots": (HOOKS + b"N}\x86b", "sets the state of a OrderedDict"),
    "a state of a dict": (b"}}b", "sets the state of a dict"),
    "an extension": (b"\x82\1", "not an opcode"),
    "a reference as text": (b"P0\n", "not an opcode"),
    "a reference to a module": (b"(X\6\0\0\0moduletQ", "not a storage"),
    "a buffer from outside": (b"\x97", "not an opcode"),
    "huge bytes": (b"\x96" + b"\xff" * 8, "truncated"),
    "a huge integer": (b"\x8b\xff\xff\xff\x7f", "not an opcode"),
    "a name without an end": (b"c" + b"x" * 5000, "line that does not end"),
    "a later protocol": (b"\x80\6", "protocol above 5"),
    "no mark": (b"t", "lacks a mark"),
    "an empty stack": (b"0", "takes more from the stack"),
    "a stack below a mark": (b"N(\x85", "takes more from the stack"),
    "an unknown object": (b"h\7", "has not created"),
    "an item of a list": (b"]NNs", "no dict"),
    "an odd number of items": (b"}(Nu", "not in pairs"),
    "an element of a dict": (b"}Na", "appends to a dict"),
    "a list as a key": (b"}]Ns", "list as a key"),
}


@pytest.mark.parametrize("pickled, reason", BY_HAND.values(), ids=BY_HAND)
def test_what_no_data_needs_is_refused(write, pickled, reason):
    write(PATH, b"\x80\2" + pickled + b".")
    is_refused_unexecuted(reason)


def load(pickled):
    return PickleMachine(io.BytesIO(pickled)).load()


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_data_of_every_protocol_comes_back(protocol):
    value = [{"a": (1, -1, 255, 2**16, -(2**31), 2**100), None: 0.5, 7: "ä" * 300}, (), [], True]
    value.append(value[0])
    again = load(pickle.dumps(value, protocol))
    assert again == value and again[-1] is again[0]


def test_text_of_python_2_is_text():
    assert load(b"(U\2hiT\3\0\0\0\xc3\xa4xt.") == ("hi", "äx")


def test_a_large_number_in_the_memory_of_objects_costs_nothing():
    assert load(b"Nr\xff\xff\xff\xff0j\xff\xff\xff\xff.") is None


def test_data_nested_deeper_than_python_recurses_is_read_and_forgotten(write):
    write(PATH, b"\x80\2" + b"]" * 100_000 + b"a" * 99_999 + b".")
    assert len(load_torch(PATH)) == 1


# --------------------------------------------------------------------------------------- damages

ROW = Row("0", "FloatStorage", np.arange(12, dtype=np.float32))
STATE = OrderedDict(weight=tensor(ROW, (2, 3)), bias=tensor(ROW, (3,), offset=6), n=[1])
STATE["options"] = Call("argparse.Namespace", ([1.0, {"a": "b"}],))
VALUES = {"weight": [[0, 1, 2], [3, 4, 5]], "bias": [6, 7, 8]}


def damaged(whole: bytes):
    """`whole` with some bytes replaced, with a part left out or repeated, or with its end cut."""
    places = st.integers(0, len(whole) - 1)
    flips = st.dictionaries(places, st.integers(0, 255), min_size=1, max_size=4)
    return st.one_of(
        flips.map(lambda new: bytes(new.get(i, byte) for i, byte in enumerate(whole))),
        places.map(lambda end: whole[:end]),
        st.tuples(places, places).map(lambda ends: whole[: ends[0]] + whole[ends[1] :]),
    )


def whole_file(write) -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        write(Path(directory, PATH), STATE)
        return Path(directory, PATH).read_bytes()


def load_or_refuse(content: bytes):
    """What load_torch makes of `content`, in little memory; None if it refuses it by name."""
    PATH.write_bytes(content)
    tracemalloc.start()
    try:
        return load_torch(PATH)
    except ValueError as error:
        assert str(error).startswith("load_torch: a.pth is refused: ")
        return None
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 5e6


@pytest.mark.parametrize(
    "pickled", [b"X\xff\xff\xff\x7f", b"T\xff\xff\xff\x7f", b"\x8d" + b"\x7f" * 8]
)
def test_a_text_that_lies_about_its_length_costs_nothing(write, pickled):
    write(PATH, b"\x80\2" + pickled)
    assert load_or_refuse(PATH.read_bytes()) is None
    is_refused_unexecuted("truncated")


FUZZ = settings(max_examples=150, deadline=None)


@FUZZ
@given(content=damaged(whole_file(write_zip)))
def test_a_damaged_archive_is_refused_or_read_right(content):
    found = load_or_refuse(content)
    assert found is None or {name: found[name].tolist() for name in VALUES} == VALUES


@FUZZ
@given(content=damaged(whole_file(write_stacked)))
def test_a_damaged_file_of_the_older_format_is_refused_or_read(content):
    load_or_refuse(content)


@FUZZ
@given(pickled=damaged(program(STATE)))
def test_a_damaged_pickle_in_a_whole_archive_is_refused_or_read(pickled):
    load_or_refuse(zip_bytes(zip_members(STATE) | {"a/data.pkl": pickled}))


@FUZZ
@given(codes=st.lists(st.sampled_from([*TorchMachine.opcodes, b"\0", b"\1", b"0\n"]), max_size=40))
def test_opcodes_in_any_order_give_data_or_a_refusal(codes):
    load_or_refuse(zip_bytes(zip_members(b"".join(codes) + b".")))

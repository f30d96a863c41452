"""Pickles of arrays, and pickles that ask for more."""

import os
import pickle

import numpy as np
import pytest

from minitorch_cnn.data.datasets.array_pickle import read_array_pickle


class Call:
    """Pickles as a call of `function`."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_arrays_and_plain_values_are_read(tmp_path, protocol):
    path = tmp_path / "file"
    array = np.arange(6, dtype=np.int16).reshape(2, 3)
    # Python 3 writes an array in protocol 2 by a call of `_codecs.encode`, as no CIFAR file does.
    content = {"labels": [1, 2], "name": "x", "nested": {"a": (1.5, None, True)}}
    if protocol > 2:
        content["data"] = array
    path.write_bytes(pickle.dumps(content, protocol))
    got = read_array_pickle(path)
    if protocol > 2:
        np.testing.assert_array_equal(got.pop("data"), array)
        content.pop("data")
    assert got == content


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


@pytest.mark.parametrize("protocol", [2, 4])
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
    with pytest.raises(ValueError, match="file holds a list; expected a dict"):
        read_array_pickle(path)


def test_a_missing_file_stays_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_array_pickle(tmp_path / "file")

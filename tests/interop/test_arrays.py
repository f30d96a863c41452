"""Arrays of NumPy's .npz files come back as they were, and no object in them is made."""

import io
import zipfile

import numpy as np
import pytest

import minitorch_cnn as mt

ARRAYS = {
    "layer/weight": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big-endian": np.arange(4, dtype=">i4"),
    "half": np.float16([1, 2]),
    "number": np.array(True),
    "nothing": np.zeros((0, 3), np.int64),
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.npz"


def test_arrays_of_any_layout_come_back(path):
    np.savez(path, **ARRAYS)
    found = mt.load(path)
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype.newbyteorder("=")
        np.testing.assert_array_equal(found[name].numpy(), array)
    weight = found["layer/weight"]
    weight += 1
    assert weight.tolist() == [[1, 2, 3], [4, 5, 6]]


class Evil:
    def __reduce__(self):
        return exec, ("raise SystemExit('executed')",)


def npy(array, **settings):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, **settings)
    return buffer.getvalue()


WHOLE = npy(np.arange(6.0).reshape(2, 3))
WRONG = {
    "objects": (npy(np.array([Evil()], object), allow_pickle=True), "pickled objects"),
    "complex": (npy(np.zeros(2, complex)), "is of complex128, which is not supported"),
    "text": (npy(np.array(["a"])), "is of <U1, which is not supported"),
    "a record": (npy(np.zeros(2, "f4,f4")), "which is not supported"),
    "truncated": (WHOLE[:-1], r"'a' of shape \(2, 3\) has 175 bytes"),
    "longer": (WHOLE + b"\0", r"'a' of shape \(2, 3\) has 177 bytes"),
    "a huge shape": (WHOLE.replace(b"(2, 3)", b"(2, 3" + b"0" * 20 + b")"), "of shape|damaged"),
    "a negative shape": (WHOLE.replace(b"(2, 3)", b"(-2,-3)"), "header|shape|damaged"),
    "no header": (WHOLE[:9], "truncated|EOF|header|ended|array"),
    "another magic": (b"x" + WHOLE[1:], "magic"),
    "a later version": (npy(np.zeros(2), version=(3, 0)), r"of version \(3, 0\)"),
}


@pytest.mark.parametrize("content, reason", WRONG.values(), ids=WRONG)
def test_what_is_no_array_of_numbers_is_refused(path, content, reason):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", content)
    with pytest.raises(ValueError, match=rf"^load: .*a\.npz is refused: .*({reason})"):
        mt.load(path)


def test_a_name_that_occurs_twice_is_refused(path):
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "w") as archive:
        for _ in range(2):
            archive.writestr("a.npy", WHOLE)
    with pytest.raises(ValueError, match="its array 'a' occurs twice"):
        mt.load(path)

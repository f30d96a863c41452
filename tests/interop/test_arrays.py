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


def npy_of(code, shape):
    """A header by hand, and no numbers."""
    header = repr({"descr": code, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header


WHOLE = npy(np.arange(6.0).reshape(2, 3))
WRONG = {
    "objects": (npy(np.array([Evil()], object), allow_pickle=True), "pickled objects"),
    "complex": (npy(np.zeros(2, complex)), "is of complex128, which is not supported"),
    "text": (npy(np.array(["a"])), "is of <U1, which is not supported"),
    "a record": (npy(np.zeros(2, "f4,f4")), "has records, which are not supported"),
    "truncated": (WHOLE[:-1], r"'a' of shape \(2, 3\) and float64 has 47 bytes"),
    "longer": (WHOLE + b"\0", r"'a' of shape \(2, 3\) and float64 has 49 bytes"),
    "a huge shape": (
        WHOLE.replace(b"(2, 3)", b"(2, 3" + b"0" * 20 + b")"),
        "an invalid shape",
    ),
    "a negative shape": (WHOLE.replace(b"(2, 3)", b"(-2,-3)"), "an invalid shape"),
    "no header": (WHOLE[:9], "cut off"),
    "another magic": (b"x" + WHOLE[1:], "does not begin as a .npy file"),
    "a later version": (WHOLE[:6] + b"\x04" + WHOLE[7:], "does not begin as a .npy file"),
    "a bracket that is open": (WHOLE.replace(b"(2, 3)", b"(2, 3("), "no dict of Python"),
    "a call": (WHOLE.replace(b"(2, 3)", b"exit()"), "no dict of Python"),
    "no dtype": (WHOLE.replace(b"'<f8'", b"'<x8'"), "'<x8'"),
    "100 axes": (npy_of("<f8", (1,) * 100), "'<f8' and 100 axes"),
}


@pytest.mark.parametrize("content, reason", WRONG.values(), ids=WRONG)
def test_what_is_no_array_of_numbers_is_refused(path, content, reason):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", content)
    with pytest.raises(ValueError, match=rf"^load: .*a\.npz is refused: .*({reason})"):
        mt.load(path)


def test_headers_of_every_version_and_of_python_2_are_read(path):
    versions = {f"v{v}": npy(np.arange(3.0), version=(v, 0)) for v in (1, 2, 3)}
    old = npy_of("<f8", (3,)).replace(b"(3,)", b"(3L,)")
    old = old[:8] + (len(old) - 10).to_bytes(2, "little") + old[10:] + np.arange(3.0).tobytes()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (versions | {"old": old}).items():
            archive.writestr(f"{name}.npy", content)
    assert {k: v.tolist() for k, v in mt.load(path).items()} == {
        k: [0, 1, 2] for k in ("v1", "v2", "v3", "old")
    }


def test_a_name_that_occurs_twice_is_refused(path):
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "w") as archive:
        for _ in range(2):
            archive.writestr("a.npy", WHOLE)
    with pytest.raises(ValueError, match="its array 'a' occurs twice"):
        mt.load(path)

"""The content of a file decides how it is read, not its name."""

import io

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.interop import load_torch
from minitorch_cnn.training import read_weights
from tests.interop.torch_writer import Row, tensor, write_stacked, write_zip

STATE = {"weight": np.arange(6, dtype=np.float32).reshape(2, 3), "bias": np.zeros((0, 2))}


def written_by_hand(write):
    """STATE as what the writers of PyTorch's formats take."""
    rows = {"weight": Row("0", "FloatStorage", STATE["weight"].ravel())}
    rows["bias"] = Row("1", "DoubleStorage", STATE["bias"].ravel())
    return lambda path: write(path, {k: tensor(rows[k], STATE[k].shape) for k in rows})


def npz(save) -> bytes:
    buffer = io.BytesIO()
    save(buffer, **STATE)
    return buffer.getvalue()


WRITERS = {
    "safetensors": lambda path: mt.save(STATE, path),
    "zip": written_by_hand(write_zip),
    "stacked": written_by_hand(write_stacked),
    "npz": lambda path: path.write_bytes(npz(np.savez)),
    "compressed npz": lambda path: path.write_bytes(npz(np.savez_compressed)),
}


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors", "a.bin", "a.npz", "a"])
@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_every_reader_reads_every_format_under_every_name(tmp_path, write, name):
    write(tmp_path / name)
    for reader in (mt.load, load_torch, read_weights):
        found = reader(tmp_path / name)
        assert found.keys() == STATE.keys()
        for key, value in STATE.items():
            assert isinstance(found[key], mt.Tensor) and found[key].dtype == value.dtype
            np.testing.assert_array_equal(found[key].numpy(), value)


def test_a_folder_and_a_missing_file_are_named(tmp_path):
    for reader, name in ((mt.load, "load"), (load_torch, "load_torch")):
        with pytest.raises(FileNotFoundError, match=f"^{name}: .* is a folder, not a file"):
            reader(tmp_path)
        with pytest.raises(FileNotFoundError, match=rf"^{name}: there is no file .*none"):
            reader(tmp_path / "none")

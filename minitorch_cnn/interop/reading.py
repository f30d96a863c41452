"""Weights in a file of any name: the content decides how it is read."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import BinaryIO

from .arrays import read_arrays
from .kinds import SAFETENSORS, ZIP, kind_of
from .safetensors import Loaded, read_metadata, read_safetensors
from .torch_file import damage_as_value_error, read_stacked, read_zip


def load(path: str | Path):
    """What a file of weights holds: Tensors by name, or what `torch.save` was given.

    Read are safetensors, both formats of `torch.save` (see `load_torch`) and NumPy's .npz without
    pickled objects; the content says which it is, not the name. Dtypes stay what they are, except
    that bfloat16 becomes float32, without a loss. Nothing in a file is executed.

    Raises: FileNotFoundError; ValueError naming the file and what it is, if that is something else,
    damaged or truncated, or holds numbers that are not supported (float8, complex, quantised).

        model.load_state_dict(mt.load("lenet5.safetensors"))
    """
    return _read("load", path).tensors


def load_torch(path: str | Path):
    """What a file of `torch.save` holds, in the same nesting, as by `torch.load`.

    Read are tensors and parameters in dicts, OrderedDicts, lists and tuples, beside numbers, text
    and None. Tensors that share memory in the file share it here. Devices, hooks and the
    `_metadata` of a state_dict are dropped. An object of another class beside the tensors, as
    checkpoints have them, is an `Opaque` of its name: it is not made, nothing is imported.

    Files of the other formats that `load` reads are read, too.

    Raises: FileNotFoundError; ValueError naming the file and the reason, with nothing executed, if
    it asks for a function, holds no tensor but such an object, holds a tensor of another kind (of
    sparse, quantised and complex ones the kind is named), is truncated or damaged, or is no such
    file.

        model.load_state_dict(mt.interop.load_torch("alexnet.pth"))
    """
    return _read("load_torch", path).tensors


def load_with_metadata(path: str | Path) -> Loaded:
    """What `load` gives, and the text in the header of a safetensors file.

    Raises: as `load`.
    """
    return _read("load", path)


def metadata_of(path: str | Path) -> dict[str, str]:
    """The text in the header of a safetensors file; nothing of other files, and of none.

    Raises: ValueError naming the file if it is a damaged one.
    """
    path = Path(path)
    if not path.is_file():
        return {}
    try:
        with open(path, "rb") as file:
            return read_metadata(path) if kind_of(file) == SAFETENSORS else {}
    except ValueError as error:
        raise ValueError(f"load: {path} is refused: {error}") from error


def _read(name: str, path: str | Path) -> Loaded:
    path = Path(path)
    if not path.is_file():
        what = f"{path} is a folder, not a file" if path.is_dir() else f"there is no file {path}"
        raise FileNotFoundError(f"{name}: {what}")
    try:
        with open(path, "rb") as file:
            kind = kind_of(file)
            if kind == SAFETENSORS:
                return read_safetensors(path)
            return Loaded(_read_zip(file) if kind == ZIP else read_stacked(file), {})
    except ValueError as error:
        raise ValueError(f"{name}: {path} is refused: {error}") from error


def _read_zip(file: BinaryIO):
    """PyTorch's archive or NumPy's, told by their members."""
    with damage_as_value_error(), zipfile.ZipFile(file) as archive:
        names = [info.orig_filename for info in archive.infolist()]
        if names and all(name.endswith(".npy") for name in names):
            return read_arrays(archive)
        return read_zip(file, archive)

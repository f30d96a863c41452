"""Weights in a file of any name: the content decides how it is read."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from ..nn import Parameter
from ..spelling import nearest_path
from ..tensor import Tensor
from .arrays import read_arrays
from .kinds import SAFETENSORS, ZIP, kind_of
from .location import device_for
from .safetensors import Loaded, read_metadata, read_safetensors
from .torch_file import damage_as_value_error, read_stacked, read_zip


def load(
    f: str | Path | BinaryIO,
    map_location: str | Mapping | Callable[..., Any] | None = None,
    weights_only: bool = True,
) -> Any:
    """What a file of weights holds: Tensors by name, or what `torch.save` was given.

    f: a path, or an open binary file, read from where it is to its end. Read are safetensors, both
    formats of `torch.save` (see `load_torch`) and NumPy's .npz without pickled objects; the content
    says which it is, not the name. Dtypes stay what they are, except that bfloat16 becomes float32,
    without a loss.

    map_location: the device of the Tensors, the CPU for None; also PyTorch's dict of devices and
    function (storage, location), see `device_for`. weights_only: nothing in a file is
    ever executed, so that it changes nothing here.

    Raises: FileNotFoundError; ValueError naming the file and what it is, if that is something else,
    damaged or truncated, or holds numbers that are not supported (float8, complex, quantised);
    TypeError for a map_location that says no device.

        model.load_state_dict(mt.load("lenet5.safetensors"))
    """
    if not isinstance(weights_only, bool):
        raise TypeError(f"load: weights_only={weights_only!r} must be True or False")
    device = device_for(map_location)
    found = _read("load", f).tensors
    return found if device == "cpu" else moved(found, device)


def load_torch(path: str | Path) -> Any:
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
    if not Path(path).is_file():
        return {}
    with _opened("load", path) as file:
        return read_metadata(Path(path)) if kind_of(file) == SAFETENSORS else {}


def _read(name: str, f: str | Path | BinaryIO) -> Loaded:
    with _opened(name, f) as file:
        kind = kind_of(file)
        if kind == SAFETENSORS:
            return read_safetensors(file)
        return Loaded(_read_zip(file) if kind == ZIP else read_stacked(file), {})


@contextmanager
def _opened(name: str, f: str | Path | BinaryIO) -> Iterator[BinaryIO]:
    """The file, from its beginning on; a ValueError within becomes one that names the file."""
    given: Any = f
    if hasattr(given, "read"):
        file, path = given.read(), getattr(given, "name", "the open file")
        if not isinstance(file, bytes):
            raise TypeError(f"{name}: f must be a file that is open for reading bytes")
        file = io.BytesIO(file)
    else:
        path = Path(given)
        if not path.is_file():
            what = f"there is no file {path}{nearest_path(path)}"
            if path.is_dir():
                what = f"{path} is a folder, not a file"
            raise FileNotFoundError(f"{name}: {what}")
        file = open(path, "rb")  # noqa: SIM115 (closed below)
    with file:
        try:
            yield file
        except ValueError as error:
            raise ValueError(f"{name}: {path} is refused: {error}") from error


def _read_zip(file: BinaryIO) -> Any:
    """PyTorch's archive or NumPy's, told by their members."""
    with damage_as_value_error(), zipfile.ZipFile(file) as archive:
        names = [info.orig_filename for info in archive.infolist()]
        if names and all(name.endswith(".npy") for name in names):
            return read_arrays(archive)
        return read_zip(file, archive)


def moved(value: Any, device: str) -> Any:
    """`value` with its Tensors, in nested containers, on another device."""
    if isinstance(value, Tensor):
        there = value.detach().to(device=device)
        there = Parameter(there) if isinstance(value, Parameter) else there
        there.requires_grad = value.requires_grad
        return there
    if isinstance(value, dict):
        return type(value)((key, moved(item, device)) for key, item in value.items())
    if isinstance(value, list | tuple):
        return type(value)([moved(item, device) for item in value])
    return value

"""Read weights from a file; its content, not its name, determines the format."""

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
    """Load a file of weights: Tensors by name, or the object that `torch.save` was given.

    f: a path, or an open binary file, which is read from its current position to the end. The
    formats are safetensors, both formats of `torch.save` (see `load_torch`) and NumPy's .npz
    without pickled objects; the content determines the format, not the name. Dtypes are kept,
    except that bfloat16 without ml_dtypes becomes float32, which loses nothing.

    map_location: the device of the Tensors, by default the CPU; also PyTorch's dict of devices and
    function (storage, location), see `device_for`. weights_only: has no effect, since nothing in a
    file is ever executed.

    Raises: FileNotFoundError; ValueError naming the file and its kind, if that is not supported,
    damaged or truncated, or holds unsupported numbers (float8, complex, quantised); TypeError for a
    map_location that does not name a device.

        model.load_state_dict(mt.load("lenet5.safetensors"))
    """
    if not isinstance(weights_only, bool):
        raise TypeError(f"load: weights_only={weights_only!r} must be True or False")
    device = device_for(map_location)
    found = _read("load", f).tensors
    return found if device == "cpu" else moved(found, device)


def load_torch(path: str | Path) -> Any:
    """Load the object in a file of `torch.save`, in the same nesting, as `torch.load` does.

    Supported are tensors and parameters in dicts, OrderedDicts, lists and tuples, beside numbers,
    text and None. Tensors that share memory in the file share it here. Devices, hooks and the
    `_metadata` of a state_dict are dropped. An object of another class, as checkpoints have beside
    the tensors, becomes an `Opaque` with the class's name: it is not created, and nothing is
    imported.

    Files of the other formats that `load` reads are accepted too.

    Raises: FileNotFoundError; ValueError naming the file and the reason, with nothing executed, if
    the file calls a function, holds no tensor but such an object, holds an unsupported kind of
    tensor (sparse, quantised and complex ones are named), is truncated or damaged, or is of another
    kind.

        model.load_state_dict(mt.interop.load_torch("alexnet.pth"))
    """
    return _read("load_torch", path).tensors


def load_with_metadata(path: str | Path) -> Loaded:
    """Load a file like `load`, with the text in the header of a safetensors file.

    Raises: as `load`.
    """
    return _read("load", path)


def metadata_of(path: str | Path) -> dict[str, str]:
    """Read the text in the header of a safetensors file; empty for other files and missing ones.

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
    """Open the file at its beginning; a ValueError in the block gets the file's name."""
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
    """Read PyTorch's or NumPy's archive, depending on its members."""
    with damage_as_value_error(), zipfile.ZipFile(file) as archive:
        names = [info.orig_filename for info in archive.infolist()]
        if names and all(name.endswith(".npy") for name in names):
            return read_arrays(archive)
        return read_zip(file, archive)


def moved(value: Any, device: str) -> Any:
    """`value` with its Tensors, in nested containers, moved to another device."""
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

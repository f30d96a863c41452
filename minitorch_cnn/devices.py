"""Where arrays lie, how they get elsewhere, and that those of one operation lie together.

    "cpu"         NumPy's arrays
    "cuda:i"      CuPy's arrays on the GPU number i; "cuda" is "cuda:0"
    "emulator"    NumPy's memory under CuPy's rules; kernels run as their CUDA text (kernels/cuda/)

A tensor's device is its array's. There is no current device to be set: an operation runs where its
inputs lie, and what it needs besides it makes there, by the `like=` of NumPy's creation functions.
CuPy is imported when the first tensor goes to a GPU.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np

from .spelling import nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What names a place: a `device` is a string, a number is a GPU's.
DeviceLike: TypeAlias = "str | int"
# Main memory's arrays, which CuPy's and the emulator's stand in for.
Array: TypeAlias = "NDArray[Any]"

# Whether any array ever lay elsewhere than in main memory. Until then no op looks where its inputs
# lie: the check would cost a twentieth of a small op.
elsewhere = False

KINDS = ("cpu", "cuda", "emulator")


class device(str):
    """The name of a place for tensors, with its `type` and its `index` (None where it has none).

        mt.device("cuda:1") == mt.device("cuda", 1) == "cuda:1"

    Whether the place exists is asked when something goes there.
    Raises TypeError and ValueError for what names no device.
    """

    __slots__ = ()

    def __new__(cls, type: str | int, index: int | None = None) -> device:
        if isinstance(type, bool) or not isinstance(type, (str, int)):
            raise TypeError(f"device: type={type!r} must be a string or a GPU's number")
        name = f"cuda:{type}" if isinstance(type, int) else type
        if index is not None:
            if ":" in name or isinstance(index, bool) or not isinstance(index, int):
                raise ValueError(f"device: index={index!r} of type={type!r} is not the only number")
            name = f"{name}:{index}"
        if re.fullmatch(r"cpu(:0)?|emulator(:0)?|cuda(:\d+)?", name) is None:
            raise ValueError(
                f"device: {name!r} must be 'cpu', 'cuda', 'cuda:0', 'cuda:1', ... or 'emulator'"
                f"{nearest(name, KINDS)}"
            )
        return super().__new__(cls, name if name.startswith("cuda") else name.removesuffix(":0"))

    @property
    def type(self) -> str:
        """ "cpu", "cuda" or "emulator"."""
        return str(self).partition(":")[0]

    @property
    def index(self) -> int | None:
        """The number of the GPU."""
        number = str(self).partition(":")[2]
        return int(number) if number else None

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type={self.type!r}{index})"

    def __enter__(self) -> None:
        raise RuntimeError("device: there is no current device; name it where a tensor is made")

    def __exit__(self, *error: object) -> None:
        """Nothing was entered."""


@cache
def _named(name: str) -> device:
    return device(name)


def device_of(array: Any) -> device:
    """Where an array lies: "cpu", "cuda:i" or "emulator"."""
    device = array.device  # a str of NumPy's and of the emulator's, an object of CuPy's
    return _named(device if isinstance(device, str) else f"cuda:{device.id}")


def is_array(x: object) -> TypeGuard[Array]:
    """Whether `x` is an array of NumPy, of CuPy or of the emulator."""
    return isinstance(x, np.ndarray) or type(x).__module__.partition(".")[0] == "cupy"


def names_device(x: object) -> TypeGuard[str]:
    """Whether `x` is the name of a device, and not, say, of a dtype."""
    return isinstance(x, str) and (x in ("cpu", "emulator") or x.startswith("cuda"))


def check_device(device: DeviceLike | None, name: str) -> str:
    """`device` in full, "cpu" for None.

    Raises, in the name of the function `name`: ValueError for a device that there is not,
    RuntimeError where CuPy or a GPU is missing.
    """
    if device is None or device == "cpu":
        return "cpu"
    if device == "emulator":
        return "emulator"
    if isinstance(device, int) and not isinstance(device, bool):
        device = f"cuda:{device}"
    number = re.fullmatch(r"cuda(?::(\d+))?", device) if isinstance(device, str) else None
    if number is None:
        raise ValueError(
            f"{name}: device={device!r} must be 'cpu', 'cuda', 'cuda:0', 'cuda:1', ... "
            f"or 'emulator'{nearest(device, KINDS)}"
        )
    index, count = int(number[1] or 0), count_gpus(name, str(device))
    if index >= count:
        raise ValueError(f"{name}: device={device!r} must be below 'cuda:{count}', the GPUs here")
    return f"cuda:{index}"


def count_gpus(name: str, device: str) -> int:
    """The number of GPUs; RuntimeError in the name of the function `name` if there is none."""
    instead = "device='emulator' runs the same kernels on the CPU"
    if find_spec("cupy") is None:
        raise RuntimeError(
            f"{name}: device={device!r} needs CuPy, which is not installed "
            f"(pip install 'minitorch_cnn[gpu]'); {instead}"
        )
    import cupy

    if not cupy.cuda.is_available():
        raise RuntimeError(
            f"{name}: device={device!r} needs an NVIDIA GPU and its driver, and CuPy finds none "
            f"(nvidia-smi lists them); {instead}"
        )
    return cupy.cuda.runtime.getDeviceCount()


def moved(array: Any, device: str, name: str) -> Array:
    """`array` on `device`, itself if it lies there.

    Raises RuntimeError, in the name of the function `name`, if the GPU's memory does not suffice.
    """
    global elsewhere
    if device_of(array) == device:
        return array
    from .kernels.cuda.array import to_emulator, to_host

    if device == "cpu":
        return to_host(array)
    elsewhere = True
    if device == "emulator":
        return to_emulator(to_host(array))
    import cupy

    with cupy.cuda.Device(int(device.removeprefix("cuda:"))):
        try:
            return cupy.asarray(array if isinstance(array, cupy.ndarray) else to_host(array))
        except MemoryError as error:
            if not of_gpu(error):
                raise
            raise out_of_memory(name, [array], error) from error


def to_host(array: Any) -> Array:
    """The numbers of `array` in main memory."""
    return moved(array, "cpu", "to_host")


def address(array: Any) -> int:
    """Where the first element of an array lies."""
    host = isinstance(array, np.ndarray)
    return array.__array_interface__["data"][0] if host else array.data.ptr


def is_writeable(array: Any) -> bool:
    """Whether an array may be written to: it does not repeat elements, nor is it read-only."""
    try:
        return array.flags.writeable
    except AttributeError:  # CuPy knows no read-only memory, and marks no repeated elements
        return 0 not in [s for s, n in zip(array.strides, array.shape, strict=True) if n > 1]


def together(
    op: Any, arrays: list[Any], settings: dict[str, Any] | None = None
) -> tuple[list[Any], dict[str, Any]]:
    """The arrays of one operation, and its settings, all on one device.

    Numbers (arrays without axes) of the CPU go with arrays of any device, as in PyTorch: they
    become NumPy's scalars, which a kernel takes as arguments. The device becomes CuPy's current
    one. op: an ArrayFunction, or the name of a function.
    Raises RuntimeError naming the op, its arguments and their devices where they lie apart.
    """
    settings = settings or {}
    places = {device_of(x) for x in (*arrays, *settings.values()) if is_array(x)}
    places.discard("cpu")
    if not places:
        return arrays, settings
    place = places.pop()
    arrays = [_as_number(x) for x in arrays]
    settings = {name: _as_number(x) for name, x in settings.items()}
    if any(is_array(x) and device_of(x) != place for x in (*arrays, *settings.values())):
        raise _apart(op, arrays, settings)
    if place.startswith("cuda"):
        import cupy

        cupy.cuda.Device(int(place.removeprefix("cuda:"))).use()
    return arrays, settings


def _as_number(x: Any) -> Any:
    return x[()] if type(x) is np.ndarray and x.ndim == 0 else x


def _apart(op: Any, arrays: list[Any], settings: dict[str, Any]) -> RuntimeError:
    name, arguments = op, dict(enumerate(arrays))
    if not isinstance(op, str):
        name = op.__name__
        parameters = list(inspect.signature(op.forward).parameters.values())[1:]
        names = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        if len(names) >= len(arrays):  # else *arrays
            arguments = dict(zip(names, arrays, strict=False))
    places = [
        f"{label} on {device_of(x)}" for label, x in (arguments | settings).items() if is_array(x)
    ]
    return RuntimeError(
        f"{name}: all arguments must lie on one device, but they are {', '.join(places)}; "
        "move them there with .to(device)"
    )


def of_gpu(error: MemoryError) -> bool:
    """Whether it was a GPU's memory that ran out: an error of CuPy's."""
    return type(error).__module__.partition(".")[0] == "cupy"


def out_of_memory(name: str, arrays: Iterable[Any], error: MemoryError) -> MemoryError:
    """What to raise from an `error` of CuPy's: what was asked for, what is held, what to try."""
    import cupy

    pool = cupy.get_default_memory_pool()
    free, total = cupy.cuda.runtime.memGetInfo()
    shapes = ", ".join(str(x.shape) for x in arrays if is_array(x))
    return MemoryError(
        f"{name}: the GPU's memory does not suffice for inputs of shape {shapes}: {error} "
        f"Tensors hold {_in_gib(pool.used_bytes())} GiB, CuPy's pool keeps "
        f"{_in_gib(pool.free_bytes())} GiB more, {_in_gib(free)} of {_in_gib(total)} GiB are free. "
        "Try a smaller batch, no_grad() where nothing is learned, mt.checkpoint around blocks of "
        "the model, or end other programs on this GPU"
    )


def _in_gib(size: int) -> str:
    return f"{size / 2**30:.2f}"

"""Devices of arrays: names, transfers, and the check that an operation has its inputs on one.

    "cpu"         NumPy's arrays
    "cuda:i"      CuPy's arrays on the GPU number i; "cuda" is "cuda:0"
    "emulator"    NumPy's memory under CuPy's rules; kernels run as their CUDA text (kernels/cuda/)

A tensor's device is its array's. There is no current device to set: an operation runs on the device
of its inputs, and creates other arrays there by the `like=` of NumPy's creation functions. CuPy is
imported when the first tensor moves to a GPU.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np

from .kernels.installed import is_installed
from .spelling import nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

# A device by name (a `device` is a string) or by the number of a GPU.
DeviceLike: TypeAlias = "str | int"
# NumPy's arrays; CuPy's and the emulator's count as the same type.
Array: TypeAlias = "NDArray[Any]"

# Whether any array was ever outside main memory. Until then no operator checks the devices of its
# inputs, which would cost a twentieth of a small operation.
elsewhere = False

KINDS = ("cpu", "cuda", "emulator")


class device(str):
    """The name of a device, with its `type` and its `index` (or None).

        mt.device("cuda:1") == mt.device("cuda", 1) == "cuda:1"

    Whether the device exists is checked on its first use.

    Raises: TypeError and ValueError for invalid names.
    """

    __slots__ = ()

    def __new__(cls, type: str | int, index: int | None = None) -> device:
        if isinstance(type, bool) or not isinstance(type, (str, int)):
            raise TypeError(f"device: type={type!r} must be a string or a GPU's number")
        name = f"cuda:{type}" if isinstance(type, int) else type
        if index is not None:
            if ":" in name or isinstance(index, bool) or not isinstance(index, int):
                raise ValueError(f"device: index={index!r} excludes the number in type={type!r}")
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
        raise RuntimeError("device: there is no current device; pass device= to the functions")

    def __exit__(self, *error: object) -> None:
        """Do nothing: __enter__ raises."""


@cache
def _named(name: str) -> device:
    return device(name)


def device_of(array: Any) -> device:
    """The device of an array: "cpu", "cuda:i" or "emulator"."""
    device = array.device  # a str for NumPy and the emulator, an object for CuPy
    return _named(device if isinstance(device, str) else f"cuda:{device.id}")


def is_array(x: object) -> TypeGuard[Array]:
    """Whether `x` is an array of NumPy, CuPy or the emulator."""
    return isinstance(x, np.ndarray) or type(x).__module__.partition(".")[0] == "cupy"


def names_device(x: object) -> TypeGuard[str]:
    """Whether `x` names a device, rather than, for example, a dtype."""
    return isinstance(x, str) and (x in ("cpu", "emulator") or x.startswith("cuda"))


def check_device(device: DeviceLike | None, name: str) -> str:
    """The full name of `device`, "cpu" for None.

    Raises: ValueError for an unknown device, RuntimeError without CuPy or a GPU, naming the
    function `name`.
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
    """The number of GPUs. Raises: RuntimeError, naming the function `name`, if there is none."""
    instead = "device='emulator' runs the same kernels on the CPU"
    if not is_installed("cupy"):
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
    """`array` on `device`, without a copy if it is already there.

    Raises: RuntimeError, naming the function `name`, if the GPU's memory is exhausted.
    """
    global elsewhere
    if device_of(array) == device:
        return array
    from .kernels.cuda.array import to_emulator, to_host
    from .kernels.cuda.graph import refuse

    if device == "cpu":
        refuse_read("a copy to the CPU", array)
        return to_host(array)
    if elsewhere:
        refuse(f"a copy of a tensor of shape {array.shape} from {device_of(array)} to {device}")
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


def refuse_read(name: str, array: Any) -> None:
    """Raise GraphError where a step is captured whose graph cannot hold that the host reads."""
    if elsewhere and type(array) is not np.ndarray:
        from .kernels.cuda.graph import refuse

        refuse(f"{name}, for which the host waits,")


def to_host(array: Any) -> Array:
    """`array` in main memory."""
    return moved(array, "cpu", "to_host")


def address(array: Any) -> int:
    """The address of the first element of an array."""
    host = isinstance(array, np.ndarray)
    return array.__array_interface__["data"][0] if host else array.data.ptr


def is_writeable(array: Any) -> bool:
    """Whether an array is writeable: neither read-only nor with repeated elements."""
    try:
        return array.flags.writeable
    except AttributeError:  # CuPy has no read-only arrays, and does not mark repeated elements
        return 0 not in [s for s, n in zip(array.strides, array.shape, strict=True) if n > 1]


def together(
    op: Any, arrays: list[Any], settings: dict[str, Any] | None = None
) -> tuple[list[Any], dict[str, Any]]:
    """The arrays and settings of an operation, checked to be on one device.

    0-d arrays on the CPU combine with arrays on any device, as in PyTorch: they become NumPy
    scalars, which kernels take as arguments. The device becomes CuPy's current one. op: an
    ArrayFunction, or the name of a function.

    Raises: RuntimeError, naming the operator, its arguments and their devices, if these differ.
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
        f"{name}: all arguments must be on one device, but they are {', '.join(places)}; "
        "move them there with .to(device)"
    )


def of_gpu(error: MemoryError) -> bool:
    """Whether an error is CuPy's about exhausted memory of a GPU."""
    return type(error).__module__.partition(".")[0] == "cupy"


def out_of_memory(name: str, arrays: Iterable[Any], error: MemoryError) -> MemoryError:
    """The error to raise from CuPy's `error`: the request, the memory in use, and advice."""
    import cupy

    pool = cupy.get_default_memory_pool()
    free, total = cupy.cuda.runtime.memGetInfo()
    shapes = ", ".join(str(x.shape) for x in arrays if is_array(x))
    return MemoryError(
        f"{name}: the GPU's memory is exhausted, with inputs of shape {shapes}: {error} "
        f"Tensors hold {_in_gib(pool.used_bytes())} GiB, CuPy's pool keeps "
        f"{_in_gib(pool.free_bytes())} GiB more, {_in_gib(free)} of {_in_gib(total)} GiB are free. "
        "Try a smaller batch, no_grad() outside training, mt.checkpoint around blocks of the "
        "model, or end other programs on this GPU"
    )


def _in_gib(size: int) -> str:
    return f"{size / 2**30:.2f}"

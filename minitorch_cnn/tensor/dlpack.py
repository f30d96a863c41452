"""DLPack, the protocol by which libraries share the memory of arrays, on the CPU and on GPUs.

A producer gives a capsule with a C struct that describes the memory; a consumer takes it over. On a
GPU the consumer says by `stream` where it will work, and the producer makes that stream wait for
its own work, which CuPy does for us in both roles. NumPy and CuPy neither give nor take bfloat16,
so its bits are exchanged as uint16, and the dtype in the struct is rewritten.
https://dmlc.github.io/dlpack/latest/c_api.html
https://data-apis.org/array-api/latest/API_specification/generated/array_api.array.__dlpack__.html
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from .. import devices, dtypes

CPU, CUDA, PINNED, MANAGED = 1, 2, 3, 13  # DLPack's kinds of devices
UINT, BFLOAT = 1, 4  # and its codes of dtypes
READ_ONLY = 1  # a flag
# Where a capsule's struct holds the DLTensor, and in it the device (kind, number) and the dtype
# (code, bits, lanes), behind the address, and the address, device and number of axes.
PLACES = {b"dltensor": 0, b"dltensor_versioned": 32}
DEVICE, DTYPE = 8, 20
FLAGS = 24  # in a struct with a version, behind that, the owner and its function

_api = ctypes.pythonapi
_api.PyCapsule_GetName.restype = ctypes.c_char_p
_api.PyCapsule_GetName.argtypes = [ctypes.py_object]
_api.PyCapsule_GetPointer.restype = ctypes.c_void_p
_api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]


def capsule_of(array: Any, stream: Any, **options: Any) -> Any:
    """A capsule with an array; arguments and errors of `Tensor.__dlpack__`."""
    on_gpu = not isinstance(array, np.ndarray)
    options = {name: value for name, value in options.items() if value is not None}
    options |= _stream_options(stream, on_gpu)
    half = dtypes.is_bfloat16(array.dtype)
    producer = array.view(np.uint16) if half else array
    try:
        capsule = producer.__dlpack__(**options)
    except TypeError:
        # CuPy before 14 has none of the options; a consumer must expect a struct without version.
        if not on_gpu or options.keys() & {"dl_device", "copy"}:
            raise
        capsule = producer.__dlpack__(**_stream_options(stream, on_gpu))
    if half:
        _dtype_in(capsule)[0] = BFLOAT
    return capsule


def _stream_options(stream: Any, on_gpu: bool) -> dict[str, int]:
    """The stream as an option of the array's own method.

    None: CUDA's legacy default stream, as 1; 2: that of the thread; -1: nobody waits; else an
    address. On the CPU there is none.
    """
    if stream is not None and type(stream) is not int:
        raise TypeError(f"__dlpack__: stream={stream!r} must be None or an int")
    if not on_gpu:
        if stream not in (None, -1):
            raise ValueError(f"__dlpack__: stream={stream} must be None or -1 on the CPU")
        return {}
    if stream is not None and (stream == 0 or stream < -1):
        raise ValueError(
            f"__dlpack__: stream={stream} must be None, -1 (nobody waits), 1 (the default stream), "
            "2 (that of the thread) or the address of a stream"
        )
    return {} if stream is None else {"stream": stream}


def array_from(source: Any, copy: bool | None) -> Any:
    """An array that shares the memory of another library's array, or of a capsule.

    On a GPU memory that is only to be read is copied, because CuPy's arrays can be written to.
    Arguments and errors of `from_dlpack`.
    """
    if type(source).__name__ == "PyCapsule":
        source = _Capsule(source)
    if not hasattr(source, "__dlpack_device__"):
        raise TypeError(
            "from_dlpack: source must be a capsule or have __dlpack__ and __dlpack_device__, got "
            f"{type(source).__name__}"
        )
    kind, number = map(int, source.__dlpack_device__())
    if kind not in (CPU, CUDA, PINNED, MANAGED):
        raise BufferError(
            f"from_dlpack: source lies on a device of DLPack's kind {kind}, must be one of CPU "
            f"({CPU}), CUDA ({CUDA}), pinned ({PINNED}) and managed ({MANAGED}) memory"
        )
    wrapped = _AsBits(source)
    if kind == CUDA:
        devices.check_device(f"cuda:{number}", "from_dlpack")
        import cupy

        array: Any = cupy.from_dlpack(wrapped)
    else:
        array = np.from_dlpack(wrapped)
    array = array.view(dtypes.bfloat16) if wrapped.is_bfloat16 else array
    if copy:
        return array.copy()
    if wrapped.is_read_only and kind == CUDA:
        if copy is False:
            raise BufferError("from_dlpack: copy=False, but source must not be written to")
        return array.copy()
    return array


class _Capsule:
    """A capsule that somebody made, as a source."""

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __dlpack__(self, **options: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        place = ctypes.c_int32 * 2
        kind, number = place.from_address(_tensor_in(self.capsule) + DEVICE)
        return kind, number


class _AsBits:
    """A source whose capsules name uint16 for bfloat16; all else is the source's."""

    def __init__(self, source: Any) -> None:
        self.source, self.is_bfloat16, self.is_read_only = source, False, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.source, name)

    def __dlpack__(self, **options: Any) -> Any:
        try:
            capsule = self.source.__dlpack__(**options)
        except TypeError:  # a source of before the other options
            stream = {"stream": options["stream"]} if "stream" in options else {}
            capsule = self.source.__dlpack__(**stream)
        dtype = _dtype_in(capsule)
        if (dtype[0], dtype[1]) == (BFLOAT, 16):
            dtypes.bfloat16  # noqa: B018 (an ImportError says what to install)
            dtype[0], self.is_bfloat16 = UINT, True
        self.is_read_only = bool(_flags_of(capsule) & READ_ONLY)
        return capsule

    def __dlpack_device__(self) -> Any:
        return self.source.__dlpack_device__()


def _tensor_in(capsule: Any) -> int:
    """The address of a capsule's DLTensor. ValueError for a capsule that is none, or was taken."""
    name = _api.PyCapsule_GetName(capsule)
    if name not in PLACES:
        raise ValueError(
            f"from_dlpack: the capsule is called {name!r}, must be one of DLPack's, which can be "
            "taken once"
        )
    return _api.PyCapsule_GetPointer(capsule, name) + PLACES[name]


def _dtype_in(capsule: Any) -> Any:
    """The bytes of a capsule's dtype."""
    return (ctypes.c_uint8 * 2).from_address(_tensor_in(capsule) + DTYPE)


def _flags_of(capsule: Any) -> int:
    """The flags of a capsule, 0 for one without a version."""
    name = _api.PyCapsule_GetName(capsule)
    if name == b"dltensor":
        return 0
    return ctypes.c_uint64.from_address(_tensor_in(capsule) - PLACES[name] + FLAGS).value

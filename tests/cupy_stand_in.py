"""A stand-in for CuPy on NumPy's memory: its arrays are no NumPy arrays, and mix with none.

The emulator's arrays are a subclass of NumPy's, which lets pass what takes any subclass for
granted. These do not: what an operation wants of them beyond CuPy's interface is an error.
"""

import math
import operator
from types import ModuleType, SimpleNamespace

import numpy as np


def host(x):
    """`x` with the memory of its arrays; TypeError for an array of the host among them."""
    if isinstance(x, ndarray):
        return x.memory
    if isinstance(x, np.ndarray):
        raise TypeError(f"Unsupported type numpy.ndarray, of shape {x.shape}")
    if isinstance(x, (list, tuple)):
        return type(x)([host(part) for part in x])
    return x


def on_device(result, source=None):
    """Arrays and NumPy's numbers as the device's; a view of `source` knows its base."""
    if isinstance(result, (list, tuple)):
        return tuple(on_device(part, source) for part in result)
    if not isinstance(result, (np.ndarray, np.generic)):
        return result
    y = ndarray(np.asarray(result))
    if source is not None and y.size and np.shares_memory(y.memory, source.memory):
        y.base = source if source.base is None else source.base
    return y


class ndarray:
    """cupy.ndarray, as far as it is used."""

    __module__ = "cupy"
    __hash__ = None
    base = None
    device = SimpleNamespace(id=0)

    def __init__(self, memory):
        self.memory = memory

    @property
    def flags(self):
        flags = self.memory.flags
        return SimpleNamespace(c_contiguous=flags.c_contiguous, f_contiguous=flags.f_contiguous)

    def __array__(self, *args, **settings):
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **settings):
        settings = {name: host(value) for name, value in settings.items()}
        if out:
            settings["out"] = host(out)
        result = getattr(ufunc, method)(*host(inputs), **settings)
        return out[0] if out else on_device(result)

    def __array_function__(self, func, types, args, settings):
        if func is np.asarray:
            return asarray(*args, **settings)
        if {"initial", "device"} & settings.keys():
            raise TypeError(f"{func.__name__}() got an unexpected keyword argument")
        settings = {name: host(value) for name, value in settings.items()}
        source = args[0] if args and isinstance(args[0], ndarray) else None
        result = func(*host(args), **settings)
        if func is np.diagonal:  # CuPy's can be written to
            result.flags.writeable = True
        return on_device(result, source)

    def __getitem__(self, key):
        key = tuple(map(memory_of, key if isinstance(key, tuple) else (key,)))
        return on_device(self.memory[key if ... in map(_plain, key) else (*key, ...)], self)

    def __setitem__(self, key, value):
        if isinstance(value, np.ndarray) and value.ndim:
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        key = tuple(map(memory_of, key if isinstance(key, tuple) else (key,)))
        self.memory[key] = value.memory if isinstance(value, ndarray) else value

    def __len__(self):
        return len(self.memory)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __bool__(self):
        return bool(self.memory)

    def __float__(self):
        return float(self.memory)

    def __int__(self):
        return int(self.memory)

    def get(self):
        return self.memory.copy()


def _erfinv(x: float) -> float:
    """The root of erf y = x within (-1, 1), by bisection."""
    low, high = -6.0, 6.0
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (middle, high) if math.erf(middle) < x else (low, middle)
    return middle


def _plain(part):
    return None if isinstance(part, np.ndarray) else part


def _method(name):
    def method(self, *args, **settings):
        return on_device(getattr(self.memory, name)(*host(args), **settings), self)

    return method


def _attribute(name):
    read = operator.attrgetter(name)
    return property(lambda self: read(self.memory))


def _operator(ufunc):
    return lambda x, y: ufunc(x, y)


def _reflected(ufunc):
    return lambda x, y: ufunc(y, x)


def _in_place(ufunc):
    return lambda x, y: ufunc(x, y, out=x, casting="same_kind")


def _of_one(ufunc):
    return lambda x: ufunc(x)


METHODS = [
    "all", "any", "argmax", "argmin", "argsort", "astype", "clip", "copy", "cumsum", "item", "max",
    "mean", "min", "prod", "ravel", "reshape", "squeeze", "sum", "swapaxes", "take", "tolist",
    "transpose",
]  # fmt: skip
ATTRIBUTES = ["dtype", "flat", "itemsize", "nbytes", "ndim", "shape", "size", "strides"]
ARITHMETIC = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide,
    "floordiv": np.floor_divide, "mod": np.remainder, "pow": np.power, "matmul": np.matmul,
    "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor,
}  # fmt: skip
COMPARISON = {
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "eq": np.equal, "ne": np.not_equal,
}  # fmt: skip
UNARY = {"neg": np.negative, "invert": np.invert, "abs": np.absolute}

for name in METHODS:
    setattr(ndarray, name, _method(name))
for name in ATTRIBUTES:
    setattr(ndarray, name, _attribute(name))
for name, ufunc in ARITHMETIC.items():
    setattr(ndarray, f"__{name}__", _operator(ufunc))
    setattr(ndarray, f"__r{name}__", _reflected(ufunc))
    setattr(ndarray, f"__i{name}__", _in_place(ufunc))
for name, ufunc in COMPARISON.items():
    setattr(ndarray, f"__{name}__", _operator(ufunc))
for name, ufunc in UNARY.items():
    setattr(ndarray, f"__{name}__", _of_one(ufunc))


def asarray(x, dtype=None):
    """cupy.asarray"""
    if isinstance(x, ndarray) and dtype is None:
        return x
    return ndarray(np.array(memory_of(x), dtype))


def memory_of(x):
    """The memory of the device's array, anything else as it is."""
    return x.memory if isinstance(x, ndarray) else x


class Device:
    """cupy.cuda.Device"""

    def __init__(self, index):
        assert index == 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def use(self):
        pass


def modules() -> dict[str, ModuleType]:
    """What stands in sys.modules for CuPy with one GPU."""
    cupy, cupyx = ModuleType("cupy"), ModuleType("cupyx")
    cupy.__spec__ = SimpleNamespace(name="cupy")
    cupy.ndarray, cupy.asarray, cupy.asnumpy = ndarray, asarray, ndarray.get
    runtime = SimpleNamespace(getDeviceCount=lambda: 1)
    cupy.cuda = SimpleNamespace(Device=Device, is_available=lambda: True, runtime=runtime)
    special = ModuleType("cupyx.scipy.special")
    functions = {"erf": math.erf, "erfc": math.erfc, "erfinv": _erfinv}
    for name, function in functions.items():
        each = np.frompyfunc(function, 1, 1)
        compute = lambda x, each=each: ndarray(np.asarray(each(x.memory), x.dtype))  # noqa: E731
        setattr(special, name, compute)
    cupyx.scipy = ModuleType("cupyx.scipy")
    cupyx.scipy.special = special
    return {"cupy": cupy, "cupyx": cupyx, "cupyx.scipy": cupyx.scipy, special.__name__: special}

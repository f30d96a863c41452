"""The setting that allows float32 products to be computed in TF32.

TF32 keeps the exponent of float32 and 10 bits of its fraction. Tensor cores multiply it, about
seven times as fast as float32 on a Hopper by the data sheet, with a relative error of at most 1e-3
in each factor. Sums stay in float32.
"""

from ..compat import set_cupy_tf32
from .array import has_gpu


class AllowTF32:
    """The setting. By default convolutions may use TF32 and matrix products may not, as in PyTorch.

    >>> allow_tf32.convolution = False
    >>> print(allow_tf32)
    TF32: convolution off, matmul off
    """

    __slots__ = ("convolution", "matmul")

    def __init__(self):
        self.convolution, self.matmul = True, False

    def __setattr__(self, name, value):
        if not isinstance(value, bool):
            raise TypeError(f"allow_tf32: {name}={value!r} must be True or False")
        changed = value != getattr(self, name, value)
        super().__setattr__(name, value)
        if name == "matmul" and changed and has_gpu():
            set_cupy_tf32(value)

    def __str__(self):
        states = (f"{name} {'on' if getattr(self, name) else 'off'}" for name in self.__slots__)
        return f"TF32: {', '.join(states)}"


allow_tf32 = AllowTF32()

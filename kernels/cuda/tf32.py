"""Whether float32 products may be computed in TF32, and the one place where that is said.

TF32 keeps the exponent of float32 and 10 bits of its fraction, so that a tensor core multiplies it:
about seven times as fast as float32 on a Hopper by the data sheet, with relative errors of 1e-3 in
each factor. Sums stay in float32.
"""

from .array import has_gpu


class AllowTF32:
    """The setting: convolutions may (as in PyTorch), products of matrices may not, until told so.

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
            _tell_cupy(value)

    def __str__(self):
        states = (f"{name} {'on' if getattr(self, name) else 'off'}" for name in self.__slots__)
        return f"TF32: {', '.join(states)}"


def _tell_cupy(allowed: bool) -> None:
    """Products of matrices are CuPy's, through cuBLAS."""
    import cupy

    kinds = cupy._core._routines_linalg
    kind = kinds.COMPUTE_TYPE_TF32 if allowed else kinds.COMPUTE_TYPE_DEFAULT
    cupy._core.set_compute_type(cupy.float32, kind)


allow_tf32 = AllowTF32()

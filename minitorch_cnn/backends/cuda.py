"""Whether GPUs can be used; NVIDIA's, by CuPy."""

from ..kernels.installed import is_installed


def is_built() -> bool:
    """Whether CuPy is installed."""
    return is_installed("cupy")

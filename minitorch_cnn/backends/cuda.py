"""Whether GPUs can be used; NVIDIA's, by CuPy."""

from importlib.util import find_spec


def is_built() -> bool:
    """Whether CuPy is installed."""
    return find_spec("cupy") is not None

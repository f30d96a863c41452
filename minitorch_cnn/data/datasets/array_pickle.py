"""Read pickles of NumPy arrays without running anything that a pickle may ask for.

A pickle is a program: by naming a function it has it called. The files of CIFAR need three names of
NumPy to rebuild an array; this reader knows these three, by its own table, and refuses every other.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np

_reconstruct = np.empty(0).__reduce__()[0]

ADMITTED = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,  # until NumPy 1
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,  # since NumPy 2
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) not in ADMITTED:
            raise pickle.UnpicklingError(
                f"it asks for {module}.{name}; only NumPy arrays and Python's numbers, text, lists "
                "and dicts are admitted, and nothing was executed"
            )
        return ADMITTED[module, name]


def read_array_pickle(path: str | Path) -> dict:
    """A file holding one pickled dict -> that dict, its keys as str; text of Python 2 stays bytes.

    Raises ValueError naming the file if it is damaged, holds something else than a dict, or asks
    for anything but NumPy arrays.
    """
    try:
        with open(path, "rb") as file:
            content = _ArrayUnpickler(file, encoding="bytes").load()
    except OSError:
        raise
    except Exception as error:  # what a damaged pickle raises depends on where it is damaged
        raise ValueError(f"read_array_pickle: {path} is refused: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(
            f"read_array_pickle: {path} holds a {type(content).__name__}; expected a dict"
        )
    return {as_text(key): value for key, value in content.items()}


def as_text(value: bytes | str) -> str:
    """Text of Python 2 or 3 as str."""
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)

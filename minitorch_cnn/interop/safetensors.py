"""Tensors by name in a safetensors file: a header in JSON, then the bytes; nothing that runs.

The format: https://huggingface.co/docs/safetensors. The library is imported on first use.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..backend import check_dtype
from ..devices import is_array, to_host
from ..tensor.tensor import Tensor
from .atomic import write_atomically


class Loaded(NamedTuple):
    """What a file holds: tensors by name, and text by name."""

    tensors: dict[str, Tensor]
    metadata: dict[str, str]


def save(
    state: Mapping[str, Tensor | np.ndarray],
    path: str | Path,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write Tensors or arrays by name, such as a state_dict, into a safetensors file.

    Any layout and every dtype of `mt` is stored exactly, float16 included. `metadata`: text by
    name, kept in the header. The file appears whole or not at all: see `write_atomically`.

    Raises: TypeError for names that are not str, values that are no tensors, other dtypes or
    metadata that is not text; OSError if the file cannot be written.

        mt.save(model.state_dict(), "lenet5.safetensors")
    """
    from safetensors.numpy import save as to_bytes

    if not isinstance(state, Mapping):
        raise TypeError(f"save: state must be a dict, got {type(state).__name__}")
    arrays = {name: _array(name, value) for name, value in state.items()}
    for name, text in (metadata or {}).items():
        if not isinstance(name, str) or not isinstance(text, str):
            raise TypeError(f"save: metadata {name!r} must be text under a text name")
    write_atomically(path, to_bytes(arrays, metadata=dict(metadata) if metadata else None))


def load(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file by name.

    Raises: FileNotFoundError; ValueError if the file is truncated or something else.

        model.load_state_dict(mt.load("lenet5.safetensors"))
    """
    return load_with_metadata(path).tensors


def load_with_metadata(path: str | Path) -> Loaded:
    """The tensors of a safetensors file by name, and the text in its header.

    Raises: FileNotFoundError; ValueError if the file is truncated or something else.
    """
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise FileNotFoundError(f"load: there is no file {path}")
    try:
        with safe_open(path, framework="numpy") as file:
            tensors = {name: Tensor(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
            return Loaded(tensors, dict(file.metadata() or {}))
    except (SafetensorError, TypeError) as error:
        raise ValueError(f"load: {path} is not a whole safetensors file ({error})") from error


def _array(name: str, value) -> np.ndarray:
    """The array of a Tensor or array, in C order: the library writes the memory as it lies."""
    array = value.data if isinstance(value, Tensor) else value
    if not isinstance(name, str):
        raise TypeError(f"save: name {name!r} must be a str")
    if is_array(array):
        array = to_host(array)
    elif not isinstance(array, np.generic):
        raise TypeError(f"save: {name!r} must be a Tensor or an array, got {type(value).__name__}")
    native = array.dtype.newbyteorder("=")
    return np.asarray(array, dtype=check_dtype(native, "save"), order="C")

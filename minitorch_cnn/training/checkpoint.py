"""A checkpoint: the full state for resuming a run, in one safetensors file.

Arrays are stored as the file's tensors, everything else as JSON in its header. A new checkpoint
replaces the old one by an atomic rename, so a crash at any moment leaves one complete checkpoint.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..devices import is_array
from ..interop import load_with_metadata, write_atomically
from ..interop.safetensors import safetensors_bytes
from ..tensor import Tensor

FORMAT = "minitorch_cnn checkpoint 1"


def save_checkpoint(path: str | Path, state: dict[str, Any]) -> None:
    """Write nested dicts, lists and tuples of arrays, Tensors, numbers, text and None.

    The file is in safetensors format whatever its suffix.

    Raises: TypeError for any other value; OSError if the file cannot be written, which leaves the
    previous checkpoint untouched.
    """
    arrays: dict[str, np.ndarray] = {}
    text = json.dumps(_pack(state, "", arrays))
    write_atomically(path, safetensors_bytes(arrays, {"format": FORMAT, "state": text}))


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read the state that `save_checkpoint` wrote, with arrays in place of Tensors.

    Raises: FileNotFoundError; ValueError if the file is truncated, edited or not a checkpoint.
    """
    tensors, metadata = load_with_metadata(path)
    if metadata.get("format") != FORMAT:
        raise ValueError(f"load_checkpoint: {path} is not a checkpoint of a training run")
    try:
        state = _unpack(json.loads(metadata["state"]), tensors)
        if not isinstance(state, dict):
            raise TypeError(f"its state is a {type(state).__name__}")
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise ValueError(f"load_checkpoint: {path} is damaged or was edited ({error!r})") from error
    return state


# JSON has neither tuples, nor arrays, nor keys other than text (an optimizer numbers its
# parameters): each becomes a dict with one of these keys, which no other dict may have.
TENSOR, TUPLE, ITEMS = "$tensor", "$tuple", "$items"


def _pack(value: Any, name: str, arrays: dict[str, np.ndarray]) -> Any:
    """`value` as JSON; its arrays go into `arrays` under dotted names that start with `name`."""
    if isinstance(value, Tensor) or is_array(value):
        while name in arrays:  # {"a.b": ...} beside {"a": {"b": ...}}
            name += "_"
        arrays[name] = value.array if isinstance(value, Tensor) else value
        return {TENSOR: name}
    if isinstance(value, dict):
        items = [
            (key, _pack(item, f"{name}.{key}".lstrip("."), arrays)) for key, item in value.items()
        ]
        if all(isinstance(key, str) and not key.startswith("$") for key in value):
            return dict(items)
        return {ITEMS: items}
    if isinstance(value, list | tuple):
        items = [_pack(item, f"{name}.{i}", arrays) for i, item in enumerate(value)]
        return {TUPLE: items} if isinstance(value, tuple) else items
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"save_checkpoint: {name} is a {type(value).__name__}, which cannot be stored")


def _unpack(value: Any, tensors: dict[str, Tensor]) -> Any:
    """The reverse of `_pack`."""
    if isinstance(value, list):
        return [_unpack(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    if TENSOR in value:
        return tensors[value[TENSOR]].array
    if TUPLE in value:
        return tuple(_unpack(value[TUPLE], tensors))
    if ITEMS in value:
        return {key: _unpack(item, tensors) for key, item in value[ITEMS]}
    return {key: _unpack(item, tensors) for key, item in value.items()}

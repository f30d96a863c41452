"""Save weights and other data to a file, in the format that its name implies."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from .atomic import write_atomically
from .safetensors import safetensors_bytes
from .torch_save import torch_bytes


def save(obj: Any, f: str | Path | BinaryIO, metadata: Mapping[str, str] | None = None) -> None:
    """Save `obj` to a path or an open binary file.

    A path that ends in .safetensors gets that format: obj is a dict of Tensors or arrays by name,
    such as a state_dict; metadata: text by name, stored in its header. Any other path (.pth, .pt,
    no suffix) and an open file get the format of `torch.save`, which `torch.load` reads with
    weights_only=True: obj is nested dicts, lists and tuples of Tensors, numbers, text, booleans and
    None, with text or numbers as keys. Tensors that share memory share it in the file; arrays
    become Tensors, NumPy numbers become Python numbers, all on the CPU.

    Any layout and every dtype of `mt` is stored exactly, those of 16 bits included. The same obj
    gives the same bytes. A file at a path appears whole or not at all: see `write_atomically`.

    Raises: TypeError, naming the type, for an object that cannot be stored, and for metadata with
    another format; OSError if the file cannot be written.

        mt.save(model.state_dict(), "lenet5.safetensors")
        mt.save({"model": model.state_dict(), "epoch": 3}, "checkpoint.pth")
    """
    path = isinstance(f, str | os.PathLike)
    if not path and not hasattr(f, "write"):
        raise TypeError(f"save: f must be a path or an open binary file, got {type(f).__name__}")
    if path and os.fspath(f).endswith(".safetensors"):
        content = safetensors_bytes(obj, metadata)
    elif metadata is not None:
        raise TypeError("save: metadata goes with a path that ends in .safetensors")
    else:
        content = torch_bytes(obj)
    if path:
        write_atomically(f, content)
    else:
        f.write(content)

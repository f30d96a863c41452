"""Weights and whatever lies beside them into a file, in the form that its name says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from .atomic import write_atomically
from .safetensors import safetensors_bytes
from .torch_save import torch_bytes


def save(obj: Any, f: str | Path | BinaryIO, metadata: Mapping[str, str] | None = None) -> None:
    """Write `obj` into a file, a path or an open binary file.

    A path that ends in .safetensors becomes such a file: obj is a dict of Tensors or arrays by
    name, such as a state_dict; metadata: text by name, kept in its header. Any other (.pth, .pt,
    none) and an open file become what `torch.save` writes, which `torch.load` reads with
    weights_only=True: obj is nested dicts, lists and tuples of Tensors, numbers, text, booleans and
    None, with text or numbers as keys. Tensors that share memory share it in the file; arrays
    become Tensors, numbers of NumPy those of Python, all on the CPU.

    Any layout and every dtype of `mt` is stored exactly, float16 included. The same obj gives the
    same bytes. A path's file appears whole or not at all: see `write_atomically`.

    Raises: TypeError for what cannot be stored, with what it is, and for metadata elsewhere;
    OSError if the file cannot be written.

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

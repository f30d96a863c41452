"""torch.multiprocessing: the names of Python's multiprocessing, and PyTorch's of shared memory."""

from __future__ import annotations

import importlib
from typing import Any, NoReturn


def get_sharing_strategy() -> str:
    """The word "file_descriptor": tensors are copied to other processes anyway."""
    return "file_descriptor"


def set_sharing_strategy(new_strategy: str) -> None:
    """Accepted, as in PyTorch; tensors are copied to other processes."""


def spawn(*args: Any, **settings: Any) -> NoReturn:
    """RuntimeError: training runs in one process."""
    raise RuntimeError("multiprocessing.spawn: training runs in one process")


def __getattr__(name: str) -> Any:
    """What Python's module has."""
    return getattr(importlib.import_module("multiprocessing"), name)

"""torch.multiprocessing: Python's multiprocessing, and PyTorch's names for shared memory."""

from __future__ import annotations

import importlib
from typing import Any, NoReturn


def get_sharing_strategy() -> str:
    """Return "file_descriptor"; tensors are always copied to other processes."""
    return "file_descriptor"


def set_sharing_strategy(new_strategy: str) -> None:
    """Do nothing: tensors are always copied to other processes."""


def spawn(*args: Any, **settings: Any) -> NoReturn:
    """Raises RuntimeError: training runs in one process."""
    raise RuntimeError("multiprocessing.spawn: training runs in one process")


def __getattr__(name: str) -> Any:
    """The attributes of Python's module."""
    return getattr(importlib.import_module("multiprocessing"), name)

"""The random generator: one stream, seeded by `manual_seed`, for all random numbers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = [  # also names of the package
    "default_generator",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
]

_generator: np.random.Generator | None = None  # created on first use: numpy.random imports slowly
_seed: int | None = None  # its initial seed


class _OfThread(threading.local):
    generator: Callable[[], np.random.Generator] | None = None  # set while a thread has its own


_of_thread = _OfThread()


def manual_seed(seed: int) -> np.random.Generator:
    """Seed the generator of all random numbers, and return it."""
    global _generator, _seed
    _seed = seed % 2**64  # as in PyTorch, for negative seeds
    _generator = np.random.default_rng(_seed)
    return _generator


def seed() -> int:
    """Seed the generator from the system's entropy, and return the seed."""
    drawn = _entropy()
    manual_seed(drawn)
    return drawn


def _entropy() -> int:
    return int(np.random.SeedSequence().generate_state(1, np.uint64)[0])


def initial_seed() -> int:
    """The initial seed of the generator."""
    return seed() if _seed is None else _seed


def default_generator() -> np.random.Generator:
    """The generator that `manual_seed` seeds (initially from the system's entropy).

    While a `DataLoader` loads a sample, it is the stream of that sample in that thread.
    """
    if _of_thread.generator is not None:
        return _of_thread.generator()
    return manual_seed(_entropy()) if _generator is None else _generator


class drawing_from:
    """A context in which `default_generator` returns generator(), in this thread only."""

    __slots__ = ("before", "generator")

    def __init__(self, generator: Callable[[], np.random.Generator]):
        self.generator = generator

    def __enter__(self) -> None:
        self.before = _of_thread.generator
        _of_thread.generator = self.generator

    def __exit__(self, *error: object) -> None:
        _of_thread.generator = self.before


def get_rng_state() -> dict[str, Any]:
    """The state of `default_generator` as a dict for JSON."""
    state: Any = default_generator().bit_generator.state
    return state


def set_rng_state(state: dict[str, Any]) -> None:
    """Restore a state of `default_generator` from `get_rng_state`."""
    default_generator().bit_generator.state = state

"""The random generator: one stream, seeded by `manual_seed`, that everything random draws from."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = [  # what is also a name of the package
    "default_generator",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
]

_generator: np.random.Generator | None = None  # made on first use: importing numpy.random is slow
_seed: int | None = None  # what it started from


class _OfThread(threading.local):
    generator: Callable[[], np.random.Generator] | None = None  # while a thread has its own


_of_thread = _OfThread()


def manual_seed(seed: int) -> np.random.Generator:
    """Seed the generator from which everything random is drawn, and return it."""
    global _generator, _seed
    _seed = seed % 2**64  # negative seeds, too, as in PyTorch
    _generator = np.random.default_rng(_seed)
    return _generator


def seed() -> int:
    """Seed it from the system's entropy, and return the seed."""
    drawn = _entropy()
    manual_seed(drawn)
    return drawn


def _entropy() -> int:
    return int(np.random.SeedSequence().generate_state(1, np.uint64)[0])


def initial_seed() -> int:
    """The seed that the generator started from."""
    return seed() if _seed is None else _seed


def default_generator() -> np.random.Generator:
    """The generator that `manual_seed` seeds (from the system's entropy until then).

    While a `DataLoader` loads a sample it is the stream of that sample, in that thread.
    """
    if _of_thread.generator is not None:
        return _of_thread.generator()
    return manual_seed(_entropy()) if _generator is None else _generator


class drawing_from:
    """Within it, `default_generator` is what `generator` returns, in this thread alone."""

    __slots__ = ("before", "generator")

    def __init__(self, generator: Callable[[], np.random.Generator]):
        self.generator = generator

    def __enter__(self) -> None:
        self.before = _of_thread.generator
        _of_thread.generator = self.generator

    def __exit__(self, *error: object) -> None:
        _of_thread.generator = self.before


def get_rng_state() -> dict[str, Any]:
    """The state of `default_generator` as a dict that JSON can hold."""
    state: Any = default_generator().bit_generator.state
    return state


def set_rng_state(state: dict[str, Any]) -> None:
    """Put `default_generator` back to a state that `get_rng_state` returned."""
    default_generator().bit_generator.state = state

"""The random generator: one stream, seeded by `manual_seed`, for all random numbers.

Numbers that are drawn on a device are Philox's (kernels/philox), which follow from a key. Each such
draw takes its key from the stream, so that the stream's state is all that a run depends on.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from .kernels.cuda.tape import this_thread

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


class Rows(NamedTuple):
    """The rows of a batch that a process computes: `count` of `total`, from `first` on."""

    first: int
    count: int
    total: int

    @classmethod
    def of_rank(cls, rank: int, size: int, total: int) -> Rows:
        """The rows of one of `size` ranks: equal parts, the first ranks have one more."""
        least, more = divmod(total, size)
        return cls(rank * least + min(rank, more), least + (rank < more), total)


class _OfThread(threading.local):
    generator: Callable[[], np.random.Generator] | None = None  # set while a thread has its own
    rows: Rows | None = None  # set while a thread computes a part of a batch


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
        found = _of_thread.generator()
    else:
        found = manual_seed(_entropy()) if _generator is None else _generator
    return found if _of_thread.rows is None else _rows_generator()(found, _of_thread.rows)


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


class drawing_rows:
    """A context in which draws of one number or more per row are those of the whole batch's rows.

    A draw whose first size is that of the rows is made for the batch, and cut: dropout then does
    not depend on how a batch is divided. Others are made as they are.
    """

    __slots__ = ("before", "rows")

    def __init__(self, rows: Rows | None):
        self.rows = rows

    def __enter__(self) -> None:
        self.before = _of_thread.rows
        _of_thread.rows = self.rows

    def __exit__(self, *error: object) -> None:
        _of_thread.rows = self.before


class DeviceDraw(NamedTuple):
    """What numbers of a device follow from: a key, and the place of the first one."""

    key: Any
    first: int


def device_draw(shape: tuple[int, ...]) -> DeviceDraw:
    """The key of the next numbers that a device draws, of this shape.

    It is the next number of 64 bits of `default_generator`, in a captured graph at each replay.
    Within `drawing_rows` the numbers are those of the rows among the whole batch's.
    """
    rows, first = _of_thread.rows, 0
    if rows is not None and shape and shape[0] == rows.count:
        first = rows.first * math.prod(shape[1:])
    capture = this_thread.capture
    return DeviceDraw(_next_key() if capture is None else capture.key(_next_key), first)


def _next_key() -> int:
    return int(default_generator().integers(0, 2**64, dtype=np.uint64))


# The place of `size` among the arguments of a Generator's methods.
_SIZES = {
    "random": 0, "standard_normal": 0, "standard_exponential": 0, "exponential": 1, "uniform": 2,
    "normal": 2, "integers": 2, "beta": 2,
}  # fmt: skip


@cache
def _rows_generator() -> Any:
    """The class of a Generator that draws for the whole batch; made on first use, as above."""

    def cutting(name: str, place: int) -> Any:
        whole = getattr(np.random.Generator, name)

        def draw(self: Any, *args: Any, **settings: Any) -> Any:
            given = list(args)
            size = given[place] if len(given) > place else settings.get("size")
            rows = self.rows
            if not isinstance(size, tuple) or not size or size[0] != rows.count:
                return whole(self, *args, **settings)
            if len(given) > place:
                given[place] = (rows.total, *size[1:])
            else:
                settings["size"] = (rows.total, *size[1:])
            return whole(self, *given, **settings)[rows.first : rows.first + rows.count]

        return draw

    class RowsGenerator(np.random.Generator):
        def __new__(cls, generator: np.random.Generator, rows: Rows) -> Any:
            made: Any = np.random.Generator.__new__
            return made(cls, generator.bit_generator)

        def __init__(self, generator: np.random.Generator, rows: Rows):
            super().__init__(generator.bit_generator)
            self.rows = rows

    for name, place in _SIZES.items():
        setattr(RowsGenerator, name, cutting(name, place))
    return RowsGenerator


def get_rng_state() -> dict[str, Any]:
    """The state of `default_generator` as a dict for JSON."""
    state: Any = default_generator().bit_generator.state
    return state


def set_rng_state(state: dict[str, Any]) -> None:
    """Restore a state of `default_generator` from `get_rng_state`."""
    default_generator().bit_generator.state = state

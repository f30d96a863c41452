"""Random search: every answer is equally likely, and rewards are ignored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


class RandomSearch:
    """The baseline that every other method has to beat at an equal number of samples.

    batch: the sequences per request; seed: of all random draws.

    Raises: ValueError for a batch below 1.
    """

    def __init__(self, sizes: Sequence[int], seed: int = 0, batch: int = 10):
        if batch < 1:
            raise ValueError(f"RandomSearch: batch={batch} must be at least 1")
        self.sizes, self.batch = tuple(sizes), batch
        self.generator = np.random.default_rng(seed)

    def ask(self, count: int) -> list[tuple[int, ...]]:
        """`count` sequences, drawn uniformly."""
        drawn = self.generator.integers(self.sizes, size=(count, len(self.sizes)))
        return [tuple(row) for row in drawn.tolist()]

    def tell(self, sequences: list[tuple[int, ...]], rewards: Sequence[float]) -> None:
        """Ignore the rewards."""

    def state_dict(self) -> dict[str, Any]:
        """The state that `ask` depends on."""
        return {"generator": self.generator.bit_generator.state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state that `state_dict` returned."""
        self.generator.bit_generator.state = state["generator"]

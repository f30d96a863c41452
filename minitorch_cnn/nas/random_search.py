"""Random search: every answer is equally likely, and nothing is learned from rewards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


class RandomSearch:
    """What every other method has to beat at an equal number of samples.

    batch: the sequences that are asked for at a time; seed: of all that is drawn.

    Raises: ValueError for a batch below 1.
    """

    def __init__(self, sizes: Sequence[int], seed: int = 0, batch: int = 10):
        if batch < 1:
            raise ValueError(f"RandomSearch: batch={batch} must be at least 1")
        self.sizes, self.batch = tuple(sizes), batch
        self.generator = np.random.default_rng(seed)

    def ask(self, count: int) -> list[tuple[int, ...]]:
        """So many sequences, all drawn alike."""
        drawn = self.generator.integers(self.sizes, size=(count, len(self.sizes)))
        return [tuple(row) for row in drawn.tolist()]

    def tell(self, sequences: list[tuple[int, ...]], rewards: Sequence[float]) -> None:
        """Nothing comes of it."""

    def state_dict(self) -> dict[str, Any]:
        """All that `ask` depends on."""
        return {"generator": self.generator.bit_generator.state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on as the one whose `state_dict` this is."""
        self.generator.bit_generator.state = state["generator"]

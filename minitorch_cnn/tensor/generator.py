"""Generator: an independent source of random numbers, under PyTorch's name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .types import DeviceLike


class Generator(np.random.Generator):
    """NumPy's generator with PyTorch's methods, for every argument named `generator`.

    It starts from the system's entropy; `manual_seed` makes it reproducible. The numbers are
    NumPy's, not PyTorch's.
    """

    def __init__(self, device: DeviceLike = "cpu"):
        if str(device) != "cpu":
            raise ValueError(f"Generator: device={device!r} must be 'cpu': numbers are drawn there")
        self._seed = int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
        super().__init__(np.random.PCG64(self._seed))

    def manual_seed(self, seed: int) -> Generator:
        """Restart from a number; returns the generator itself."""
        self._seed = seed % 2**64
        self.bit_generator.state = np.random.PCG64(self._seed).state
        return self

    def seed(self) -> int:
        """Restart from the system's entropy; returns the seed."""
        self.manual_seed(int(np.random.SeedSequence().generate_state(1, np.uint64)[0]))
        return self._seed

    def initial_seed(self) -> int:
        """The seed that the generator was started from."""
        return self._seed

    def get_state(self) -> dict[str, Any]:
        """Return the state, which JSON can store."""
        state: Any = self.bit_generator.state
        return state

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore a state that `get_state` returned."""
        self.bit_generator.state = state

    def __reduce__(self) -> tuple[Any, ...]:
        return _at_state, (self._seed, self.get_state())


def _at_state(seed: int, state: dict[str, Any]) -> Generator:
    """Rebuild a copied or pickled generator."""
    generator = Generator().manual_seed(seed)
    generator.set_state(state)
    return generator

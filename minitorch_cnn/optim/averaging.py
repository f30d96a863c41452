"""An exponential moving average of a model's weights, often more accurate than the weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .. import devices, dtypes
from ..nn import Module
from ..tensor.half import widened
from ..tensor.tensor import Tensor

if TYPE_CHECKING:
    from ..tensor.types import Array


class ExponentialMovingAverage:
    """average = decay * average + (1 - decay) * weights, after every step (Polyak & Juditsky 1992).

    It starts from the current weights. Buffers are copied, not averaged: running statistics are
    averages already, and counters are integers.

        ema = ExponentialMovingAverage(model, 0.999)
        ...; optimizer.step(); ema.update()
        with ema.applied():
            evaluate(model)

    Raises: ValueError unless 0 <= decay <= 1.
    """

    def __init__(self, module: Module, decay: float):
        if not 0 <= decay <= 1:
            raise ValueError(f"ExponentialMovingAverage: decay={decay} must be in [0, 1]")
        self.module, self.decay = module, decay
        own = {name: t.array for name, t in module.state_dict().items()}
        # Average 16-bit weights in float32: 16 bits would round away updates of a thousandth.
        self._averages = {
            name: widened(x) if dtypes.is_half(x.dtype) else x.copy() for name, x in own.items()
        }

    def update(self) -> None:
        """Update the average with the module's current weights."""
        learned = dict(self.module.named_parameters(remove_duplicate=False))
        for name, t in self.module.state_dict().items():
            average = self._averages[name]
            if name in learned:
                step = t.array - average
                step *= 1 - self.decay
                average += step
            else:
                average[...] = t.array

    def copy_to(self, module: Module) -> None:
        """Copy the averaged weights into a module of the same structure."""
        module.load_state_dict(self._averages)

    @contextmanager
    def applied(self) -> Iterator[Module]:
        """A context in which the module has the averaged weights; it then returns to its own."""
        own = {name: t.array.copy() for name, t in self.module.state_dict().items()}
        self.copy_to(self.module)
        try:
            yield self.module
        finally:
            self.module.load_state_dict(own)

    def state_dict(self) -> dict[str, Array]:
        """The averages, as copies under the names of the module's own state_dict."""
        return {name: average.copy() for name, average in self._averages.items()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Copy averages from Tensors or arrays, after checking all of them.

        Raises: RuntimeError for names or shapes that do not fit.
        """
        wrong = sorted(self._averages.keys() ^ state_dict.keys())
        wrong += [
            name
            for name, average in self._averages.items()
            if name not in wrong and average.shape != state_dict[name].shape
        ]
        if wrong:
            raise RuntimeError(
                "ExponentialMovingAverage.load_state_dict: missing, unexpected or mis-shaped "
                + ", ".join(wrong)
            )
        for name, average in self._averages.items():
            new = state_dict[name]
            array = new.array if isinstance(new, Tensor) else new
            average[...] = devices.moved(array, devices.device_of(average), "load_state_dict")

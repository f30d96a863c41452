"""torch.cuda.amp's mixed precision, which is off: everything is computed in its own dtype.

As in PyTorch without a GPU, `autocast` and `GradScaler` are accepted and change no result. To store
16 bits, convert the module with half().
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class autocast:
    """A context, or a decorator, in which PyTorch computes with fewer bits: nothing changes."""

    def __init__(self, enabled: bool = True, dtype: Any = None, cache_enabled: bool = True):
        self.fast_dtype = dtype

    def __enter__(self) -> autocast:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def __call__(self, function: F) -> F:
        return function


class GradScaler:
    """Scales losses so that gradients of 16 bits do not vanish; here it is never enabled.

    The settings are PyTorch's. scale(loss) is the loss, step(optimizer) is optimizer.step().
    """

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ):
        self.settings = init_scale, growth_factor, backoff_factor, growth_interval

    def scale(self, outputs: T) -> T:
        """The outputs as they are."""
        return outputs

    def unscale_(self, optimizer: Any) -> None:
        """Nothing: gradients are not scaled."""

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """optimizer.step(), with what else is given."""
        return optimizer.step(*args, **kwargs)

    def update(self, new_scale: Any = None) -> None:
        """Nothing: there is no scale."""

    def get_scale(self) -> float:
        return 1.0

    def is_enabled(self) -> bool:
        return False

    def state_dict(self) -> dict[str, Any]:
        """Empty, as PyTorch's of a scaler that is not enabled."""
        return {}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Nothing: what a scaler of PyTorch has stored is not needed."""


def custom_fwd(
    fwd: Callable[..., Any] | None = None, *, device_type: str = "cuda", cast_inputs: Any = None
) -> Any:
    """The forward of an autograd.Function as it is."""
    return functools.partial(custom_fwd, device_type=device_type) if fwd is None else fwd


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str = "cuda") -> Any:
    """The backward of an autograd.Function as it is."""
    return functools.partial(custom_bwd, device_type=device_type) if bwd is None else bwd

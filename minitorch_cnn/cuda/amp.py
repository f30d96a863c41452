"""torch.cuda.amp: mixed precision on a GPU. `amp` has the same for any device.

    scaler = mt.cuda.amp.GradScaler()
    with mt.cuda.amp.autocast():
        loss = F.cross_entropy(net(x), y)
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()

autograd/autocast.py has the lists of operations. Without a GPU all this changes nothing, as in
PyTorch, so that a program written for one runs.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import numpy as np

from .. import dtypes
from ..autograd.autocast import Block, Casts
from ..autograd.modes import no_grad, this_thread
from ..kernels.cuda.array import has_gpu
from ..kernels.cuda.graph import capturing
from .device_scale import DeviceScale, unscaled_on_device

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd"]

F = TypeVar("F", bound=Callable[..., Any])

# The default dtype of each type of device.
DEFAULTS = {"cuda": "float16", "emulator": "float16", "cpu": "bfloat16"}


class autocast:
    """A context, or a decorator, in which operations on one type of device compute in 16 bits.

    Products of matrices and convolutions take float32 inputs in `dtype` (Micikevicius et al. 2018,
    "Mixed precision training", arXiv 1710.03740); sums, exponentials, norms and losses give
    float32. Backward passes need not be in the block. On a CPU this is for trying out: it is
    slower.

    enabled=False computes without, as around a part that needs float32. A dtype of other than 16
    bits warns and changes nothing. cache_enabled is accepted: a weight is cast once in a block.
    """

    device = "cuda"

    def __init__(
        self, enabled: bool = True, dtype: Any = None, cache_enabled: bool | None = None
    ) -> None:
        if dtype is None:
            name = DEFAULTS[self.device]
            self.fast_dtype = getattr(dtypes, name) if enabled and self.usable() else None
        else:
            self.fast_dtype = np.dtype(dtype)
            if enabled and not dtypes.is_half(self.fast_dtype):
                warnings.warn(
                    f"autocast: dtype={self.fast_dtype} must be float16 or bfloat16; "
                    "nothing is cast",
                    stacklevel=2,
                )
                enabled = False
        self.enabled = bool(enabled) and self.usable()
        self.blocks: list[Block] = []  # those that are open, of a thread the innermost last

    def usable(self) -> bool:
        """Whether there is a GPU."""
        return has_gpu()

    def __enter__(self) -> autocast:
        outside = this_thread.modes.autocast
        outer = outside.get(self.device)
        dtype = self.fast_dtype if self.enabled else None
        known = outer.weights if outer is not None and outer.dtype == dtype else None
        block = Block({**outside, self.device: Casts(dtype, known)})
        self.blocks.append(block.__enter__())
        return self

    def __exit__(self, *error: object) -> None:
        # Other threads may be in a block of the same object.
        mine = [block for block in self.blocks if block.modes is this_thread.modes]
        self.blocks.remove(mine[-1])
        mine[-1].__exit__(*error)

    def again(self) -> autocast:
        """A context with the same settings, for one call of a function."""
        return type(self)(self.enabled, self.fast_dtype)

    def __call__(self, function: F) -> F:
        @functools.wraps(function)
        def cast(*args: Any, **kwargs: Any) -> Any:
            with self.again():
                return function(*args, **kwargs)

        decorated: Any = cast
        return decorated


class GradScaler:
    """Scales losses, so that gradients of 16 bits neither vanish nor overflow.

    `scale(loss)` multiplies by the scale; `step(optimizer)` divides the gradients by it and leaves
    the step out if one of them is infinite or NaN; `update()` then multiplies the scale by
    backoff_factor, and by growth_factor after growth_interval steps without. Micikevicius et al.
    2018, section 3.2.

    In a graph (`mt.cuda.graphed`) the device keeps the scale, and leaves steps out, without the
    host.
    """

    device = "cuda"

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        if not (init_scale > 0 and growth_factor > 1 and 0 < backoff_factor < 1):
            raise ValueError(
                f"GradScaler: init_scale={init_scale} must be positive, "
                f"growth_factor={growth_factor} above 1, backoff_factor={backoff_factor} below 1"
            )
        self._enabled = bool(enabled) and self.usable()
        self._scale = float(init_scale)
        self._growth_factor, self._backoff_factor = growth_factor, backoff_factor
        self._growth_interval, self._growth_tracker = growth_interval, 0
        # By id of an optimizer: whether a gradient overflowed, in a graph as an array.
        self._found: dict[int, Any] = {}
        self._stepped: set[int] = set()
        self._on_device = DeviceScale(lambda: (self._scale, self._growth_tracker))

    def _read(self) -> None:
        """Know the scale, which a graph may have changed."""
        if self._on_device.valid:
            self._scale, self._growth_tracker = self._on_device.read()

    def usable(self) -> bool:
        """Whether there is a GPU."""
        return has_gpu()

    def scale(self, outputs: Any) -> Any:
        """A Tensor, or several in containers, times the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Mapping):
            return {name: self.scale(x) for name, x in outputs.items()}
        if isinstance(outputs, list | tuple):
            return type(outputs)(map(self.scale, outputs))
        if capturing() is not None:
            return outputs * self._on_device.factor()
        self._read()
        return outputs * outputs.new_tensor(self._scale, dtype=dtypes.float32)

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of an optimizer's parameters by the scale, as for clipping them.

        Raises: RuntimeError if they were divided since `update`, ValueError for a gradient of
        float16, which belongs to a parameter of float16: keep parameters in float32.
        """
        if not self._enabled:
            return
        if id(optimizer) in self._found:
            done = "stepped" if id(optimizer) in self._stepped else "unscaled"
            raise RuntimeError(f"unscale_: the optimizer has {done} since the last update()")
        gradients = [p.grad for p in parameters_of(optimizer)]
        for g in gradients:
            if g.dtype == dtypes.float16:
                raise ValueError(
                    "unscale_: a gradient has dtype float16: the parameters must be float32"
                )
        capture = capturing()
        if capture is None:
            self._read()
        else:
            capture.undo.append(self._forget_steps)
        flag = unscaled_on_device(gradients, self._scale_beside)
        if flag is None:
            found = False
            with no_grad():
                for g in gradients:
                    g.mul_(1 / self._scale)
                    found = found or not bool(g.isfinite().all())
            self._found[id(optimizer)] = found
        else:
            self._found[id(optimizer)] = bool(flag) if capture is None else flag

    def _scale_beside(self, like: Any) -> Any:
        """The scale and its inverse on the device of an array."""
        if capturing() is not None:
            return self._on_device.in_graph()
        return np.asarray(np.array([self._scale, 1 / self._scale]), like=like)

    def _forget_steps(self) -> None:
        self._found, self._stepped = {}, set()

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """optimizer.step() on unscaled gradients, or nothing if one is infinite or NaN.

        Raises: RuntimeError for a second step before `update`, and for a closure.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs or args:
            raise RuntimeError("step: a closure would compute gradients that are not scaled")
        if id(optimizer) in self._stepped:
            raise RuntimeError("step: the optimizer has stepped since the last update()")
        if id(optimizer) not in self._found:
            self.unscale_(optimizer)
        self._stepped.add(id(optimizer))
        found = self._found[id(optimizer)]
        if isinstance(found, bool):
            return None if found else optimizer.step(**kwargs)
        optimizer.skip = found  # which the device reads
        try:
            return optimizer.step(**kwargs)
        finally:
            del optimizer.skip

    def update(self, new_scale: Any = None) -> None:
        """Adapt the scale to the steps since the last call, or set it.

        Raises: RuntimeError without a step or unscale_ before.
        """
        if not self._enabled:
            return
        if capturing() is not None and new_scale is None and self._found:
            self._on_device.update(list(self._found.values()), self._settings)
            self._forget_steps()
            return
        self._read()
        if new_scale is not None:
            self._scale = float(new_scale)
        elif not self._found:
            raise RuntimeError("update: no optimizer has stepped since the last update()")
        elif any(self._found.values()):
            self._scale *= self._backoff_factor
            self._growth_tracker = 0
        else:
            self._growth_tracker += 1
            if self._growth_tracker == self._growth_interval:
                grown = self._scale * self._growth_factor
                self._scale = grown if np.isfinite(np.float32(grown)) else self._scale
                self._growth_tracker = 0
        self._forget_steps()

    def _settings(self) -> tuple[float, float, int]:
        return self._growth_factor, self._backoff_factor, self._growth_interval

    def get_scale(self) -> float:
        """The scale; 1 if scaling is off."""
        self._read()
        return self._scale if self._enabled else 1.0

    def get_growth_factor(self) -> float:
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        self._growth_interval = new_interval

    def is_enabled(self) -> bool:
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """The scale and its settings under PyTorch's names; empty if scaling is off."""
        if not self._enabled:
            return {}
        self._read()
        return {
            "scale": self._scale,
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._growth_tracker,
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave, ours or PyTorch's; nothing if scaling is off.

        Raises: RuntimeError for an empty one, of a scaler that was off.
        """
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError("load_state_dict: state_dict is empty: its scaler was not enabled")
        self._read()
        self._scale = float(state_dict["scale"])
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._growth_tracker = state_dict["_growth_tracker"]


def parameters_of(optimizer: Any) -> Iterable[Any]:
    """The parameters of an optimizer that have a gradient."""
    return (p for group in optimizer.param_groups for p in group["params"] if p.grad is not None)


def custom_fwd(
    fwd: Callable[..., Any] | None = None, *, device_type: str = "cuda", cast_inputs: Any = None
) -> Any:
    """Decorate the forward of an autograd.Function.

    With cast_inputs, float Tensors arrive in that dtype and the function runs without autocast, if
    it is on; without, the function runs as its caller. `custom_bwd` then does the same.
    """
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)
    given = fwd

    @functools.wraps(given)
    def forward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        before = this_thread.modes.autocast
        casts = before.get(device_type)
        on = casts is not None and casts.dtype is not None
        ctx._autocast = {} if cast_inputs is not None else before
        if cast_inputs is None or not on:
            return given(ctx, *args, **kwargs)
        with Block({}):
            args = tuple([_cast(x, device_type, cast_inputs) for x in args])
            kwargs = {name: _cast(x, device_type, cast_inputs) for name, x in kwargs.items()}
            return given(ctx, *args, **kwargs)

    return forward


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str = "cuda") -> Any:
    """Decorate the backward of an autograd.Function: it runs as its forward did."""
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)
    given = bwd

    @functools.wraps(given)
    def backward(ctx: Any, *grads: Any) -> Any:
        with Block(getattr(ctx, "_autocast", {})):
            return given(ctx, *grads)

    return backward


def _cast(x: Any, device_type: str, dtype: Any) -> Any:
    array = getattr(x, "array", None)
    if array is None or array.dtype.kind not in dtypes.FLOATS or array.dtype == dtypes.float64:
        return x
    return x.to(dtype) if x.device.partition(":")[0] == device_type else x

"""Hooks: functions that a module calls before and after forward, and when gradients arrive."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, Protocol, TypeVar

from ..autograd.array_function import ArrayFunction
from ..autograd.modes import is_grad_enabled
from ..tensor.creation import zeros
from ..tensor.tensor import HookHandle, Tensor
from .checks import is_tuple

if TYPE_CHECKING:
    from .module import Module

P = ParamSpec("P")
R = TypeVar("R", covariant=True)

# Gradients of several Tensors, in their order.
Grads = tuple[Tensor | None, ...]


class Hook(NamedTuple):
    """A hook and the form in which it is called."""

    function: Callable[..., Any]
    with_kwargs: bool = False
    always_call: bool = False


HookTable = OrderedDict[object, Hook]


class Forwards(Protocol[P, R]):
    """The type of a module whose call has the signature of its `forward`."""

    def has_hooks(self) -> bool: ...

    def forward(self, *inputs: P.args, **settings: P.kwargs) -> R: ...


class Hooked:
    """The part of Module that runs `forward` and the hooks."""

    _forward_pre_hooks: HookTable
    _forward_hooks: HookTable
    _backward_pre_hooks: HookTable
    _backward_hooks: HookTable

    def _make_hook_tables(self) -> None:
        # Bypass Module's __setattr__, which needs tables created later.
        self.__dict__.update(
            _forward_pre_hooks=OrderedDict(),
            _forward_hooks=OrderedDict(),
            _backward_pre_hooks=OrderedDict(),
            _backward_hooks=OrderedDict(),
        )

    def __call__(self: Forwards[P, R], *inputs: P.args, **settings: P.kwargs) -> R:
        if self.has_hooks():
            return _call_hooked(self, inputs, settings)
        return self.forward(*inputs, **settings)

    def has_hooks(self) -> bool:
        """Whether any hook runs with forward or its backward."""
        return bool(
            self._forward_hooks
            or self._forward_pre_hooks
            or self._backward_hooks
            or self._backward_pre_hooks
        )

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> HookHandle:
        """Call `hook(module, inputs)` before forward; it may return other inputs.

        with_kwargs: call `hook(module, inputs, kwargs)`, which may return a pair (inputs, kwargs).
        prepend: run before the existing hooks, not after them.
        """
        return registered(self._forward_pre_hooks, Hook(hook, with_kwargs), prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> HookHandle:
        """Call `hook(module, inputs, output)` after forward; it may return another output.

        with_kwargs: call `hook(module, inputs, kwargs, output)`. always_call: run even if forward
        or another hook raises. prepend: run before the existing hooks, not after them.
        """
        return registered(self._forward_hooks, Hook(hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> HookHandle:
        """Call `hook(module, grad_output)` when the gradients of all outputs are known; it may
        return a tuple of other gradients."""
        return registered(self._backward_pre_hooks, Hook(hook), prepend)

    def register_full_backward_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> HookHandle:
        """Call `hook(module, grad_input, grad_output)` when the gradients of the inputs are known;
        it may return a tuple of other gradients of the inputs.

        Both are tuples with one entry for each positional input or output, None if it is not a
        Tensor. An output without a gradient has None as well, an input zeros. If no input requires
        grad, the hook runs when the gradients of the outputs are known, gets None for all inputs
        and may replace none.
        """
        return registered(self._backward_hooks, Hook(hook), prepend)

    def register_backward_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """register_full_backward_hook under its older name; it warns.

        PyTorch's older hook gets the inputs of the last operation of a module, not the module's.
        """
        warnings.warn(
            "register_backward_hook is an old name; use register_full_backward_hook",
            FutureWarning,
            stacklevel=2,
        )
        return self.register_full_backward_hook(hook)


def registered(table: HookTable, hook: Hook, prepend: bool = False) -> HookHandle:
    """Put a hook into a table, last or first, and return its handle."""
    handle = HookHandle(table, hook)
    if prepend:
        table.move_to_end(next(reversed(table)), last=False)
    return handle


# ----------------------------------------------------------------------------------- forward hooks


def _call_hooked(module: Any, inputs: tuple[Any, ...], settings: dict[str, Any]) -> Any:
    """Run module.forward(*inputs, **settings) with all hooks."""
    called: set[object] = set()
    output = None
    try:
        for hook in tuple(module._forward_pre_hooks.values()):
            inputs, settings = _changed_inputs(module, hook, inputs, settings)
        watch = None
        if module._backward_hooks or module._backward_pre_hooks:
            watch = _BackwardWatch(module)
            inputs = watch.over_inputs(inputs)
        output = module.forward(*inputs, **settings)
        for key, hook in tuple(module._forward_hooks.items()):
            called.add(key)
            output = _changed_output(module, hook, inputs, settings, output)
        return output if watch is None else watch.over_outputs(output)
    except Exception:
        for key, hook in tuple(module._forward_hooks.items()):
            if hook.always_call and key not in called:
                try:
                    output = _changed_output(module, hook, inputs, settings, output)
                except Exception as error:
                    warnings.warn(
                        f"{type(module).__name__}: a forward hook with always_call=True raised "
                        f"{error!r} after another error, which follows",
                        stacklevel=2,
                    )
        raise


def _changed_inputs(
    module: Module, hook: Hook, inputs: tuple[Any, ...], settings: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments after a forward pre-hook."""
    if not hook.with_kwargs:
        changed = hook.function(module, inputs)
        if changed is None:
            return inputs, settings
        return changed if is_tuple(changed) else (changed,), settings
    changed = hook.function(module, inputs, settings)
    if changed is None:
        return inputs, settings
    if not is_tuple(changed) or len(changed) != 2:
        raise RuntimeError(
            f"{type(module).__name__}: a forward pre-hook with with_kwargs=True must return None "
            f"or a pair (inputs, kwargs), got {type(changed).__name__}"
        )
    return changed[0], changed[1]


def _changed_output(
    module: Module, hook: Hook, inputs: tuple[Any, ...], settings: dict[str, Any], output: Any
) -> Any:
    """The output after a forward hook."""
    if hook.with_kwargs:
        changed = hook.function(module, inputs, settings, output)
    else:
        changed = hook.function(module, inputs, output)
    return output if changed is None else changed


# ---------------------------------------------------------------------------------- backward hooks


class Gate(ArrayFunction):
    """y_i = x_i for every i: a node that collects the gradients of several Tensors."""

    never_warns = True

    @staticmethod
    def forward(ctx: Any, *xs: Any, passed: Callable[[Grads], Grads]) -> tuple[Any, ...]:
        ctx.passed = passed
        return xs

    @staticmethod
    def backward(ctx: Any, *gys: Tensor | None) -> Grads:
        return ctx.passed(gys)


class _BackwardWatch:
    """The backward hooks of one call of a module, run by two gates: one after its outputs, which
    backward passes first, and one before its inputs, which it passes last."""

    def __init__(self, module: Module):
        self.module = module
        self.pre_hooks = tuple(module._backward_pre_hooks.values())
        self.hooks = tuple(module._backward_hooks.values())
        self.inputs = self.outputs = 0  # their numbers
        self.gated: list[tuple[Tensor, int]] = []  # inputs after the gate, and their versions
        # shape, dtype and device of the Tensors among them
        self.input_kinds: dict[int, tuple[Any, Any, Any]] = {}
        self.input_places: tuple[int, ...] = ()  # the positions of those with a gradient
        self.output_places: tuple[int, ...] = ()
        self.grad_output: Grads | None = None

    def over_inputs(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        self.inputs = len(inputs)
        self.input_kinds = {
            i: (x.shape, x.dtype, x.device) for i, x in enumerate(inputs) if isinstance(x, Tensor)
        }
        inputs, self.input_places = _gated(inputs, self._inputs_passed)
        self.gated = [(x, x._version) for x in (inputs[i] for i in self.input_places)]
        return inputs

    def over_outputs(self, output: Any) -> Any:
        if any(x._version != version for x, version in self.gated):
            # The history of the caller's Tensor would lack the write.
            raise RuntimeError(
                f"{type(self.module).__name__}: a module with backward hooks must not change its "
                "inputs in place"
            )
        self.gated = []
        outputs = output if is_tuple(output) else (output,)
        self.outputs = len(outputs)
        gated, self.output_places = _gated(outputs, self._outputs_passed)
        return gated if is_tuple(output) else gated[0]

    def _outputs_passed(self, gys: Grads) -> Grads:
        """The gradients of the outputs after the backward pre-hooks."""
        grads = _spread(gys, self.output_places, self.outputs)
        for hook in self.pre_hooks:
            changed = hook.function(self.module, grads)
            if changed is not None:
                grads = self._checked(changed, self.outputs, "pre-hook")
        self.grad_output = grads
        if not self.input_places:
            nothing = (None,) * self.inputs
            for hook in self.hooks:
                changed = hook.function(self.module, nothing, grads)
                if changed is not None and any(g is not None for g in changed):
                    raise RuntimeError(
                        f"{type(self.module).__name__}: a backward hook must return None where no "
                        "input requires grad"
                    )
        return tuple(grads[i] for i in self.output_places)

    def _inputs_passed(self, gxs: Grads) -> Grads:
        """The gradients of the inputs after the backward hooks.

        Gradients of gradients reach the inputs without passing the outputs; they run no hooks.
        """
        if self.grad_output is None:
            return gxs
        grads = list(_spread(gxs, self.input_places, self.inputs))
        for i, (shape, dtype, device) in self.input_kinds.items():
            if grads[i] is None:
                grads[i] = zeros(shape, dtype=dtype, device=device)
        grads = tuple(grads)
        for hook in self.hooks:
            changed = hook.function(self.module, grads, self.grad_output)
            if changed is not None:
                grads = self._checked(changed, self.inputs, "hook")
        self.grad_output = None
        return tuple(grads[i] for i in self.input_places)

    def _checked(self, changed: Any, count: int, kind: str) -> Grads:
        if not is_tuple(changed) or len(changed) != count:
            got = len(changed) if is_tuple(changed) else type(changed).__name__
            raise RuntimeError(
                f"{type(self.module).__name__}: a backward {kind} must return None or a tuple of "
                f"length {count}, got {got}"
            )
        return changed


def _gated(
    values: tuple[Any, ...], passed: Callable[[Grads], Grads]
) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    """Pass the Tensors that require grad through one gate; return all values and the positions
    of these."""
    wanted = (i for i, v in enumerate(values) if isinstance(v, Tensor) and v.requires_grad)
    places = tuple(wanted) if is_grad_enabled() else ()
    if not places:
        return values, places
    through: Any = Gate.apply(*(values[i] for i in places), passed=passed)
    given = list(values)
    for i, y in zip(places, through if len(places) > 1 else (through,), strict=True):
        y._counter = given[i]._shared_counter()  # a write to one is a write to both
        given[i] = y
    return tuple(given), places


def _spread(grads: Grads, places: tuple[int, ...], count: int) -> Grads:
    """A tuple of length `count` with `grads` at their positions, None elsewhere."""
    given = dict(zip(places, grads, strict=True))
    return tuple(given.get(i) for i in range(count))

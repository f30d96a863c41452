"""Function: user-defined differentiable operations, written with Tensors, in PyTorch's form.

    class Cube(Function):
        @staticmethod
        def forward(ctx, x):             # Tensors in, Tensors out; nothing is recorded
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, gy):           # recorded if a higher derivative is wanted
            (x,) = ctx.saved_tensors
            return 3 * x**2 * gy

    y = Cube.apply(x)

It is an ArrayFunction whose `apply` passes the Tensors on unchanged.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from .. import dtypes
from . import array_function
from .array_function import ArrayFunction, is_one_of
from .modes import is_grad_enabled, no_grad, this_thread
from .saved_values import Version, without_base

if TYPE_CHECKING:
    from ..tensor import Tensor
    from ..tensor.types import Shape


class Function(ArrayFunction):
    """A differentiable operation; subclass with the static methods `forward` and `backward`.

    forward(ctx, *args) -> a Tensor or a tuple; or forward(*args) and setup_context(ctx, inputs,
    output). args: those of `apply`, Tensors or anything else. Both may set attributes of ctx.
    backward(ctx, *grads) -> one gradient per argument of forward, of its shape or of a shape that
    it broadcasts to (then summed); None for an argument that is not a Tensor. grads: one per
    output.
    `apply` raises TypeError for unsupported results and RuntimeError for a leaf that was changed in
    place; the backward pass raises TypeError and RuntimeError for gradients of another type, number
    or shape. Unlike `torch.autograd.Function`, an output that shares the memory of an input is
    copied, unless it was marked dirty.
    """

    materializes: bool = True
    dirty: tuple[Tensor, ...] = ()

    @staticmethod
    def setup_context(ctx: ArrayFunction, inputs: tuple[Any, ...], output: Any) -> None:
        """Save values for backward, if forward takes no ctx."""

    def save_for_backward(ctx, *tensors: Any) -> None:
        """Save Tensors (or None) for `ctx.saved_tensors`, which refuses any changed since."""
        for i, t in enumerate(tensors):
            if t is not None and not isinstance(t, array_function.Tensor):
                raise TypeError(
                    f"save_for_backward: tensors[{i}] must be a Tensor or None, got "
                    f"{type(t).__name__}; anything else can be an attribute of ctx"
                )
        ctx.saved_ = tensors

    def mark_dirty(ctx, *tensors: Tensor) -> None:
        """Mark inputs that forward has changed in place; it must return them."""
        ctx.dirty = tensors

    def set_materialize_grads(ctx, value: bool) -> None:
        """Whether backward receives zeros instead of None for an output without a gradient."""
        ctx.materializes = bool(value)

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run forward on `args`, and record the op if one of the Tensors requires grad."""
        ctx = cls()
        is_tensor = [isinstance(x, array_function.Tensor) for x in args]
        needs = tuple([t and x.requires_grad for x, t in zip(args, is_tensor, strict=True)])
        ctx.needs_input_grad = needs
        ctx.edges = [
            ((x, 0) if x._node is None else (x._node, x._index)) if need else None
            for x, need in zip(args, needs, strict=True)
        ]
        ctx.input_shapes = [x.shape if t else None for x, t in zip(args, is_tensor, strict=True)]
        with no_grad():
            if cls.setup_context is Function.setup_context:
                result = cls.forward(ctx, *args)
            else:
                result = cls.forward(*args)
                cls.setup_context(ctx, args, result)
        given: tuple[Any, ...] = result if type(result) is tuple else (result,)
        ctx._check_dirty(args, given)
        outputs = ctx._outputs(args, given)
        ctx.places = [i for i, y in enumerate(outputs) if isinstance(y, array_function.Tensor)]
        ctx.output_count = len(outputs)
        if is_grad_enabled() and any(needs):
            made = [outputs[i] for i in ctx.places]
            results = [given[i] for i in ctx.places]
            ctx.record(args, (), results, made, this_thread.modes)
        ctx._give_back_dirty(given, outputs)
        return tuple(outputs) if given is result else outputs[0]

    def _check_dirty(ctx, args: tuple[Any, ...], given: tuple[Any, ...]) -> None:
        from ..tensor.inplace import check_writable

        for x in ctx.dirty:
            for what, where in (("an input of forward", args), ("returned by forward", given)):
                if not is_one_of(x, where):
                    raise RuntimeError(
                        f"mark_dirty: {type(ctx).__name__} marked what is not {what}"
                    )
            check_writable(x, f"{type(ctx).__name__}.mark_dirty")
            x.bump_version()

    def _outputs(ctx, args: tuple[Any, ...], given: tuple[Any, ...]) -> list[Any]:
        """The results of forward, with new Tensors in place of its Tensors."""
        from ..tensor.copying import owner_of

        taken = {id(owner_of(x.array)) for x in args if isinstance(x, array_function.Tensor)}
        outputs: list[Any] = []
        for y in given:
            if isinstance(y, (list, dict)):
                raise TypeError(
                    f"{type(ctx).__name__}: forward must return a Tensor or a tuple of them, got "
                    f"a {y.__class__.__name__}"
                )
            if isinstance(y, array_function.Tensor):
                source, owner = y, id(owner_of(y.array))
                dirty = is_one_of(y, ctx.dirty)
                y = array_function.Tensor(
                    y.array.copy() if owner in taken and not dirty else y.array
                )
                if dirty:
                    y._counter = source._shared_counter()
                taken.add(owner)
            outputs.append(y)
        return outputs

    def _pack(
        ctx,
        inputs: Sequence[Any],
        arrays: Sequence[Any],
        results: Sequence[Any],
        outputs: Sequence[Tensor],
    ) -> None:
        """As in ArrayFunction; values that are neither input nor output are constants."""
        packed: list[tuple[Any, int, int | None] | None] = []
        for t in ctx.saved_ or ():
            i = next((i for i, y in enumerate(results) if y is t), None)
            if t is None:
                packed.append(None)
            elif (
                i is None
                or is_one_of(t, ctx.non_differentiable)
                or t.dtype.kind not in dtypes.FLOATS
            ):
                source = without_base(t)
                counter = source._shared_counter()
                packed.append((source, counter.count, None))
            else:
                y = outputs[i]
                counter = y._counter = y._counter or Version()
                packed.append(((y.array, counter), counter.count, i))
        ctx.saved_ = tuple(packed)

    def _give_back_dirty(ctx, given: tuple[Any, ...], outputs: list[Any]) -> None:
        """Replace the outputs by the inputs that were changed, with their history."""
        from ..tensor.inplace import take_over

        for i, x in enumerate(given):
            if is_one_of(x, ctx.dirty):
                if outputs[i]._node is not None:
                    take_over(x, outputs[i], "mark_dirty")
                outputs[i] = x
        ctx.dirty = ()

    def run_backward(ctx, *grads: Any) -> tuple[Any, ...]:
        """Compute the gradients of the inputs from those of the outputs that are Tensors."""
        given = [None] * ctx.output_count
        for i, g, (shape, dtype) in zip(ctx.places, grads, ctx.out_meta, strict=True):
            if g is None and ctx.materializes:
                like = next(g for g in grads if g is not None).array
                g = array_function.Tensor(np.zeros_like(like, dtype, shape=shape))
            given[i] = g
        result = type(ctx).backward(ctx, *given)
        results: tuple[Any, ...] = result if type(result) is tuple else (result,)
        while len(results) > len(ctx.edges) and results[-1] is None:
            results = results[:-1]
        if len(results) != len(ctx.edges):
            return results  # the engine raises the error
        name = f"{type(ctx).__name__}.backward"
        for i, (g, shape) in enumerate(zip(results, ctx.input_shapes, strict=True)):
            if g is None:
                continue
            if not isinstance(g, array_function.Tensor):
                raise TypeError(
                    f"{name}: gradient {i} must be a Tensor or None, got {type(g).__name__}"
                )
            if shape is None:
                raise RuntimeError(f"{name}: gradient {i} must be None: that input is no Tensor")
        return tuple([_fitting(g, s) for g, s in zip(results, ctx.input_shapes, strict=True)])


def _fitting(g: Tensor | None, shape: Shape) -> Tensor | None:
    """Sum a gradient `g` of a broadcast tensor to `shape`; return any other unchanged."""
    from ..tensor.arithmetic import unbroadcast

    if g is None or g.shape == shape or g.ndim < len(shape):
        return g
    tail = g.shape[g.ndim - len(shape) :]
    expands = all(n in (1, m) for n, m in zip(shape, tail, strict=True))
    return unbroadcast(g, shape) if expands else g


class _Once(Function):
    """The results of a backward that has no derivative of its own."""

    @staticmethod
    def forward(ctx: ArrayFunction, anything: Any, name: Any, *results: Any) -> tuple[Any, ...]:
        ctx.name = name
        return results

    @staticmethod
    def backward(ctx: ArrayFunction, *grads: Any) -> NoReturn:
        raise RuntimeError(f"{ctx.name}: is once_differentiable, it has no second derivative")


def once_differentiable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a Function's `backward` whose computation cannot be recorded: it runs under no_grad,
    and a further derivative of its results raises RuntimeError.
    """

    @functools.wraps(fn)
    def backward(ctx: ArrayFunction, *grads: Any) -> Any:
        with no_grad():
            result = fn(ctx, *grads)
        if not is_grad_enabled():
            return result
        results: tuple[Any, ...] = result if type(result) is tuple else (result,)
        anything = array_function.Tensor(np.zeros(()), requires_grad=True)
        return _Once.apply(anything, f"{type(ctx).__name__}.backward", *results)

    return backward

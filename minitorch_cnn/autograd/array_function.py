"""ArrayFunction: one differentiable operation; its instance is the context and the graph's node.

    class Mul(ArrayFunction):
        @staticmethod
        def forward(ctx, a, b):          # arrays in, array out
            ctx.save_for_backward(a, b)
            return a * b

        @staticmethod
        def backward(ctx, gy):           # Tensors in, Tensors out: differentiable again
            a, b = ctx.saved_tensors
            return unbroadcast(gy * b, a.shape), unbroadcast(gy * a, b.shape)

`Mul.apply(a, b)` runs forward and, if an input requires grad, attaches the node to its output. A
node points to the nodes that made its inputs; the engine follows these edges backwards, newest node
first. function.py has PyTorch's form for users, whose forward also takes Tensors.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias, overload

import numpy as np

from .. import devices, dtypes
from ..kernels.compat import silent_floating_point
from . import autocast
from .modes import this_thread
from .saved_values import SavedValues, blank

if TYPE_CHECKING:
    import weakref

    from ..tensor.tensor import Tensor
    from ..tensor.types import Array, DType, Shape
    from .modes import Modes
else:
    # Set by tensor.py: a Tensor's methods use Functions, so these are defined first.
    Tensor = None

# A hook receives a gradient, and returns its replacement or None. An edge leads to a node and one
# of its outputs, or to a leaf.
Hook: TypeAlias = "Callable[[Tensor], Tensor | None]"
Hooks: TypeAlias = dict[object, Hook]
Edge: TypeAlias = "tuple[ArrayFunction | Tensor, int]"

ndarray = np.ndarray

_clock = itertools.count()


# Infinities and NaNs are results of an op, not warnings, as in PyTorch. The error state is set
# directly, because np.errstate costs as much as a small op.
warnings, SILENT = silent_floating_point()


class _OneResult(Protocol):
    """An op whose forward returns an array and whose `apply` returns a Tensor."""

    @staticmethod
    def forward(*args: Any, **settings: Any) -> Array: ...


class _Results(Protocol):
    """An op whose forward returns several arrays and whose `apply` returns as many Tensors."""

    @staticmethod
    def forward(*args: Any, **settings: Any) -> tuple[Array | None, ...]: ...


class ArrayFunction(SavedValues):
    """One differentiable operation of the framework; subclass with `forward` and `backward`.

    forward(ctx, *arrays, **settings) -> array or tuple of arrays
    backward(ctx, *grads) -> one Tensor or None per positional input of `apply` (a single one may be
    returned without a tuple)
    """

    # True: the output may share memory with the one input; NumPy raises no warning in forward;
    # 16-bit numbers are computed in float32 and rounded once.
    is_view: ClassVar[bool] = False
    never_warns: ClassVar[bool] = False
    in_float32: ClassVar[bool] = False
    # True: backward also adds `second` to the gradient of the one output, and clears it.
    adds_gradients: ClassVar[bool] = False
    # These and forward, which usual_calls.py reads at once.
    prepared: ClassVar[tuple[Callable[..., Any], Callable[..., Any] | None, bool, bool, bool]]
    # What every op sets: a slot is found faster than an entry of a dictionary.
    __slots__ = ("__dict__", "age", "edges", "needs_input_grad", "out_meta")

    needs_input_grad: Sequence[bool]  # of each input of `apply`
    edges: list[Edge | None]  # where the gradients of the inputs go
    age: int  # newer nodes have higher numbers
    out_meta: list[tuple[Shape, DType]]  # of each output
    # Defaults.
    non_differentiable: tuple[Any, ...] = ()
    # A function of the gradients, for ops that need more than `backward`.
    run_backward: Callable[..., Any] | None = None
    # By output index: the hooks to call with the gradient, the Tensor whose .grad is wanted.
    hooks: dict[int, Hooks] | None = None
    retained: dict[int, weakref.ref[Tensor]] | None = None
    forward_trace: str | None = None
    second: Tensor | None = None  # a gradient that backward adds to the other

    if TYPE_CHECKING:  # forward leaves in ctx what backward asks for, under any name

        def __getattr__(self, name: str) -> Any: ...

        def __setattr__(self, name: str, value: Any) -> None: ...

        forward: ClassVar[Callable[..., Any]]
        backward: ClassVar[Callable[..., Any]]
        compute: ClassVar[Callable[..., Any]]
    else:
        # What forward returns, without what backward needs, for calls that are not recorded: a
        # function of the arrays and settings of `usual_calls`; None for forward itself.
        compute = None

        @staticmethod
        def forward(ctx: ArrayFunction, *arrays: Array, **settings: Any) -> Any:
            """The array of the op, or a tuple of arrays; a subclass says it."""
            raise TypeError(f"{type(ctx).__name__} defines no forward")

        @staticmethod
        def backward(ctx: ArrayFunction, *grads: Tensor) -> Any:
            """The gradients of the inputs by those of the outputs; a subclass says them."""
            raise RuntimeError(f"{type(ctx).__name__}: the derivative of this op is not defined")

    def mark_non_differentiable(ctx, *outputs: Any) -> None:
        """Mark outputs that have no derivative, such as indices and counts."""
        ctx.non_differentiable = outputs

    def __init_subclass__(cls) -> None:
        if "forward" in cls.__dict__ and "compute" not in cls.__dict__:
            own: Any = cls
            own.compute = None  # that of the base class belongs to its forward
        cls.prepared = cls.forward, cls.compute, cls.in_float32, cls.never_warns, cls.is_view

    # ---------------------------------------------------------------------------------------- apply

    @overload
    @classmethod
    def apply(cls: type[_OneResult], *inputs: Any, **settings: Any) -> Tensor: ...
    @overload
    @classmethod
    def apply(cls: type[_Results], *inputs: Any, **settings: Any) -> tuple[Tensor, ...]: ...
    @overload
    @classmethod
    def apply(cls, *inputs: Any, **settings: Any) -> Any: ...
    @classmethod
    def apply(cls, *inputs: Any, **settings: Any) -> Any:
        """Run forward on Tensors, arrays or None, and record the op if one requires grad."""
        recorded = False
        modes = this_thread.modes
        arrays: list[Any] = []
        edges: list[Edge | None] = []
        needs: list[bool] = []
        for x in inputs:
            need, edge = False, None
            if isinstance(x, Tensor):
                if x._base is not None and modes.grad:
                    x._follow_base()
                if x._requires_grad and modes.grad:
                    node = x._node
                    edge = (x, 0) if node is None else (node, x._index)
                    need = recorded = True
                x = x.array
            arrays.append(x)
            needs.append(need)
            edges.append(edge)
        if cls.in_float32 and arrays[0].dtype.itemsize == 2 and dtypes.is_half(arrays[0].dtype):
            return _by_float32(cls, inputs, settings)
        if devices.elsewhere:
            arrays, settings = devices.together(cls, arrays, settings)
        ctx = cls()
        ctx.needs_input_grad, ctx.edges = needs, edges
        loud = None if cls.never_warns else warnings.set(SILENT)
        try:
            forward = cls.forward
            result: Any = forward(ctx, *arrays, **settings) if settings else forward(ctx, *arrays)
        except MemoryError as error:
            # Raising it from itself would create a cycle that holds every array of the frames.
            if not devices.of_gpu(error):
                raise
            raise devices.out_of_memory(cls.__name__, arrays, error) from error
        finally:
            if loud is not None:
                warnings.reset(loud)

        if type(result) is ndarray:  # the usual case, in which __init__ has nothing to check
            y = blank(Tensor)
            y.array = result
            y._requires_grad, y._node, y._index = False, None, 0
            y._base = y._counter = None
        elif type(result) is tuple:
            results: tuple[Any, ...] = result
            outputs = tuple([Tensor(y) for y in results])
            if recorded:
                ctx.record(inputs, arrays, results, outputs, modes)
            return outputs[0] if len(outputs) == 1 else outputs
        else:
            y = Tensor(result)
        if cls.is_view:
            y._become_view(inputs[0], cls, settings, modes)
        if recorded:
            if ctx.non_differentiable:
                ctx.record(inputs, arrays, (result,), (y,), modes)
            else:
                ctx.record_one(inputs, arrays, result, y, modes)
        return y

    def record(
        ctx,
        inputs: Sequence[Any],
        arrays: Sequence[Any],
        results: Sequence[Any],
        outputs: Sequence[Tensor],
        modes: Modes,
    ) -> None:
        """Become the node that made `outputs`, in the `modes` of this thread."""
        ctx.age = next(_clock)
        if ctx.saved_:
            ctx._pack(inputs, arrays, results, outputs)
        meta: list[tuple[Shape, DType]] = []
        ctx.out_meta = meta
        constant = ctx.non_differentiable
        if constant:
            ctx.non_differentiable = ()  # they would keep the memory of outputs alive
        for i, y in enumerate(outputs):
            array = y.array
            dtype = array.dtype
            meta.append((array.shape, dtype))
            if dtype.kind in dtypes.FLOATS and not (constant and is_one_of(results[i], constant)):
                y._requires_grad, y._node, y._index = True, ctx, i
        ctx._note(modes)

    def record_one(
        ctx,
        inputs: Sequence[Any],
        arrays: Sequence[Any],
        result: Array,
        y: Tensor,
        modes: Modes,
    ) -> None:
        """As `record`, of the node that made `y` alone, from the `result` of forward."""
        dtype = result.dtype
        if dtype.kind not in dtypes.FLOATS:
            ctx.record(inputs, arrays, (result,), (y,), modes)
            return
        ctx.age = next(_clock)
        if ctx.saved_:
            ctx._pack(inputs, arrays, (result,), (y,))
        ctx.out_meta = [(result.shape, dtype)]
        y._requires_grad, y._node = True, ctx
        if modes.anomaly or modes.checkpoint is not None:
            ctx._note(modes)

    def _note(ctx, modes: Modes) -> None:
        """Keep what detect_anomaly and checkpoint need of this node."""
        if modes.anomaly:
            import traceback

            ctx.forward_trace = "".join(traceback.format_stack()[:-3])
        if modes.checkpoint is not None:
            modes.checkpoint.add(ctx)


def _by_float32(cls: type[ArrayFunction], inputs: Sequence[Any], settings: dict[str, Any]) -> Any:
    """Apply an op whose first input has 16 bits in float32, including all its derivatives.

    Sums neither stall nor overflow, and the saved values are exact. The first output gets the first
    input's dtype; others (statistics) stay float32.
    """
    wide = [
        _cast(x, dtypes.float32) if x is not None and dtypes.is_half(x.dtype) else x for x in inputs
    ]
    result = cls.apply(*wide, **settings)
    if autocast.active and autocast.stays_float32(cls.__name__, inputs[0]):
        return result
    if type(result) is tuple:
        return _cast(result[0], inputs[0].dtype), *result[1:]
    return _cast(result, inputs[0].dtype)


def _cast(x: Any, dtype: DType) -> Any:
    return x.to(dtype) if isinstance(x, Tensor) else x.astype(dtype)


def is_one_of(item: object, items: Iterable[object]) -> bool:
    return any(item is other for other in items)

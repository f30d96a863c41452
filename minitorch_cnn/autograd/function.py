"""Function: one differentiable operation; its instance is the context and the graph's node.

    class Mul(Function):
        def forward(ctx, a, b):          # arrays in, array out
            ctx.save(a, b)
            return a * b

        def backward(ctx, gy):           # Tensors in, Tensors out: differentiable again
            a, b = ctx.saved
            return unbroadcast(gy * b, a.shape), unbroadcast(gy * a, b.shape)

`Mul.apply(a, b)` runs forward and, if an input requires grad, hangs the node on its output. A node
points to the nodes that made its inputs; the engine walks these edges backwards, newest node first.
"""

from __future__ import annotations

import contextvars
import itertools

import numpy as np

from .. import devices
from .modes import modes

# Set by tensor.py: a Tensor's methods are made of Functions, so these exist before it does.
Tensor = None

_clock = itertools.count()


def _floating_point_warnings():
    """NumPy's context variable of floating-point warnings, and its value for none of them.

    A NumPy that keeps them elsewhere goes on warning: a variable of no meaning stands in.
    """
    with np.errstate(all="ignore"):
        context = contextvars.copy_context()
    found = ((v, context[v]) for v in context if v.name == "numpy.ufunc.extobj")
    return next(found, (contextvars.ContextVar("unused"), None))


# Infinities and NaNs are results of an op, not warnings, as in PyTorch. Set by hand, because
# np.errstate costs as much as a small op.
_warnings, _SILENT = _floating_point_warnings()


class Function:
    """One differentiable operation; subclass with `forward` and `backward`.

    forward(ctx, *arrays, **settings) -> array or tuple of arrays
    backward(ctx, *grads) -> one Tensor or None per positional input of `apply` (a single one needs
    no tuple)
    """

    is_view = False  # True: the output may share memory with the one input
    constant_outputs = ()
    saved_ = kept_ = ()
    released = False
    region = None  # the checkpoint that will recompute what this node saved
    hooks = None  # {output index: functions called with its gradient}
    retained = None  # {output index: weak reference to the Tensor whose .grad is wanted}
    forward_trace = None

    def forward(ctx, *arrays, **settings):
        raise TypeError(f"{type(ctx).__name__} defines no forward")

    def backward(ctx, *grads):
        raise RuntimeError(f"{type(ctx).__name__}: the derivative of this op is not defined")

    # --------------------------------------------------------- what forward keeps for backward

    def save(ctx, *arrays) -> None:
        """Keep inputs and outputs of this op (or None); `ctx.saved` has them as Tensors."""
        ctx.saved_ = arrays

    def keep(ctx, *constants) -> None:
        """Keep anything else (masks, indices, statistics) in `ctx.kept`: constants of backward."""
        ctx.kept_ = constants

    def mark_non_differentiable(ctx, *outputs: int) -> None:
        """Say which of several outputs (by position) have no derivative: indices, counts."""
        ctx.constant_outputs = outputs

    @property
    def saved(ctx) -> tuple:
        """The saved inputs and outputs as Tensors; RuntimeError if freed or written to since."""
        if ctx.released or ctx.region is not None:
            ctx._make_available()
        return tuple([None if item is None else item.unpack(ctx) for item in ctx.saved_])

    @property
    def kept(ctx) -> tuple:
        """What `keep` was given; RuntimeError if freed by an earlier backward pass."""
        if ctx.released or ctx.region is not None:
            ctx._make_available()
        return ctx.kept_

    def _make_available(ctx) -> None:
        if ctx.released:
            raise RuntimeError(
                f"backward: what {type(ctx).__name__} saved was freed by an earlier backward pass; "
                "give that one retain_graph=True to go through the graph twice"
            )
        ctx.region.recompute()

    def release(ctx) -> None:
        """Free what was kept: the gradients have been computed."""
        if ctx.saved_ or ctx.kept_ or ctx.region is not None:
            ctx.saved_, ctx.kept_, ctx.region = (), (), None
            ctx.released = True

    # ---------------------------------------------------------------------------------------- apply

    @classmethod
    def apply(cls, *inputs, **settings):
        """Run forward on Tensors, arrays or None, and record the op if one requires grad."""
        ctx = cls()
        wanted = False
        if modes.grad:
            arrays, needs, edges = [], [], []
            for x in inputs:
                need, edge = False, None
                if isinstance(x, Tensor):
                    arrays.append(x.data)
                    if x._base is not None:
                        x._follow_base()
                    if x._requires_grad:
                        node = x._node
                        edge = (x, 0) if node is None else (node, x._index)
                        need = wanted = True
                else:
                    arrays.append(x)
                needs.append(need)
                edges.append(edge)
            ctx.needs_input_grad = needs
        else:
            arrays = [x.data if isinstance(x, Tensor) else x for x in inputs]
            ctx.needs_input_grad = (False,) * len(inputs)
        if devices.elsewhere:
            arrays, settings = devices.together(cls, arrays, settings)
        loud = _warnings.set(_SILENT)
        try:
            result = ctx.forward(*arrays, **settings)
        except MemoryError as error:
            raise devices.out_of_memory(cls.__name__, arrays, error) from error
        finally:
            _warnings.reset(loud)

        if type(result) is tuple:
            outputs = tuple([Tensor(y) for y in result])
        else:
            y = Tensor(result)
            if cls.is_view:
                y._become_view(inputs[0], cls, settings)
            if not wanted:
                return y
            result, outputs = (result,), (y,)
        if wanted:
            ctx.edges = edges
            ctx._record(inputs, arrays, result, outputs)
        return outputs if len(outputs) > 1 else outputs[0]

    def _record(ctx, inputs, arrays, results, outputs) -> None:
        """Become the node that made `outputs`."""
        ctx.age = next(_clock)
        if ctx.saved_:
            ctx.saved_ = tuple([ctx._pack(a, inputs, arrays, results, outputs) for a in ctx.saved_])
        ctx.out_meta = []
        for i, y in enumerate(outputs):
            dtype = y.data.dtype
            ctx.out_meta.append((y.data.shape, dtype))
            if dtype.kind == "f" and i not in ctx.constant_outputs:
                y._requires_grad, y._node = True, ctx
                if i:
                    y._index = i
        if modes.anomaly:
            import traceback

            ctx.forward_trace = "".join(traceback.format_stack()[:-2])
        if modes.checkpoint is not None:
            modes.checkpoint.add(ctx)

    def _pack(ctx, array, inputs, arrays, results, outputs):
        if array is None:
            return None
        for x, given in zip(inputs, arrays, strict=True):
            if given is array:
                return SavedInput(x if isinstance(x, Tensor) else Tensor(x))
        for i, y in enumerate(results):
            if y is array:
                return SavedOutput(outputs[i], i)
        raise RuntimeError(
            f"{type(ctx).__name__}: save takes inputs and outputs of the op only, "
            f"got another array of shape {np.shape(array)}; use keep for constants"
        )


class SavedInput:
    """A saved input with the version of its memory at that time."""

    __slots__ = ("tensor", "version")

    def __init__(self, tensor):
        if tensor._base is not None and not (tensor._requires_grad and tensor._node is None):
            tensor = _without_base(tensor)
        self.tensor, self.version = tensor, tensor._version

    def unpack(self, node):
        if self.tensor._version != self.version:
            raise _changed(node, self.tensor.shape, self.tensor._version, self.version)
        return self.tensor


class SavedOutput:
    """A saved output: the array, not the Tensor, which holds the node in a cycle."""

    __slots__ = ("array", "counter", "index", "version")

    def __init__(self, tensor, index):
        self.array, self.index = tensor.data, index
        self.counter = tensor._shared_counter()
        self.version = self.counter.count

    def unpack(self, node):
        if self.counter.count != self.version:
            raise _changed(node, self.array.shape, self.counter.count, self.version)
        y = Tensor(self.array)
        y._counter = self.counter
        y._requires_grad, y._node, y._index = True, node, self.index
        return y


def _without_base(view):
    """The tensor `view` without the way back to its base: a node made later may be the base's, and
    would be held by what it leads to.
    """
    y = Tensor(view.data)
    y._counter = view._counter
    y._requires_grad, y._node, y._index = view._requires_grad, view._node, view._index
    return y


def _changed(node, shape, now, version) -> RuntimeError:
    return RuntimeError(
        f"backward: a tensor of shape {tuple(shape)} that {type(node).__name__} needs for its "
        f"gradient was changed in place: it is at version {now}, expected version "
        f"{version}"
    )

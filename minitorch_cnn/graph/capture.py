"""capture: records the graph of a model by running it on tensors without numbers (see standin.py).

During the run, `ArrayFunction.apply` records an operation on such a tensor as a node, by the rule
for the operation's class. Operations on other tensors, and those of other threads, are computed as
always. A second run with another batch size shows which sizes depend on the batch; the graph leaves
these free.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from .. import devices
from ..autograd import no_grad
from ..autograd.array_function import ArrayFunction
from ..nn import Module
from ..nn.evaluation import evaluation
from ..nn.hooks import Hooked
from ..nn.parameter import UninitializedParameter
from ..random import get_rng_state, set_rng_state
from ..tensor import Tensor
from . import layer_rules, tensor_rules
from .batch import NotFree, freed
from .finishing import finished
from .helper_rules import HELPERS
from .ir import Graph
from .places import Place
from .recorder import CaptureError, ModuleCall, Recorder
from .standin import Standin
from .structure import Structure, flatten, unflatten

RULES: dict[type, Callable[..., Any]] = {**tensor_rules.RULES, **layer_rules.RULES}

# The value of devices.elsewhere during a capture: true, but distinguishable from True.
MEANWHILE: Any = ("a capture is recording",)
_capturing = threading.RLock()  # the operations are replaced for all threads


class Capture(NamedTuple):
    """A graph, the calls of modules in the order of their ends, and the place of each node."""

    graph: Graph
    calls: list[ModuleCall]
    places: dict[str, Place]


def capture(model: Module, example: Any) -> Graph:
    """The graph of a model in evaluation mode, for inputs like `example`.

    example: a Tensor, a tuple of positional arguments, or a dict of arguments by name; arguments
    may be nested lists, tuples and dicts of Tensors, and other values, which are kept. Only shapes,
    dtypes and devices of the Tensors count. The batch is the first axis of the first Tensor, and of
    all others with that size; in the graph its size is free (N), unless the model depends on it,
    such as by a loop over the images.

    Nothing is computed, and the model is not changed: each module gets its mode back. The graph's
    constants are the model's own parameters and buffers, by their paths.

    Raises: CaptureError, a RuntimeError that names the module, for a branch on the values of a
    tensor and for an operation without a rule; TypeError for an example without Tensors; whatever
    the model raises.
    """
    return captured(model, example).graph


def captured(
    model: Module, example: Any, name: str = "capture", places: bool = False, free: bool = True
) -> Capture:
    """As `capture`, with the calls of modules.

    name: the function that errors name. places: also find the function that recorded each node.
    free: leave the batch size free; otherwise it is that of the example.
    """
    args, named = arguments_of(example)
    tensors, takes = flatten((args, named))
    if not tensors:
        raise TypeError(f"{name}: example holds no Tensor, got {type(example).__name__}")
    for path, p in model.named_parameters():
        if isinstance(p, UninitializedParameter):
            raise CaptureError(f"{name}: {path} has no shape before the model has run once")
    shapes = [t.shape for t in tensors]
    rec, results, gives = _recorded(model, tensors, takes, shapes, places, name=name)
    graph = _graph(model, rec, takes, results, gives, len(tensors))
    if free:
        graph = _with_free_batch(model, tensors, takes, shapes, graph, rec)
    return Capture(finished(graph, rec.optional), rec.calls, rec.places)


def arguments_of(example: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The positional arguments and the arguments by name in an example."""
    if isinstance(example, dict):
        return (), example
    return (example, {}) if isinstance(example, tuple) else ((example,), {})


def _with_free_batch(
    model: Module, tensors: list[Tensor], takes: Structure, shapes: Sequence[Any], graph: Graph,
    rec: Recorder,
) -> Graph:  # fmt: skip
    """The graph with a free batch size, or `graph` itself if the model depends on that size."""
    size = next((shape[0] for shape in shapes if shape), None)
    if size is None:
        return graph
    other_size = next(n for n in (7, 11) if n != size)
    more = [(other_size, *s[1:]) if s and s[0] == size else s for s in shapes]
    try:
        other, results, gives = _recorded(model, tensors, takes, more, limit=len(rec.nodes))
        again = _graph(model, other, takes, results, gives, len(tensors))
        return freed(graph, again)
    except (NotFree, CaptureError, ValueError, TypeError, RuntimeError, IndexError,
            AssertionError, KeyError, ArithmeticError):  # fmt: skip
        return graph


def _recorded(
    model: Module, tensors: list[Tensor], takes: Structure, shapes: Sequence[Any],
    places: bool = False, limit: int | None = None, name: str = "capture",
) -> tuple[Recorder, list[str], Structure]:  # fmt: skip
    """Run the model on tensors of these shapes -> what was recorded, and its results.

    limit: the number of nodes beyond which recording is given up.
    """
    rec = Recorder(model, str(tensors[0].device), limit, name)
    rec.tell_places = places
    given = [
        rec.input(name, t, shape)
        for name, t, shape in zip(input_names(takes), tensors, shapes, strict=True)
    ]
    args, named = unflatten(takes, given)
    state = get_rng_state()
    try:
        with evaluation(model), no_grad(), _recording(rec):
            output = model(*args, **named)
    finally:
        set_rng_state(state)
        rec.finder.frame = None
    made, gives = flatten(output)
    if not made:
        raise CaptureError(f"{name}: {type(model).__name__} returns no Tensor")
    return rec, [rec.use(t, "result") for t in made], gives


def input_names(takes: Structure) -> list[str]:
    """Names of a model's inputs: those of its arguments, or input, input_1, ..."""
    args, named = takes.parts
    names = ["input"] * args.count()
    for key, part in zip(named.keys, named.parts, strict=True):
        names += [str(key)] * part.count()
    return names


def _graph(
    model: Module, rec: Recorder, takes: Structure, results: list[str], gives: Structure, count: int
) -> Graph:
    inputs = list(rec.values.values())[:count]
    outputs = [rec.values[name] for name in results]
    return Graph(
        rec.nodes, inputs, outputs, rec.constants, rec.values, takes, gives, type(model).__name__
    )


# ------------------------------------------------------------------- what is replaced meanwhile


@contextmanager
def _recording(rec: Recorder) -> Iterator[None]:
    """Record what this thread does with tensors that are captured."""
    here = threading.get_ident()
    cls: Any = ArrayFunction
    hooked: Any = Hooked
    apply, call = cls.__dict__["apply"], hooked.__call__
    original = apply.__func__

    def recorded_apply(operation: Any, *inputs: Any, **settings: Any) -> Any:
        if threading.get_ident() != here:
            return original(operation, *inputs, **settings)
        return _applied(rec, original, operation, inputs, settings)

    def recorded_call(module: Any, *inputs: Any, **settings: Any) -> Any:
        if threading.get_ident() != here:
            return call(module, *inputs, **settings)
        return _called(rec, call, module, inputs, settings)

    with _capturing:
        # Where arrays may be elsewhere, the usual calls of an op leave it to `apply`.
        elsewhere, devices.elsewhere = devices.elsewhere, MEANWHILE
        kept = [getattr(helper.module, helper.name) for helper in HELPERS]
        try:
            cls.apply, hooked.__call__ = classmethod(recorded_apply), recorded_call
            for helper, function in zip(HELPERS, kept, strict=True):
                setattr(helper.module, helper.name, _helper(rec, here, function, helper.rule))
            yield
        finally:
            if devices.elsewhere is MEANWHILE:  # and no array has gone elsewhere
                devices.elsewhere = elsewhere
            cls.apply, hooked.__call__ = apply, call
            for helper, function in zip(HELPERS, kept, strict=True):
                setattr(helper.module, helper.name, function)


def _helper(rec: Recorder, here: int, original: Any, rule: Any) -> Any:
    def helper(*args: Any, **named: Any) -> Any:
        mine = threading.get_ident() == here
        if not mine or not any(map(rec.symbolic, (*args, *named.values()))):
            return original(*args, **named)
        return rule(rec, original, *args, **named)

    return helper


def _applied(rec: Recorder, original: Any, operation: Any, inputs: Any, settings: Any) -> Any:
    """One operation: recorded if one of its inputs is captured, and else computed."""
    if not any(map(rec.symbolic, inputs)) and not _holds_standin(settings.values()):
        return original(operation, *inputs, **settings)
    rule = next((RULES[c] for c in operation.__mro__ if c in RULES), None)
    rule = rule or getattr(operation, "captured", None)
    if rule is None:
        rec.refuse(f"calls {operation.__name__}, an operation that has no rule for graphs")
    made = rule(rec, operation, *inputs, **settings)
    if isinstance(made, tuple):
        return tuple(map(Tensor, made))
    y = Tensor(made)
    if made.view is not None and isinstance(inputs[0], Tensor):
        base = inputs[0]._base
        y._base = inputs[0] if base is None else base
        y._counter = inputs[0]._shared_counter()
    return y


def _holds_standin(values: Any) -> bool:
    return any(
        isinstance(v, Standin) or (isinstance(v, tuple) and _holds_standin(v)) for v in values
    )


def _called(rec: Recorder, call: Any, module: Any, inputs: Any, settings: Any) -> Any:
    """One call of a module."""
    path = rec.path_of(module)
    rec.clock += 1
    began = rec.clock
    rec.frames.append((path, module))
    try:
        given = [rec.use(t) for t in flatten((inputs, settings))[0] if rec.symbolic(t)]
        output = call(module, *inputs, **settings)
        made = [rec.use(t) for t in flatten(output)[0] if rec.symbolic(t)]
    finally:
        rec.frames.pop()
    rec.clock += 1
    rec.calls.append(ModuleCall(path, module, given, made, began, rec.clock))
    return output

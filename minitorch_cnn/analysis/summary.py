"""summary: the memory, parameters, operations and receptive field of each layer of a network."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..graph import Node
from ..kernels.window import adaptive_spans
from ..nn import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool2d,
    LocalResponseNorm,
    MaxPool1d,
    MaxPool2d,
    Module,
)
from ..tensor import Tensor
from . import tables
from .field_rules import Axis
from .fields import fields
from .image_shapes import image_shape
from .receptive_field import ReceptiveField, field_of
from .steps import Step, followed_by, steps
from .trace import Call, Shape, Trace, trace_of, zeros_for

Pair = tuple[int, int]


class Row(NamedTuple):
    """One call of a layer, for one sample; or what a module that holds others has and does itself.

    input_shape, output_shape: (C, H, W), or (F,) of a vector; () if the layer did not run.
    kernel, stride, padding: of the sliding window, if it has one; padding may be "same" or "valid".
    memory_bytes: of the output in float32; 0 for a layer that can overwrite its input, which is an
        elementwise one without parameters (activation functions, dropout).
    params: its parameters, in the first of its rows if it runs more than once.
    macs: multiply-adds of convolutions, transposed convolutions and products of matrices, of layers
        and of functions that it calls; biases are free.
    ops: macs, and the elements that pooling and local response normalisation read: the window's
        size (or the number of channels) for each output.
    receptive_field, jump: (rows, columns) of the image that an output sees, and the distance from
        one output to the next; see `ReceptiveField`. None if it does not depend on the image; a
        vector has no jump.
    then: the activation functions applied to its output, as modules or as functions: "ReLU"; if
        branches meet before, "Add, ReLU", in the row of the last layer before.
    """

    name: str
    type: str
    input_shape: Shape
    output_shape: Shape
    kernel: Pair | None
    stride: Pair | None
    padding: Pair | str | None
    memory_bytes: int
    params: int
    macs: int
    ops: int
    receptive_field: Pair | None
    jump: tuple[float, float] | None
    then: str = ""


class Summary(NamedTuple):
    """The rows of a network in order of execution; `str` of it is a table.

    Parameters and multiply-adds of the rows add up to the totals. total_params: of all parameters,
    including those of layers that did not run (auxiliary heads), whose rows come last.
    trainable_params: of those that require a gradient.
    """

    rows: list[Row]
    total_params: int
    trainable_params: int

    @property
    def total_macs(self) -> int:
        """Multiply-adds of one sample."""
        return sum(row.macs for row in self.rows)

    @property
    def total_ops(self) -> int:
        """Multiply-adds, and the elements that pooling and normalisation read."""
        return sum(row.ops for row in self.rows)

    @property
    def total_activation_bytes(self) -> int:
        """Bytes of all outputs for one sample in float32; 0 for layers that overwrite the input."""
        return sum(row.memory_bytes for row in self.rows)

    def format(self, format: str = "table") -> str:
        """Format as a "table" for the screen, as "markdown", "latex" or "csv".

        The first three have the layout of the lecture's tables: without the layers that overwrite
        their input, KB of 1024 bytes, parameters in thousands, operations in millions. The csv has
        all rows and full numbers.

        Raises: ValueError for another format.
        """
        return tables.format_summary(self, format)

    def __str__(self) -> str:
        return self.format()

    def _repr_html_(self) -> str:
        """An HTML table for notebooks, which would otherwise show the rows as tuples."""
        return f"<pre>{html.escape(str(self))}</pre>"


def summary(
    model: Module, input_shape: Shape | list[Shape] | None = None, *, inputs: Any = None
) -> Summary:
    """Compute the cost of every layer of `model` for one sample.

    input_shape: of one input without the batch axis, 1 to 3 numbers, or (N, C, H, W); or a list of
    such, one for each input. inputs: instead of it example tensors with the batch axis first, a
    tuple of positional arguments (each a tensor or a collection of them) or a dict by name. By
    default input_shape is what `image_shape` finds.

    Nothing is computed: the graph is captured from shapes, in evaluation mode. Under
    `nn.shapes_only` a model can be built for this without memory for its weights. A layer is a
    module without children, or one that counts its own multiply-adds (a method
    `multiply_adds(input_shape, output_shape)`), including those of its children. A layer that runs
    twice has two rows; its parameters are counted in the first. Multiply-adds outside of layers
    are in the row of the innermost module that runs them, parameters in that of their owner.

    Raises: ValueError for an `input_shape` that is not positive integers; CaptureError, a
    RuntimeError, for what a graph cannot hold; what the model raises.

        with nn.shapes_only():
            vgg = mt.models.create_model("vgg19")
        print(mt.analysis.summary(vgg, (3, 224, 224)))
    """
    if inputs is None:
        shape = image_shape(model) if input_shape is None else input_shape
        shapes = shape if isinstance(shape, list) else [shape]
        example: Any = zeros_for(model, *(_of_one(each) for each in shapes))
    elif input_shape is not None:
        raise ValueError("summary: input_shape and inputs are both given, must be one of them")
    else:
        example = inputs
    run = trace_of(model, example, "summary")
    image = run.of_one(run.graph.inputs[0].name)
    found = steps(run, layer_calls(model, run))
    values = [step.value for step in found if step.call and step.value]
    seen = fields(run, values) if len(image) == 3 else {}
    rows = [row for row in rows_of(run, found, seen, image) if row]
    rows += rows_of_owners(model, run, found)
    parameters = list(dict.fromkeys(model.parameters()))
    trained = sum(p.numel() for p in parameters if p.requires_grad)
    return Summary(rows, sum(p.numel() for p in parameters), trained)


def _of_one(shape: Any) -> Shape:
    """A shape without the batch axis."""
    sizes = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    if not 1 <= len(sizes) <= 4 or not all(isinstance(n, int) and n > 0 for n in sizes):
        raise ValueError(
            f"summary: input_shape={sizes} must be 1 to 3 sizes without the batch, or "
            "(N, C, H, W), all positive"
        )
    return sizes[1:] if len(sizes) == 4 else sizes


def rows_of(
    run: Trace, found: list[Step], seen: dict[str, tuple[Axis, ...]], input_shape: Shape
) -> list[Row | None]:
    """The row of each step that is a layer, None for others; seen: see `fields`."""
    counted: set[Tensor] = set()
    then = followed_by(found)
    work = macs_by_call(run)
    rows: list[Row | None] = []
    for k, step in enumerate(found, 1):
        if step.call is None:
            rows.append(None)
            continue
        new = set(step.call.module.parameters()) - counted
        counted |= new
        field = field_of(seen[step.value], input_shape) if step.value in seen else None
        params = sum(p.numel() for p in new)
        macs = _own_macs(step.call, run, work)
        rows.append(_row(step.call, params, macs, field, then.get(k, "")))
    return rows


def rows_of_owners(model: Module, run: Trace, found: list[Step]) -> list[Row]:
    """Rows for what no layer's row has: parameters of modules that hold others and of layers that
    did not run, and multiply-adds outside of all layers.
    """
    layers_run = [step.call for step in found if step.call]
    counted = {p for call in layers_run for p in call.module.parameters()}
    work = macs_by_call(run)
    inside = {id(c) for layer in layers_run for c in run.calls if _within(c, layer)}
    rows = []
    calls = {call.name: call for call in reversed(run.calls) if id(call) not in inside}
    paths = {**{name: call.module for name, call in calls.items()}, **dict(model.named_modules())}
    for name, module in paths.items():
        new = set(module.parameters(recurse=False)) - counted
        counted |= new
        own = [call for call in run.calls if call.name == name and id(call) not in inside]
        macs = sum(work.get(id(call), 0) for call in own)
        if new or macs:
            x, y = (own[0].input_shape, own[0].output_shape) if own else ((), ())
            kind = type(module).__name__
            params = sum(p.numel() for p in new)
            rows.append(
                Row(name or kind, kind, x, y, None, None, None, 0, params, macs, macs, None, None)
            )
    return rows


def _within(call: Call, outer: Call) -> bool:
    return outer.began <= call.began and call.ended <= outer.ended


def macs_by_call(run: Trace) -> dict[int, int]:
    """The multiply-adds of each call of a module (by id) without those of the calls inside it."""
    found: dict[int, int] = {}
    total = 0
    for node in run.graph.nodes:
        # Of a batch, whose samples may run one after another, the sum is divided, not each part.
        total, before = total + node_macs(run, node), total
        macs = total // run.batch - before // run.batch
        if not macs or node.name not in run.places:
            continue
        time = run.places[node.name].time
        around = [call for call in run.calls if call.began < time < call.ended]
        inner = max(around, key=lambda call: call.began)
        found[id(inner)] = found.get(id(inner), 0) + macs
    return found


def node_macs(run: Trace, node: Node) -> int:
    """The multiply-adds of a node for the samples of the graph."""
    macs = 0
    if node.operator in ("Conv", "ConvTranspose"):
        # A convolution uses its kernel once per output position, a transposed one once per input.
        weight = run.shape(node.inputs[1])
        maps = run.shape((node.outputs if node.operator == "Conv" else node.inputs)[0])
        macs = math.prod(weight) * math.prod(maps[2:]) * maps[0]
    elif node.operator == "Gemm":
        k = run.shape(node.inputs[0])[0 if node.get("transA") else 1]
        macs = math.prod(run.shape(node.outputs[0])) * k
    elif node.operator == "MatMul":
        macs = math.prod(run.shape(node.outputs[0])) * run.shape(node.inputs[0])[-1]
    return macs


def layer_calls(model: Module, run: Trace) -> list[Call]:
    """The calls of the model's layers."""
    wanted = set(layers(model))
    return [call for call in run.calls if call.module in wanted]


def layers(module: Module) -> Iterator[Module]:
    """The modules without children, and those that count their own multiply-adds."""
    children = list(module.children())
    if not children or hasattr(module, "multiply_adds"):
        yield module
    else:
        for child in children:
            yield from layers(child)


def _own_macs(call: Call, run: Trace, work: dict[int, int]) -> int:
    """The multiply-adds of a layer's call, with those of calls inside it; its own count, if it has
    one.
    """
    if hasattr(call.module, "multiply_adds"):
        return call.module.multiply_adds(call.input_shape, call.output_shape)
    return sum(work.get(id(inner), 0) for inner in run.calls if _within(inner, call))


def _row(call: Call, params: int, macs: int, field: ReceptiveField | None, then: str) -> Row:
    module, x, y = call.module, call.input_shape, call.output_shape
    ops = macs or _looked_at(module, x, y)
    in_place = x == y and not ops and not any(True for _ in module.parameters())
    kernel, stride, padding = (
        _pair(getattr(module, name, None)) for name in ("kernel_size", "stride", "padding")
    )
    return Row(
        call.name or type(module).__name__,
        type(module).__name__,
        x,
        y,
        kernel,
        stride,
        padding,
        0 if in_place else 4 * math.prod(y) * bool(y),
        params,
        macs,
        ops,
        field and field.size,
        field.jump if field and len(y) > 1 else None,
        then,
    )


def _pair(value: Any) -> Any:
    if isinstance(value, int):
        return value, value
    return tuple(value) if isinstance(value, list) else value


def _looked_at(module: Module, x: Shape, y: Shape) -> int:
    """Elements that a pooling or local response normalisation reads, once per output."""
    if isinstance(module, AvgPool2d | MaxPool1d | MaxPool2d):
        axes = 1 if isinstance(module, MaxPool1d) else 2
        size = module.kernel_size
        return math.prod(y) * (math.prod(size) if isinstance(size, tuple) else size**axes)
    if isinstance(module, AdaptiveAvgPool2d | AdaptiveMaxPool2d):
        return x[0] * math.prod(
            sum(b - a for a, b in adaptive_spans(n, out))
            for n, out in zip(x[1:], y[1:], strict=True)
        )
    if isinstance(module, LocalResponseNorm):
        return math.prod(y) * module.size
    return 0

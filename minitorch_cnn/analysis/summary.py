"""summary: the memory, parameters, operations and receptive field of each layer of a network."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..autograd.array_function import ArrayFunction
from ..kernels.window import adaptive_spans
from ..nn import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool2d,
    Conv1d,
    Conv2d,
    ConvTranspose1d,
    ConvTranspose2d,
    Linear,
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
from .trace import Call, Shape, Trace, trace

Pair = tuple[int, int]


class Row(NamedTuple):
    """One call of a layer, for one image.

    input_shape, output_shape: (C, H, W), or (F,) of a vector.
    kernel, stride, padding: of the sliding window, if it has one; padding may be "same" or "valid".
    memory_bytes: of the output in float32; 0 for a layer that can overwrite its input, which is an
        elementwise one without parameters (activation functions, dropout).
    params: its parameters, in the first of its rows if it runs more than once.
    macs: multiply-adds of convolutions, transposed convolutions and linear layers; biases are free.
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

    total_params: of all parameters, including those of layers that did not run (auxiliary heads).
    """

    rows: list[Row]
    total_params: int

    @property
    def total_macs(self) -> int:
        """Multiply-adds of one image: convolutions, transposed convolutions and linear layers."""
        return sum(row.macs for row in self.rows)

    @property
    def total_ops(self) -> int:
        """Multiply-adds, and the elements that pooling and normalisation read."""
        return sum(row.ops for row in self.rows)

    @property
    def total_activation_bytes(self) -> int:
        """Bytes of all outputs for one image in float32; 0 for layers that overwrite the input."""
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


def summary(model: Module, input_shape: Shape | None = None) -> Summary:
    """Compute the cost of every layer of `model` for one input of `input_shape`.

    input_shape: (C, H, W) or (N, C, H, W), by default the shape that `image_shape` finds.

    The model runs once on an empty batch, in evaluation mode: every shape except the batch size is
    determined and no arithmetic is done. Under `nn.shapes_only` a model can be built for this
    without memory for its weights. A layer is a module without children, or one that counts its own
    multiply-adds (a method `multiply_adds(input_shape, output_shape)`), including those of its
    children. A layer that runs twice has two rows; its parameters are counted in the first.

    Raises: ValueError for an `input_shape` that is not 3 or 4 positive integers.

        with nn.shapes_only():
            vgg = mt.models.create_model("vgg19")
        print(mt.analysis.summary(vgg, (3, 224, 224)))
    """
    input_shape = image_shape(model) if input_shape is None else input_shape
    run = trace(model, input_shape, "summary")
    found = steps(run, layer_calls(model, run))
    seen = fields(run.x, [step.origin for step in found if step.call])
    rows = [row for row in rows_of(found, seen, input_shape) if row]
    return Summary(rows, sum(p.numel() for p in model.parameters()))


def rows_of(
    found: list[Step],
    seen: dict[ArrayFunction | Tensor, tuple[Axis, ...]],
    input_shape: Shape,
) -> list[Row | None]:
    """The row of each step that is a layer, None for others; seen: see `fields`."""
    counted: set[Tensor] = set()
    then = followed_by(found)
    rows: list[Row | None] = []
    for k, step in enumerate(found, 1):
        if step.call is None:
            rows.append(None)
            continue
        new = set(step.call.module.parameters()) - counted
        counted |= new
        field = field_of(seen[step.origin], input_shape) if step.origin in seen else None
        rows.append(_row(step.call, sum(p.numel() for p in new), field, then.get(k, "")))
    return rows


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


def _row(call: Call, params: int, field: ReceptiveField | None, then: str) -> Row:
    module, x, y = call.module, call.input_shape, call.output_shape
    macs = _multiply_adds(module, x, y)
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
        0 if in_place else 4 * math.prod(y),
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


def _multiply_adds(module: Module, x: Shape, y: Shape) -> int:
    """Multiply-adds of `module` from x to y; biases are free."""
    if hasattr(module, "multiply_adds"):
        return module.multiply_adds(x, y)
    if isinstance(module, Conv1d | Conv2d | ConvTranspose1d | ConvTranspose2d):
        # A convolution uses its kernel once per output position, a transposed one once per input.
        transposed = isinstance(module, ConvTranspose1d | ConvTranspose2d)
        return module.weight.numel() * math.prod((x if transposed else y)[1:])
    if isinstance(module, Linear):
        return module.weight.numel() * math.prod(y[:-1])
    return 0


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

"""summary: what each layer of a network costs in memory, parameters and multiply-adds."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..autograd import no_grad
from ..nn import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d, Linear, Module
from ..tensor import Tensor

Shape = tuple[int, ...]


class Row(NamedTuple):
    """One layer at work; shapes without the batch axis."""

    name: str
    type: str
    input_shape: Shape
    output_shape: Shape
    kernel: tuple[int, int] | None
    stride: tuple[int, int] | None
    padding: tuple[int, int] | str | None
    memory_bytes: int
    params: int
    macs: int


class Summary(NamedTuple):
    """The rows of a network in the order in which its layers run; `str` of it is a table."""

    rows: list[Row]
    total_params: int

    @property
    def total_macs(self) -> int:
        """Multiply-adds of one image: convolutions, transposed convolutions and linear layers."""
        return sum(row.macs for row in self.rows)

    @property
    def total_activation_bytes(self) -> int:
        """Bytes of all layers' outputs for one image in float32."""
        return sum(row.memory_bytes for row in self.rows)

    def __str__(self) -> str:
        head = ("layer", "type", "output", "kernel", "KB", "parameters", "multiply-adds")
        lines = [head, *(_cells(row) for row in self.rows)]
        lines.append(
            (
                "total",
                "",
                "",
                "",
                f"{self.total_activation_bytes / 1024:,.2f}",
                f"{self.total_params:,}",
                f"{self.total_macs:,}",
            )
        )
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        return "\n".join(
            "  ".join(
                cell.ljust(width) if i < 4 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        )


def _cells(row: Row) -> tuple[str, ...]:
    kernel = ""
    if row.kernel is not None:
        kernel = " ".join(
            [
                "x".join(map(str, row.kernel)),
                f"/{'x'.join(map(str, dict.fromkeys(row.stride)))}",
                f"pad {row.padding if isinstance(row.padding, str) else 'x'.join(map(str, dict.fromkeys(row.padding)))}",
            ]
        )
    shape = "x".join(map(str, row.output_shape))
    memory = f"{row.memory_bytes / 1024:,.2f}"
    return row.name, row.type, shape, kernel, memory, f"{row.params:,}", f"{row.macs:,}"


def summary(model: Module, input_shape: Shape) -> Summary:
    """The cost of every layer of `model` for one input of `input_shape`, (C, H, W) or (N, C, H, W).

    The model runs once on a batch of no images, in evaluation mode: every shape but the batch's
    is worked out and no arithmetic is done. A layer is a module without children, or one that counts
    its own multiply-adds (a method `multiply_adds(input_shape, output_shape)`). One that runs twice
    has two rows; its parameters are counted in the first.

    Raises ValueError for an `input_shape` that is not 3 or 4 positive integers.
    """
    if len(input_shape) not in (3, 4) or min(input_shape) < 1:
        raise ValueError(
            f"summary: input_shape={tuple(input_shape)} must be (C, H, W) or (N, C, H, W), all positive"
        )
    rows, counted = [], set()
    handles = [
        module.register_forward_hook(_recorder(name, rows, counted))
        for name, module in model.named_modules()
        if not list(module.children()) or hasattr(module, "multiply_adds")
    ]
    training = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with no_grad():
            model(Tensor(np.zeros((0, *input_shape[-3:]), np.float32)))
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in training.items():
            module.training = mode
    return Summary(rows, sum(p.numel() for p in model.parameters()))


def _recorder(name, rows, counted):
    """A forward hook that appends the row of the module `name`."""

    def record(module, inputs, output):
        x, y = inputs[0].shape[1:], output.shape[1:]
        params = 0
        for p in module.parameters():
            if id(p) not in counted:
                counted.add(id(p))
                params += p.numel()
        kernel, stride, padding = (
            _pair(getattr(module, setting, None)) for setting in ("kernel_size", "stride", "padding")
        )
        memory, macs = 4 * math.prod(y), _multiply_adds(module, x, y)
        kind = type(module).__name__
        rows.append(Row(name, kind, x, y, kernel, stride, padding, memory, params, macs))

    return record


def _pair(value):
    return (value, value) if isinstance(value, int) else value


def _multiply_adds(module: Module, x: Shape, y: Shape) -> int:
    """Products that `module` adds up on the way from x to y; biases are free."""
    if hasattr(module, "multiply_adds"):
        return module.multiply_adds(x, y)
    if isinstance(module, Conv1d | Conv2d | ConvTranspose1d | ConvTranspose2d):
        # A convolution uses its kernel once per output position, a transposed one once per input.
        transposed = isinstance(module, ConvTranspose1d | ConvTranspose2d)
        return module.weight.numel() * math.prod((x if transposed else y)[1:])
    if isinstance(module, Linear):
        return module.weight.numel() * math.prod(y[:-1])
    return 0

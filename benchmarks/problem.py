"""One convolution as arrays: each direction by us, by others and, at samples, by definition."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from minitorch_cnn.kernels import conv2d as operator

from .engines import onnxruntime_session
from .suites import Layer

DIRECTIONS = ("forward", "gx", "gw")
DRAWN = 2**22 - 3  # a prime, so that no rows, planes or images repeat


@cache
def _drawn(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(DRAWN, np.float32)


def numbers(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Normal random numbers of a shape; DRAWN of them, repeated where it has more.

    A batch for a GPU has a hundred million, which take seconds to draw.
    """
    if math.prod(shape) > DRAWN:
        return np.resize(_drawn(seed), shape)
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


class Problem:
    """The arrays of one layer, and each direction as a function without arguments."""

    def __init__(self, layer: Layer, batch: int, seed: int = 0):
        self.layer, self.batch = layer, batch
        self.x = numbers((batch, layer.C, layer.H, layer.H), seed)
        self.w = numbers(layer.weight, seed + 1)
        self.gy = numbers((batch, layer.O, *layer.output), seed + 2)

    def ours(self, direction: str):
        window, groups = self.layer.window, self.layer.groups
        if direction == "forward":
            return operator.conv2d_forward(self.x, self.w, window, groups)
        if direction == "gx":
            return operator.conv2d_input_grad(self.gy, self.w, window, self.x.shape[2:], groups)
        return operator.conv2d_weight_grad(self.x, self.gy, window, groups)

    def torch(self, direction: str, nhwc: bool = False) -> Callable:
        """The same in PyTorch, its arrays in one of two formats."""
        import torch

        return torch_call(self.layer, direction, nhwc, map(torch.from_numpy, self.arrays()))

    def onnxruntime(self, threads: int) -> Callable:
        """The forward in ONNX Runtime, with the weights as constants of the graph."""
        from onnx import TensorProto, helper, numpy_helper

        (top, bottom), (left, right) = self.layer.window.padding
        node = helper.make_node(
            "Conv",
            ["x", "w"],
            ["y"],
            strides=self.layer.window.stride,
            pads=[top, left, bottom, right],
            group=self.layer.groups,
        )
        x, y = (
            helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape)
            for name, array in (("x", self.x), ("y", self.gy))
        )
        graph = helper.make_graph([node], "layer", [x], [y], [numpy_helper.from_array(self.w, "w")])
        opset = helper.make_opsetid("", 17)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
        session = onnxruntime_session(model.SerializeToString(), threads)
        return lambda: session.run(None, {"x": self.x})[0]

    def arrays(self) -> tuple[np.ndarray, ...]:
        """Images, weights and the gradient of the output."""
        return self.x, self.w, self.gy

    def error(self, direction: str, result: np.ndarray, samples: int = 64) -> float:
        """The largest |result - definition| of sampled elements over the largest |definition|."""
        rng = np.random.default_rng(1)
        at = [tuple(int(rng.integers(n)) for n in result.shape) for _ in range(samples)]
        exact = np.array([getattr(self, f"_{direction}_at")(*index) for index in at])
        found = np.array([result[index] for index in at], np.float64)
        return float(np.abs(found - exact).max() / np.abs(exact).max())

    def _taps(self, axis: int):
        """Each (kernel position, output, input) of a product along one axis."""
        window = self.layer.window
        for k in range(window.kernel[axis]):
            for i in range(self.layer.output[axis]):
                h = i * window.stride[axis] + k - window.padding[axis][0]
                if 0 <= h < self.layer.H:
                    yield k, i, h

    def _forward_at(self, n, o, i, j):
        L = self.layer
        first = o // (L.O // L.groups) * (L.C // L.groups)
        channels = slice(first, first + L.C // L.groups)
        total = 0.0
        for kh, _, h in (t for t in self._taps(0) if t[1] == i):
            for kw, _, w in (t for t in self._taps(1) if t[1] == j):
                total += self.x[n, channels, h, w].astype(float) @ self.w[o, :, kh, kw]
        return total

    def _gx_at(self, n, c, h, w):
        L = self.layer
        group, inner = divmod(c, L.C // L.groups)
        outputs = slice(group * (L.O // L.groups), (group + 1) * (L.O // L.groups))
        total = 0.0
        for kh, i, _ in (t for t in self._taps(0) if t[2] == h):
            for kw, j, _ in (t for t in self._taps(1) if t[2] == w):
                total += self.gy[n, outputs, i, j].astype(float) @ self.w[outputs, inner, kh, kw]
        return total

    def _gw_at(self, o, c, kh, kw):
        L = self.layer
        channel = o // (L.O // L.groups) * (L.C // L.groups) + c
        rows = [(i, h) for k, i, h in self._taps(0) if k == kh]
        columns = [(j, w) for k, j, w in self._taps(1) if k == kw]
        (i, h), (j, w) = (np.array(pairs).T for pairs in (rows, columns))
        x = self.x[:, channel][:, h[:, None], w].astype(float)
        return float((x * self.gy[:, o][:, i[:, None], j]).sum())


def torch_call(layer: Layer, direction: str, nhwc: bool, tensors: Any) -> Callable:
    """A direction in PyTorch on x, w and gy, in one of two formats."""
    import torch

    layout = torch.channels_last if nhwc else torch.contiguous_format
    x, w, gy = (t.contiguous(memory_format=layout) for t in tensors)
    stride, groups = list(layer.window.stride), layer.groups
    padding = [before for before, _ in layer.window.padding]
    if direction == "forward":
        return lambda: torch.nn.functional.conv2d(x, w, None, stride, padding, 1, groups)
    mask = (direction == "gx", direction == "gw", False)
    settings = (stride, padding, [1, 1], False, [0, 0], groups, mask)
    return lambda: torch.ops.aten.convolution_backward(gy, x, w, None, *settings)

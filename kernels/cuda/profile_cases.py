"""The launches that profile.py predicts: layers of known networks, with 8 images."""

import math
import mmap
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import activation, batch_norm, conv2d, cross_entropy, optimizer, pool2d
from ..window import Window
from .array import EmulatorArray
from .emulator import emulated
from .launch import forget_plans
from .profile import Profile

IMAGES = 8


def _emulated(array: np.ndarray) -> Any:
    """The array itself on the emulator: of its memory only what the blocks touch is taken."""
    return array.view(EmulatorArray)


place: Callable[[np.ndarray], Any] = _emulated  # where the arrays of a case lie


def _new(*shape: int, dtype: type = np.float32) -> Any:
    """Zeros on the device of the case, from the beginning of a page, as tables need it."""
    pages = mmap.mmap(-1, math.prod(shape) * np.dtype(dtype).itemsize)
    return place(np.frombuffer(pages, dtype).reshape(shape))


def _conv(channels: int, outputs: int, size: int, window: Window, groups: int = 1):
    """Forward, input gradient and weight gradient of a convolution."""
    x = _new(IMAGES, channels, size, size)
    w = _new(outputs, channels // groups, *window.kernel)
    gy = _new(IMAGES, outputs, *window.output_size(size, size))

    def run():
        conv2d.conv2d_forward(x, w, window, groups)
        conv2d.conv2d_input_grad(gy, w, window, (size, size), groups)
        conv2d.conv2d_weight_grad(x, gy, window, groups)

    return run


def _max_pool(channels: int, size: int, window: Window):
    x = _new(IMAGES, channels, size, size)

    def run():
        y, argmax = pool2d.max_pool2d_forward(x, window)
        y[...] = 0
        argmax[...] = 0
        pool2d.max_pool2d_input_grad(y, argmax, (size, size), window)

    return run


def _avg_pool(channels: int, size: int, window: Window):
    x = _new(IMAGES, channels, size, size)
    gy = _new(IMAGES, channels, *window.output_size(size, size))

    def run():
        pool2d.avg_pool2d_forward(x, window)
        pool2d.avg_pool2d_input_grad(gy, window, (size, size))

    return run


def _batch_norm(channels: int, size: int):
    x, c = _new(IMAGES, channels, size, size), _new(channels)

    def run():
        batch_norm.batch_norm_training(x, c, c, 1e-5, True)
        batch_norm.batch_norm_backward(x, x, c, c, c, c, True)

    return run


def _residual(channels: int, size: int):
    """A convolution and its batch norm, which adds a shortcut, as in the last part of a block."""
    x, w, c = _new(IMAGES, channels, size, size), _new(channels, channels, 3, 3), _new(channels)

    def run():
        y, moments = conv2d.conv2d_with_moments(x, w, _SAME)
        batch_norm.batch_norm_training(y, c, c, 1e-5, True, residual=x, moments=moments)

    return run


def _relu(channels: int, size: int):
    x = _new(IMAGES, channels, size, size)
    return lambda: activation.activation_forward(x, "relu")


def _cross_entropy(classes: int):
    x, target = _new(256, classes, 1), _new(256, 1, dtype=np.int64)

    def run():
        _, total, m, s = cross_entropy.cross_entropy_mean(x, target)
        cross_entropy.cross_entropy_backward(_new(), x, m, s, target, total=total)

    return run


def _sgd(*shapes: tuple[int, ...]):
    tensors = [_new(*shape) for shape in shapes]
    return lambda: optimizer.sgd_steps(tensors, tensors, tensors, 0.1, 0.9)


_SAME, _HALF = Window(3, 1, 1), Window(3, 2, 1)

CASES: dict[str, Callable[[], Callable[[], object]]] = {
    **{
        f"depthwise 3x3, {c} of {n}": lambda c=c, n=n: _conv(c, c, n, _SAME, c)
        for c, n in ((32, 112), (128, 56), (256, 28), (512, 14), (1024, 7))
    },
    **{
        f"depthwise 3x3 / 2, {c} of {n}": lambda c=c, n=n: _conv(c, c, n, _HALF, c)
        for c, n in ((64, 112), (128, 56), (256, 28), (512, 14))
    },
    "grouped 3x3, 32 x 4 of 56": lambda: _conv(128, 128, 56, _SAME, 32),
    "dense 3x3, 64 of 56": lambda: _conv(64, 64, 56, _SAME),
    "dense 1x1, 256 of 14": lambda: _conv(256, 256, 14, Window(1)),
    "first 7x7 / 2, 3 of 224": lambda: _conv(3, 64, 224, Window(7, 2, 3)),
    **{
        f"max pool 3/2, {c} of {n}": lambda c=c, n=n: _max_pool(c, n, _HALF)
        for c, n in ((64, 112), (64, 56), (128, 28), (256, 14), (512, 7))
    },
    "max pool 2, 64 of 112": lambda: _max_pool(64, 112, Window(2)),
    "average pool 2, 128 of 56": lambda: _avg_pool(128, 56, Window(2)),
    "batch norm, relu, 64 of 56": lambda: _batch_norm(64, 56),
    "batch norm, relu, 512 of 7": lambda: _batch_norm(512, 7),
    "dense 3x3, batch norm, shortcut, relu, 64 of 56": lambda: _residual(64, 56),
    "relu, 256 of 56": lambda: _relu(256, 56),
    "cross entropy, 1000": lambda: _cross_entropy(1000),
    "SGD of three tensors": lambda: _sgd((64, 3, 7, 7), (64,), (256, 64, 3, 3)),
}


def profiles(name: str) -> list[Profile]:
    """The profiles of the launches of a case, in their order."""
    found: list[Profile] = []
    run = CASES[name]()
    forget_plans()
    with emulated(profile=found):
        run()
    return found

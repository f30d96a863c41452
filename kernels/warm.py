"""Compiles the usual kernels into the cache before a net needs them.

    python -m minitorch_cnn.kernels warm

A first training step compiles its kernels one after the other, because Numba compiles one at a
time in a process. Here several processes compile, one per core: each runs some operators on small
float32 arrays. What is in the cache already is loaded and costs little.
"""

import sys
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context

import numpy as np

from . import activation, ahead, batch_norm, conv2d, cross_entropy, jit, optimizer, pool2d
from .activation.kinds import KINDS
from .cores import usable_cores
from .dispatch import use
from .window import Window

Task = Callable[[], object]


def warm() -> None:
    """Compile the usual kernels, with a line on stderr that counts them.

    Raises RuntimeError where Numba is not installed, and the error of a kernel that fails.
    """
    if not jit.has_numba():
        raise RuntimeError("warm: Numba is not installed (pip install numba)")
    names, done = list(TASKS), 0
    # Spawned, not forked: a forked child would have none of this process's threads.
    with ProcessPoolExecutor(
        min(usable_cores(), len(names)), get_context("spawn"), initializer=_be_quiet
    ) as processes:
        running = {processes.submit(run, name): name for name in names}
        for future in as_completed(running):
            future.result()
            done += 1
            print(
                f"\rcompiling kernels: {done} of {len(names)}  {running[future]:40}",
                end="", file=sys.stderr, flush=True,
            )  # fmt: skip
    print(file=sys.stderr)


def _be_quiet() -> None:
    """Leave the news of compiling to the process that counts."""
    jit.PATIENCE = threading.TIMEOUT_MAX
    ahead.decline()


def run(name: str) -> None:
    """Run a task of TASKS, which compiles its kernels."""
    implementation, task = TASKS[name]
    with use(implementation):
        task()


def _ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def _convolution(
    direction: str, channels: int, kernel: int, stride: int, padding: int, groups: int = 1
) -> None:
    """One convolution of 8 images, or one of its gradients."""
    window = Window(kernel, stride, padding)
    x, w = _ones(8, channels, 16, 16), _ones(channels, channels // groups, kernel, kernel)
    OH, OW = window.output_size(16, 16)
    gy = _ones(8, channels, OH, OW)
    if direction == "forward":
        for bias in (None, _ones(channels)):
            conv2d.conv2d_forward(x, w, window, groups, bias)
    elif direction == "input_grad":
        conv2d.conv2d_input_grad(gy, w, window, x.shape[2:], groups)
    else:
        conv2d.conv2d_weight_grad(x, gy, window, groups)


def _max_pool(kernel: int, stride: int, padding: int) -> None:
    x = _ones(4, 16, 16, 16)
    y, argmax = pool2d.max_pool2d_forward(x, Window(kernel, stride, padding))
    pool2d.max_pool2d_input_grad(y, argmax, x.shape[2:])


def _average_pool() -> None:
    x = _ones(4, 16, 16, 16)
    for window in (Window(2, 2), Window(8, 8)):
        pool2d.avg_pool2d_input_grad(pool2d.avg_pool2d_forward(x, window), window, x.shape[2:])
    y = pool2d.adaptive_avg_pool2d_forward(x, (1, 1))
    pool2d.adaptive_avg_pool2d_input_grad(y, x.shape[2:])


def _batch_norm() -> None:
    x, ones = _ones(8, 16, 16, 16), _ones(16)
    _, mean, var, _ = batch_norm.batch_norm_training(x, ones, ones, 1e-5)
    batch_norm.batch_norm_backward(x, x, ones, ones, mean, var)
    batch_norm.batch_norm_forward(x, ones, ones, mean, var)


def _activation(kind: str) -> None:
    x = _ones(2**16)  # large enough for a second thread
    settings = (1.0,) * KINDS[kind]
    y = activation.activation_forward(x, kind, *settings)
    activation.activation_backward(x, y, kind, *settings)


def _relu_of_sum() -> None:
    x = _ones(2**16)
    activation.relu_backward_of_sum(x, x, activation.relu_of_sum(x, x))


def _cross_entropy() -> None:
    x, target = _ones(64, 10, 1), np.zeros((64, 1), np.int64)
    _, m, s = cross_entropy.cross_entropy_forward(x, target)
    cross_entropy.cross_entropy_backward(_ones(64, 1), x, m, s, target)


def _optimizer() -> None:
    p, g, m, s = (_ones(64) for _ in range(4))
    optimizer.sgd_step(p, g, None, 0.1)
    optimizer.sgd_step(p, g, m, 0.1, 0.9)
    optimizer.adam_step(p, g, m, s, None, 1, 0.1, (0.9, 0.999), 1e-8)


DIRECTIONS = ("forward", "input_grad", "weight_grad")
CONVOLUTIONS = {  # implementation, channels, kernel, stride, padding, groups
    "3x3": ("numba", 16, 3, 1, 1, 1),
    "5x5": ("numba", 16, 5, 1, 0, 1),
    "1x1": ("numba", 16, 1, 1, 0, 1),
    "3x3 of stride 2": ("numba", 16, 3, 2, 1, 1),
    "1x1 of stride 2": ("numba", 16, 1, 2, 0, 1),
    "winograd 3x3": ("winograd", 16, 3, 1, 1, 1),
    "depthwise 3x3": ("direct", 16, 3, 1, 1, 16),
    "depthwise 3x3 of stride 2": ("direct", 16, 3, 2, 1, 16),
}
# name: the implementation and a call of its functions; those that take longest come first
TASKS: dict[str, tuple[str, Task]] = {
    **{
        f"{name}, {direction}": (implementation, partial(_convolution, direction, *settings))
        for name, (implementation, *settings) in CONVOLUTIONS.items()
        for direction in DIRECTIONS
    },
    "max pooling 2/2": ("numba", partial(_max_pool, 2, 2, 0)),
    "max pooling 3/2": ("numba", partial(_max_pool, 3, 2, 1)),
    "average pooling": ("numba", _average_pool),
    "batch norm": ("numba", _batch_norm),
    "cross-entropy": ("numba", _cross_entropy),
    "optimizer steps": ("numba", _optimizer),
    "relu of a sum": ("numba", _relu_of_sum),
    **{kind: ("numba", partial(_activation, kind)) for kind in ("relu", "relu6", "silu", "gelu")},
}

"""What a second process compiles for a first one: the gradients that follow a forward pass.

The first process names the cases of its operators (ahead.py). Here the gradients of each are
computed once, for arrays of zeros, which compiles their kernels. While no case waits, the kernels
that every training step needs follow, then the gradients of convolutions that the net is likely to
have later: of half as large images with twice as many channels.
"""

import math
import os
import pickle
import sys
import threading
from collections import deque
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np

from . import activation, ahead, batch_norm, conv2d, pool2d, warm
from .activation.kinds import KINDS
from .pool2d.loops import index_type
from .threads import set_num_threads
from .warm import Task

MAX_IDLE = 5.0  # seconds without work, after which this process ends
# Fewer images are computed than the first process has, since kernels depend little on their number.
MAX_MACS = 2**28  # of a convolution
MAX_NUMBERS = 2**20  # of the images of another operator
LAST = ("cross-entropy", "optimizer steps")  # tasks of warm.py that end every training step


def work() -> None:
    """Compile what follows the cases that another process writes to stdin.

    Ends when stdin closes, or nothing has arrived for MAX_IDLE seconds.
    """
    ahead.decline()
    set_num_threads(1)
    cases: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_read, args=(cases,), daemon=True).start()
    later: deque[Task] = deque(partial(warm.run, name) for name in LAST)
    is_first = True
    with suppress(Empty):
        while True:
            task = _next(cases, later)
            if isinstance(task, conv2d.Case):
                later.append(partial(_convolution, _in_next_stage(task)))
                task, is_first = partial(_convolution, task, needs_gx=not is_first), False
            with suppress(Exception):  # the other process meets the error, if it needs the kernel
                task() if callable(task) else compute_gradients(task)


def _next(cases: "SimpleQueue[Any]", later: deque[Task]) -> Any:
    """A case, or while none waits a task for later."""
    try:
        return cases.get(timeout=0.01 if later else MAX_IDLE)
    except Empty:
        if not later:
            raise
        return later.popleft()


def _read(cases: "SimpleQueue[Any]") -> None:
    """Pass on the cases of stdin; end this process when the other has ended."""
    for line in sys.stdin:
        with suppress(Exception):
            cases.put(pickle.loads(bytes.fromhex(line)))
    with ahead.saving:
        os._exit(0)


def compute_gradients(case: Any) -> None:
    """Compute once what the backward pass needs after a case of the forward pass, if anything."""
    if isinstance(case, conv2d.Case):
        _convolution(case)
    elif isinstance(case, activation.Case):
        x = np.zeros(activation.SMALL, case.dtype)
        activation.activation_backward(x, x, case.kind, *[1.0] * KINDS[case.kind])
    elif isinstance(case, batch_norm.Case) and case.function == "batch_norm_training":
        x, ones = np.zeros(_few(case.x), case.dtype), np.ones(case.x[1], case.dtype)
        batch_norm.batch_norm_backward(x, x, ones, ones, ones, ones)
    elif isinstance(case, pool2d.Case):
        _pooling(case)


def _convolution(case: conv2d.Case, needs_gx: bool = True) -> None:
    """needs_gx: whether the input may need a gradient; images do not."""
    if case.function != "conv2d_forward":
        return
    N = case.x[0]
    few = max(1, min(N, MAX_MACS * N // max(case.macs, 1)))
    x, w = np.zeros((few, *case.x[1:]), case.dtype), np.zeros(case.w, case.dtype)
    window, groups, size = case.window, case.groups, case.x[2:]
    gy = np.zeros((few, len(w), *window.output_size(*size)), case.dtype)
    choose = conv2d.OPERATOR.choose  # for all images
    of_w = choose(case._replace(function="conv2d_weight_grad"))
    of_w.conv2d_weight_grad(x, gy, window, groups)
    if needs_gx:
        of_x = choose(case._replace(function="conv2d_input_grad"))
        of_x.conv2d_input_grad(gy, w, window, size, groups)


def _few(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of some of the images."""
    N, size = shape[0], math.prod(shape)
    return max(1, min(N, MAX_NUMBERS * N // max(size, 1))), *shape[1:]


def _in_next_stage(case: conv2d.Case) -> conv2d.Case:
    """The convolution of half as large images with twice as many channels."""
    (N, C, H, W), (O, CG, *kernel) = case.x, case.w
    return case._replace(x=(N, 2 * C, H // 2, W // 2), w=(2 * O, 2 * CG, *kernel))


def _pooling(case: pool2d.Case) -> None:
    (*channels, H, W), window = _few(case.x), case.window
    size = H, W
    if isinstance(window, tuple):  # the output size of adaptive windows
        gy = np.zeros((*channels, *window), case.dtype)
        if case.function == "adaptive_avg_pool2d_forward":
            pool2d.adaptive_avg_pool2d_input_grad(gy, size)
        return
    gy = np.zeros((*channels, *window.output_size(*size)), case.dtype)
    if case.function == "max_pool2d_forward":
        argmax = np.zeros(gy.shape, index_type(*size))
        pool2d.max_pool2d_input_grad(gy, argmax, size, window)
    elif case.function == "avg_pool2d_forward":
        pool2d.avg_pool2d_input_grad(gy, window, size)

"""The arithmetic under the framework: arrays in, arrays out.

A folder for each operator, a file in it for each implementation of the operator:

    activation            ReLU and its relatives, with their slopes
    conv2d                the convolution and its two gradients
    pool2d                maximum, average and adaptive pooling
    prelu                 the ReLU whose left side has a slope that is learnt
    batch_norm            statistics, normalisation, gradients
    cross_entropy         of the softmax of logits and classes
    local_response_norm   AlexNet's normalisation across channels
    optimizer             the steps of SGD, LARS, RMSprop and Adam
    resample              nearest and bilinear interpolation

To read an operator: `__init__.py` says what each function returns and lists the implementations;
`loops.py` is the definition in plain loops, which every other implementation is tested against;
then the fast implementations, each of which says its idea in its first lines. Shared by all
operators: window.py (where a sliding window stands), dispatch.py (which implementation runs, and
how to force one), workspace.py (scratch memory), jit.py (Numba, where it is installed), sums.py
(sums whose order is free), register_tile.py (the innermost loops, in vector registers), threads.py
(who shares work, and how much), cores.py (how many there are), thread_pool.py (how a kernel's work
reaches its workers) and matmul.py (BLAS, divided in the same way). cache.py keeps what was
compiled.

>>> with use("loops"):
...     y = conv2d.conv2d_forward(x, w, Window(3, padding=1))
"""

from . import (
    activation,
    batch_norm,
    conv2d,
    cross_entropy,
    local_response_norm,
    optimizer,
    pool2d,
    prelu,
    resample,
)
from .conv2d import explain
from .dispatch import use
from .threads import get_num_threads, set_num_threads
from .window import Window

__all__ = [
    "Window",
    "activation",
    "batch_norm",
    "conv2d",
    "cross_entropy",
    "explain",
    "get_num_threads",
    "local_response_norm",
    "optimizer",
    "pool2d",
    "prelu",
    "resample",
    "set_num_threads",
    "use",
]

"""The arithmetic under the framework: arrays in, arrays out.

A folder for each operator, a file in it for each implementation of the operator:

    activation            ReLU and its relatives, with their derivatives
    conv2d                convolution and its two gradients
    pool2d                maximum, average and adaptive pooling
    prelu                 the ReLU with a learnt slope for negative inputs
    batch_norm            statistics, normalisation, gradients
    cross_entropy         cross-entropy between the softmax of logits and class indices
    local_response_norm   AlexNet's normalisation across channels
    philox                random numbers by counters, on a device
    optimizer             the update steps of SGD, LARS, RMSprop and Adam
    rows                  sums and concatenations of large arrays
    resample              nearest and bilinear interpolation
    blocked               inference in blocks of channels, for compiled networks

To read an operator, start with `__init__.py`: it states what each function returns and lists the
implementations. `loops.py` is the definition in plain loops; every other implementation is tested
against it. The fast implementations follow; each states its idea in its first lines.

All operators share these modules:

    window.py         the geometry of a sliding window
    dispatch.py       which implementation runs, and how to force one
    tuning.py         measures implementations; tuned_file.py keeps the times per processor
    workspace.py      scratch memory
    installed.py      whether a package is installed
    jit.py, cache.py  compilation by Numba, where it is installed, and the cache of compiled kernels
    sources.py        the version of the files that a kernel is compiled from
    warm.py           compiles the usual kernels at once: python -m minitorch_cnn.kernels warm
    ahead.py          compiles what is needed next in a second process; turns.py: one at a time
    following.py      what that process compiles: the gradients of the operators met so far
    machine.py        the processor's vector registers and caches
    sums.py           sums in any order
    micro_kernel.py   the micro-kernels: the innermost loops, in vector registers
    vector_copy.py    copies by whole vectors
    blocking.py       block sizes of matrix products for the caches
    spelling.py       the nearest known name, for errors
    peak.py           the speed of the micro-kernel alone, the limit of arithmetic
    threads.py        the thread pool; cores.py counts the cores that it may use
    thread_pool.py    how the workers of the pool receive the pieces of a compiled kernel
    matmul.py         matrix products by BLAS, divided among the same threads

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
    philox,
    pool2d,
    prelu,
    resample,
    rows,
)
from .conv2d import explain
from .dispatch import use
from .threads import get_num_threads, set_num_threads
from .tuning import tune
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
    "philox",
    "pool2d",
    "prelu",
    "resample",
    "rows",
    "set_num_threads",
    "tune",
    "use",
]

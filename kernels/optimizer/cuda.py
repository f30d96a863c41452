"""Steps of optimizers on the GPU and on the emulator: the launches of optimizer.cu.

SGD and Adam are fused kernels; the other optimizers use the array's own functions.
"""

import numpy as np

from ..cuda.launch import blocks, cuda_module, vector_width
from ..cuda.signature import real
from .vectorised import lars_step, rmsprop_step

__all__ = ["adam_step", "lars_step", "rmsprop_step", "sgd_step"]

THREADS = 256


def sgd_step(p, g, v, lr, momentum, gain, weight_decay, nesterov):
    """p, g, v (*), in place."""
    _run("sgd", (p, g, v), (lr, momentum, gain, weight_decay), np.bool_(nesterov))


def adam_step(p, g, m, s, largest, rate, beta1, beta2, eps, correction, decay, shrink):
    """p, g, m, s, largest (*), in place."""
    settings = rate, beta1, 1 - beta1, beta2, 1 - beta2, eps, correction, decay, shrink
    _run("adam", (p, g, m, s, largest), settings)


def _run(name, arrays, settings, *switches):
    p = arrays[0]
    if p.size:
        vector = vector_width(p.size, *arrays)
        module = cuda_module("optimizer/optimizer.cu", REAL=real(p.dtype), VECTOR=vector)
        units = p.size // vector
        args = *arrays, np.int64(units), *map(p.dtype.type, settings), *switches
        module[name]((blocks(units, THREADS),), (THREADS,), args)

"""Activations on the GPU and on the emulator: the launches of activation.cu."""

import numpy as np

from ..cuda.launch import blocks, contiguous, cuda_module, empty, vector_width
from ..cuda.signature import real
from .kinds import KINDS

THREADS = 256


def activation_forward(x, kind, *settings):
    """x (*) -> y (*)."""
    y = empty(x.shape, x.dtype, like=x)
    _run("forward", (contiguous(x), y), kind, settings)
    return y


def activation_backward(gy, kept, kind, *settings):
    """gy, kept (*) -> gx (*)."""
    gx = empty(kept.shape, kept.dtype, like=kept)
    _run("backward", (contiguous(gy), contiguous(kept), gx), kind, settings)
    return gx


def _run(name, arrays, kind, settings):
    x = arrays[0]
    if x.size:
        vector = vector_width(x.size, *arrays)
        module = cuda_module("activation/activation.cu", REAL=real(x.dtype), VECTOR=vector)
        units = x.size // vector
        a, b = map(x.dtype.type, (*settings, 0, 0)[:2])
        args = *arrays, np.int64(units), np.int32(list(KINDS).index(kind)), a, b
        module[name]((blocks(units, THREADS),), (THREADS,), args)

"""Activations on the GPU and on the emulator: the launches of activation.cu."""

import numpy as np

from ..cuda.launch import blocks, contiguous, cuda_module, empty, planned, vector_width
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


def relu_of_sum(a, b):
    """a, b (*) -> max(a + b, 0) (*)."""
    y = empty(a.shape, a.dtype, like=a)
    _run("relu_of_sum", (contiguous(a), contiguous(b), y))
    return y


def relu_backward_of_sum(a, b, y):
    """a, b, y (*) -> gx (*): a + b where the relu with output y passed, else 0."""
    gx = empty(y.shape, y.dtype, like=y)
    _run("relu_backward_of_sum", (contiguous(a), contiguous(b), contiguous(y), gx))
    return gx


def _run(name, arrays, *kind_and_settings):
    x = arrays[0]
    if x.size:
        vector = vector_width(x.size, *arrays)
        _launch(name, x.size, x.dtype, vector, *kind_and_settings)(*arrays)


@planned
def _launch(name, size, dtype, vector, kind=None, settings=()):
    module = cuda_module("activation/activation.cu", REAL=real(dtype), VECTOR=vector)
    values = (np.int64(size // vector),)
    if kind is not None:
        a, b = map(dtype.type, (*settings, 0, 0)[:2])
        values += np.int32(list(KINDS).index(kind)), a, b
    return module[name].planned((blocks(size // vector, THREADS),), (THREADS,), values)

"""Steps of optimizers on the GPU and on the emulator: the launches of optimizer.cu.

A launch updates all tensors of a list. Their addresses, which change from step to step with those
of the gradients, go to the device in a table.
"""

import numpy as np

from ..cuda.graph import constant
from ..cuda.launch import address, cuda_module, empty, planned, zeros
from ..cuda.signature import real

CHUNK, THREADS = 4096, 256  # elements and threads of a block, as in optimizer.cu
STATES = 3  # arrays of state, at most


def sgd_step(p, g, v, *settings):
    """p, g, v (*), in place."""
    sgd_steps([p], [g], [v], *settings)


def adam_step(p, g, m, s, largest, *settings):
    """p, g, m, s, largest (*), in place."""
    adam_steps([p], [g], [m], [s], [largest], *settings)


def rmsprop_step(p, g, s, m, b, *settings):
    """p, g, s, m, b (*), in place."""
    rmsprop_steps([p], [g], [s], [m], [b], *settings)


def lars_step(p, g, v, rate, momentum, weight_decay):
    """p, g, v (*), in place; the rate is that of the tensor."""
    # SGD whose v includes the rate: v = momentum v + rate (g + decay p), p -= 1 v
    sgd_steps([p], [g], [v], 1.0, momentum, rate, weight_decay, False)


def sgd_steps(ps, gs, vs, lr, momentum, gain, weight_decay, nesterov, sign=1, skip=None, live=None):
    """Lists of p, g, v (*), in place; v may be None."""
    settings = sign, lr, momentum, gain, weight_decay
    _Table(ps, gs, vs).run("sgd", settings, (skip, live), np.bool_(nesterov))


def adam_steps(
    ps, gs, ms, ss, largest, rate, beta1, beta2, eps, correction, decay, shrink, sign=1, skip=None,
    live=None,
):  # fmt: skip
    """Lists of p, g, m, s, largest (*), in place; largest may be None."""
    settings = sign, rate, beta1, 1 - beta1, beta2, 1 - beta2, eps, correction, decay, shrink
    _Table(ps, gs, ms, ss, largest).run("adam", settings, (skip, live))


def counted_adam_steps(ps, gs, ms, ss, largest, count, live, skip=None):
    """adam_steps whose settings follow from `live` and the steps that the device counts."""
    settings = empty((10,), np.dtype(np.float64), like=ps[0])
    kernel = cuda_module("optimizer/optimizer.cu", REAL=real(ps[0].dtype))["adam_settings"]
    kernel((1,), (1,), (live, count, skip, settings))
    _Table(ps, gs, ms, ss, largest).run("adam", (0,) * 10, (skip, settings))


def rmsprop_steps(
    ps, gs, ss, ms, bs, lr, alpha, eps, momentum, weight_decay, sign=1, skip=None, live=None
):
    """Lists of p, g, s, m, b (*), in place; m and b may be None."""
    settings = sign, lr, alpha, 1 - alpha, eps, momentum, weight_decay
    _Table(ps, gs, ss, ms, bs).run("rmsprop", settings, (skip, live))


def lars_steps(ps, gs, vs, lr, trust, momentum, weight_decay, sign=1, skip=None, live=None):
    """Lists of p, g, v (*), in place, each at the rate of its norms."""
    table = _Table(ps, gs, vs)
    if table.rows:
        parts = empty((2, table.blocks), ps[0].dtype, like=ps[0])
        table.run("squares", (), (parts,))
        table.run("lars", (sign, lr, trust, momentum, weight_decay), (parts, skip, live))


def unscale(gs, scale, flag):
    """g (*) times scale[1], in place; flag () of int32 = 1 where one is not finite."""
    _Table(gs, gs).run("unscale", (), (scale, flag))


def update_scale(state, flag, settings):
    """state (3,) of float64, in place."""
    kernel = cuda_module("optimizer/optimizer.cu", REAL="float")["update_scale"]
    kernel((1,), (1,), (state, flag, settings))


def find_nonfinite(gs, flag, mark):
    """flag () of int32 = mark, unless it is not 0, where an element of the arrays is not finite."""
    marks, mark = (None, mark) if isinstance(mark, int) else (mark, 0)
    _Table(gs, gs).run("find_nonfinite", (), (flag, marks), np.int32(mark))


def clip(gs, most):
    """g (*) times min(1, most / (norm + 1e-6)), in place; the norm () of all, of float64."""
    table = _Table(gs, gs)
    total = zeros((), np.float64, like=gs[0])
    if table.rows:
        parts = empty((2, table.blocks), gs[0].dtype, like=gs[0])
        table.run("squares", (), (parts,))
        kernel = cuda_module("optimizer/optimizer.cu", REAL=real(gs[0].dtype))["total_norm"]
        kernel((1,), (THREADS,), (parts, total, np.int64(table.blocks)))
        table.run("clip", (), (total,), np.float64(most))
    return total


class _Table:
    """The table of the tensors of a step, on their device, and the launches over it."""

    def __init__(self, ps, *columns):
        present = [i for i, p in enumerate(ps) if p.size]
        self.rows = len(present)
        if not self.rows:
            return
        self.like = ps[present[0]]
        sizes = np.array([ps[i].size for i in present])
        last = np.cumsum(-(-sizes // CHUNK))
        self.blocks = int(last[-1])
        table = np.zeros((self.rows, 4 + STATES), np.int64)
        table[1:, 0] = last[:-1]
        table[:, 1] = sizes
        for at, column in enumerate((ps, *columns), 2):
            if column is not None:
                table[:, at] = [address(column[i]) for i in present]
        self.table = constant(table, like=self.like)

    def run(self, name, settings, arrays=(), *switches):
        if self.rows:
            dtype = self.like.dtype
            _launch(name, dtype, self.rows, self.blocks, settings, switches)(self.table, *arrays)


@planned
def _launch(name, dtype, rows, blocks, settings, switches):
    kernel = cuda_module("optimizer/optimizer.cu", REAL=real(dtype))[name]
    values = np.int32(rows), *map(dtype.type, settings), *switches
    return kernel.planned((blocks,), (THREADS,), values)

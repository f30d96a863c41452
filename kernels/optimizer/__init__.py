"""Steps of optimizers: update parameters p and state by the gradients g, in place.

All arrays of a step have the same shape; p and the state are written, g is not. State that only
some settings need is None without them. minitorch_cnn.optim documents formulas and sources;
loops.py has the formulas for one element.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..cuda.array import anywhere, with_floats
from ..dispatch import standard
from ..jit import can_compile
from . import loops, vectorised

Arrays = Sequence[np.ndarray]


class Case(NamedTuple):
    """The properties by which an implementation is chosen: array type, contiguity of all arrays."""

    array: type
    dtype: np.dtype
    contiguous: bool


def _compiles(case: Case) -> bool:
    return can_compile(case) and case.contiguous


def _in_order(where: Callable) -> Callable:
    return lambda case: case.contiguous and with_floats(where)(case)


def _compiled():
    from . import compiled

    return compiled


def _cuda():
    from . import cuda

    return cuda


OPERATOR = standard(
    "optimizer",
    loops,
    vectorised,
    _compiled,
    _cuda,
    numpy_can=anywhere,
    numba_can=_compiles,
    cuda_can=_in_order,
)


def sgd_step(
    p: np.ndarray,
    g: np.ndarray,
    v: np.ndarray | None,
    lr: float,
    momentum: float = 0.0,
    gain: float = 1.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> None:
    """v = momentum v + gain g, p -= lr v. Without momentum there is no v."""
    implementation = _implementation("sgd_step", p, g, v)
    implementation.sgd_step(p, g, v, lr, momentum, gain, weight_decay, nesterov)


def lars_step(
    p: np.ndarray, g: np.ndarray, v: np.ndarray, rate: float, momentum: float, weight_decay: float
) -> None:
    """v = momentum v + rate (g + weight_decay p), p -= v; the caller computes the rate."""
    _implementation("lars_step", p, g, v).lars_step(p, g, v, rate, momentum, weight_decay)


def rmsprop_step(
    p: np.ndarray,
    g: np.ndarray,
    s: np.ndarray,
    m: np.ndarray | None,
    b: np.ndarray | None,
    lr: float,
    alpha: float,
    eps: float,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
) -> None:
    """s = alpha s + (1 - alpha) g^2, p -= lr g / (sqrt(s) + eps).

    m: the running mean of g, if centered; b: the running step, with momentum.
    """
    implementation = _implementation("rmsprop_step", p, g, s, m, b)
    implementation.rmsprop_step(p, g, s, m, b, lr, alpha, eps, momentum, weight_decay)


def adam_step(
    p: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    s: np.ndarray,
    largest: np.ndarray | None,
    step: int,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float = 0.0,
    decoupled: bool = False,
) -> None:
    """m and s are running means of g and g^2, p -= lr m^ / (sqrt(s^) + eps); step counts from 1.

    largest: the running maximum of s that replaces it, with amsgrad.
    decoupled: weight_decay as in AdamW.
    """
    settings = _of_adam(step, lr, betas, eps, weight_decay, decoupled)
    _implementation("adam_step", p, g, m, s, largest).adam_step(p, g, m, s, largest, *settings)


# ------------------------------------------------------------------- all tensors of a model at once


def sgd_steps(
    ps: Arrays,
    gs: Arrays,
    vs: Arrays | None,
    lr: float,
    momentum: float = 0.0,
    gain: float = 1.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
    maximize: bool = False,
    skip: np.ndarray | None = None,
    live: np.ndarray | None = None,
) -> None:
    """sgd_step of every tensor, on a GPU in one launch. With maximize, of -g.

    skip () of int32: nothing changes if it is not 0; the host does not wait for it.
    live (5,) of float64 on a device, in a captured graph: the sign of g, lr, momentum, gain and
    weight_decay, in the place of the arguments.
    """
    settings = lr, momentum, gain, weight_decay, nesterov
    _steps("sgd_step", ps, gs, (vs,), settings, settings, maximize, skip, live)


def lars_steps(
    ps: Arrays,
    gs: Arrays,
    vs: Arrays,
    lr: float,
    trust: float,
    momentum: float,
    weight_decay: float,
    maximize: bool = False,
    skip: np.ndarray | None = None,
    live: np.ndarray | None = None,
) -> None:
    """lars_step of every tensor at its rate lr trust |p| / (|g| + weight_decay |p|), on a GPU in
    two launches; the rate is lr where a norm is 0. live (5,): as in sgd_steps, of the sign, lr,
    trust, momentum and weight_decay.
    """
    settings = lr, trust, momentum, weight_decay
    fused = _fused("lars_steps", ps, gs, vs)
    if fused is not None:
        fused(ps, gs, vs, *settings, -1 if maximize else 1, skip, live)
    elif skip is None or not int(skip):
        _refuse_live("lars_steps", live)
        for p, g, v in zip(ps, gs, vs, strict=True):
            p_norm, g_norm = float(np.linalg.norm(p)), float(np.linalg.norm(g))
            rate = lr
            if p_norm and g_norm:
                rate *= trust * p_norm / (g_norm + weight_decay * p_norm)
            lars_step(p, -g if maximize else g, v, rate, momentum, weight_decay)


def rmsprop_steps(
    ps: Arrays,
    gs: Arrays,
    ss: Arrays,
    ms: Arrays | None,
    bs: Arrays | None,
    lr: float,
    alpha: float,
    eps: float,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    maximize: bool = False,
    skip: np.ndarray | None = None,
    live: np.ndarray | None = None,
) -> None:
    """rmsprop_step of every tensor, on a GPU in one launch; maximize and skip as in sgd_steps.

    live (7,): as there, of the sign, lr, alpha, 1 - alpha, eps, momentum and weight_decay.
    """
    settings = lr, alpha, eps, momentum, weight_decay
    _steps("rmsprop_step", ps, gs, (ss, ms, bs), settings, settings, maximize, skip, live)


def adam_steps(
    ps: Arrays,
    gs: Arrays,
    ms: Arrays,
    ss: Arrays,
    largest: Arrays | None,
    step: int,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float = 0.0,
    decoupled: bool = False,
    maximize: bool = False,
    skip: np.ndarray | None = None,
) -> None:
    """adam_step of every tensor, on a GPU in one launch; maximize and skip as in sgd_steps."""
    settings = step, lr, betas, eps, weight_decay, decoupled
    of_kernel = _of_adam(*settings)
    _steps("adam_step", ps, gs, (ms, ss, largest), settings, of_kernel, maximize, skip, None)


def counted_adam_steps(
    ps: Arrays,
    gs: Arrays,
    ms: Arrays,
    ss: Arrays,
    largest: Arrays | None,
    count: np.ndarray,
    live: np.ndarray,
    skip: np.ndarray | None = None,
) -> None:
    """adam_steps in a captured graph: the device counts the steps and computes their settings.

    count () of int64: the steps before this one; it is increased, unless `skip` is not 0.
    live (7,) of float64: the sign of g, lr, both betas, eps, weight_decay and whether it is
    decoupled.
    """
    fused = _fused("counted_adam_steps", ps, gs, ms, ss, largest)
    if fused is None:
        raise RuntimeError("counted_adam_steps: the arrays must be on a device, without gaps")
    fused(ps, gs, ms, ss, largest, count, live, skip)


def unscale(gs: Arrays, scale: np.ndarray, flag: np.ndarray) -> None:
    """g *= scale[1] of every array, in place; flag () of int32 = 1 if one is not finite then.

    scale (2,) of float64 on the device of the arrays. On a GPU this is one launch, for which the
    host does not wait.
    """
    fused = _fused("unscale", gs)
    if fused is not None:
        fused(gs, scale, flag)
        return
    for g in gs:
        g *= scale[1].astype(g.dtype)
        flag |= ~np.isfinite(g).all()


def find_nonfinite(gs: Arrays, flag: np.ndarray, mark: Any) -> None:
    """Set flag (), of int32, to `mark` if an element of the arrays is not finite and it is 0.

    mark: an integer, or in a captured graph an array (1,) of float64. On a GPU this is one launch,
    for which the host does not wait.
    """
    fused = _fused("find_nonfinite", gs)
    if fused is not None:
        fused(gs, flag, mark)
    elif not int(flag) and not all(np.isfinite(g).all() for g in gs):
        flag[...] = mark


def update_scale(state: np.ndarray, flag: np.ndarray, settings: np.ndarray) -> None:
    """Adapt the scale of a loss on a device, as GradScaler.update, in place.

    state (3,) of float64: the scale, its inverse and the steps since it changed; flag () of int32:
    not 0 after an overflow; settings (3,): growth_factor, backoff_factor and growth_interval.
    """
    chosen: Any = OPERATOR.choose(Case(type(state), np.dtype(np.float32), True))  # on a device
    chosen.update_scale(state, flag, settings)


def clip_together(gs: Arrays, most: float) -> np.ndarray | None:
    """g *= min(1, most / (norm + 1e-6)) of every array, in place, by the norm () of all of them.

    On a GPU these are three launches, for which the host does not wait; None elsewhere, or where
    the arrays differ in dtype.
    """
    fused = _fused("clip", gs)
    return None if fused is None else fused(gs, most)


def _steps(
    name: str,
    ps: Arrays,
    gs: Arrays,
    state: tuple[Arrays | None, ...],
    settings: tuple,
    of_kernel: tuple,
    maximize: bool,
    skip: np.ndarray | None,
    live: np.ndarray | None,
) -> None:
    """The steps `name` of all tensors: by a kernel for all of them, or one by one."""
    fused = _fused(f"{name}s", ps, gs, *state)
    if fused is not None:
        fused(ps, gs, *state, *of_kernel, -1 if maximize else 1, skip, live)
    elif skip is None or not int(skip):
        _refuse_live(f"{name}s", live)
        for i, (p, g) in enumerate(zip(ps, gs, strict=True)):
            of_tensor = [None if arrays is None else arrays[i] for arrays in state]
            globals()[name](p, -g if maximize else g, *of_tensor, *settings)


def _refuse_live(name: str, live: np.ndarray | None) -> None:
    if live is not None:
        raise RuntimeError(f"{name}: live needs arrays on a device, without gaps")


def _fused(name: str, ps: Arrays, *columns: Arrays | None) -> Callable | None:
    """The function of that name for all tensors at once, if there is one for these arrays."""
    if not ps:
        return None
    kind, dtype = type(ps[0]), ps[0].dtype
    for arrays in (ps, *columns):
        for array in arrays or ():
            if type(array) is not kind or array.dtype != dtype or not array.flags.c_contiguous:
                return None
    return getattr(OPERATOR.choose(Case(kind, dtype, True)), name, None)


def _of_adam(
    step: int,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
    decoupled: bool,
) -> tuple[float, ...]:
    """The settings of adam_step as implementations take them."""
    rate = lr / (1 - betas[0] ** step)
    correction = math.sqrt(1 - betas[1] ** step)
    shrink = 1 - lr * weight_decay if decoupled else 1.0
    return rate, *betas, eps, correction, 0.0 if decoupled else weight_decay, shrink


def _implementation(name: str, p: np.ndarray, *others: np.ndarray | None):
    contiguous = p.flags.c_contiguous
    for array in others:
        if array is not None:
            if array.shape != p.shape:
                raise ValueError(f"{name}: an array has the shape {array.shape}, p {p.shape}")
            contiguous &= array.flags.c_contiguous
    return OPERATOR.choose(Case(type(p), p.dtype, contiguous))

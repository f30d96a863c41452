"""ctc_loss: connectionist temporal classification (Graves et al. 2006), for sequences whose labels
have no known positions in the input.

A path names one class for each of T steps; it spells the target if merging repeats and then
removing blanks yields the target. With the target l and blanks around and between its labels as
l' = (blank, l_1, blank, ..., l_L, blank), alpha_t(s) is the total probability of the paths of t
steps that end at l'_s:

    alpha_t(s) = p_t(l'_s) (alpha_t-1(s) + alpha_t-1(s - 1) + [l'_s is new] alpha_t-1(s - 2))

where a label is new if it is neither blank nor equal to l'_s-2. The loss is the negative logarithm
of the probability of the paths that end at the last label or the blank after it, computed entirely
in logarithms. It is composed of differentiable operations, step by step, so it has derivatives of
any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..tensor import logsumexp, stack, where
from ..tensor.half import in_float32
from ..tensor.padding import pad
from ..tensor.tensor import Tensor
from .checks import check_float, check_tensor
from .reduced import check_reduction

if TYPE_CHECKING:
    from .reduced import Reduction

NEVER = -1e30  # the logarithm of 0: finite, so that differences are not NaN


@in_float32
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | Sequence[int],
    target_lengths: Tensor | Sequence[int],
    blank: int = 0,
    reduction: Reduction = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Compute -log of the probability that a path spells the target.

    log_probs (T, N, C), logarithms of probabilities, or (T, C); targets (N, S) of classes other
    than blank, or all targets concatenated along one axis; input_lengths and target_lengths (N,),
    the lengths in use, or one number for (T, C). "mean" divides every loss by its target's length,
    at least 1, before averaging over the batch.

    If no path of the input's length spells the target, the loss is inf, or 0 with zero_infinity,
    and its gradient is 0.

    Raises: ValueError for shapes, lengths or classes that do not fit together, TypeError for
    dtypes other than floats and integers.
    """
    check_float("ctc_loss", log_probs=log_probs)
    check_tensor("ctc_loss", targets=targets)
    check_reduction("ctc_loss", reduction)
    single = log_probs.ndim == 2
    if log_probs.ndim not in (2, 3):
        raise ValueError(f"ctc_loss: log_probs of shape {log_probs.shape} must be (T, N, C)")
    if single:
        log_probs = log_probs.unsqueeze(1)
    steps, count, classes = log_probs.shape
    steps_of = _lengths("input_lengths", input_lengths, count, steps)
    lengths = _lengths("target_lengths", target_lengths, count, None)
    rows = _rows(targets, lengths, single)
    if not 0 <= blank < classes:
        raise ValueError(f"ctc_loss: blank={blank} must be one of {classes} classes")
    for row in rows:
        if len(row) and (row.min() < 0 or row.max() >= classes or (row == blank).any()):
            raise ValueError(
                f"ctc_loss: targets {row.tolist()} must be classes below {classes} other than "
                f"blank={blank}"
            )
    losses = _losses(log_probs, rows, steps_of, lengths, blank)
    never = losses > -NEVER / 2
    losses = where(never, 0.0 if zero_infinity else float("inf"), losses)
    if reduction == "none":
        return losses[0] if single else losses
    if reduction == "sum":
        return losses.sum()
    return (losses / Tensor(np.maximum(lengths, 1).astype(losses.dtype)).to(losses.device)).mean()


def _lengths(name: str, given: Tensor | Sequence[int], count: int, most: int | None) -> np.ndarray:
    values = given.cpu().numpy() if isinstance(given, Tensor) else np.asarray(given)
    values = np.atleast_1d(values)
    if values.dtype.kind not in "iu" or values.shape != (count,):
        raise ValueError(f"ctc_loss: {name} {values.tolist()} must be {count} integers")
    if values.size and (values.min() < 0 or (most is not None and values.max() > most)):
        limit = "" if most is None else f" and at most {most}"
        raise ValueError(f"ctc_loss: {name} {values.tolist()} must be at least 0{limit}")
    return values.astype(np.int64)


def _rows(targets: Tensor, lengths: np.ndarray, single: bool) -> list[np.ndarray]:
    """The labels of every target."""
    labels = targets.cpu().numpy()
    if labels.dtype.kind not in "iu":
        raise TypeError(f"ctc_loss: targets of dtype {labels.dtype} must be of integers")
    if labels.ndim == 1 and not single:
        if lengths.sum() != len(labels):
            raise ValueError(
                f"ctc_loss: target_lengths {lengths.tolist()} must add up to the {len(labels)} "
                "labels of targets"
            )
        ends = np.cumsum(lengths)
        return [labels[end - n : end] for end, n in zip(ends, lengths, strict=True)]
    labels = np.atleast_2d(labels)
    if labels.ndim != 2 or len(labels) != len(lengths) or lengths.max(initial=0) > labels.shape[1]:
        raise ValueError(
            f"ctc_loss: targets of shape {targets.shape} must be (N, S) with N={len(lengths)} and "
            f"S at least {lengths.max(initial=0)}"
        )
    return [row[:n] for row, n in zip(labels, lengths, strict=True)]


def _losses(
    log_probs: Tensor,
    rows: list[np.ndarray],
    steps_of: np.ndarray,
    lengths: np.ndarray,
    blank: int,
) -> Tensor:
    """The loss of every target, -NEVER for one that no path spells."""
    steps, count, _ = log_probs.shape
    dtype, device = log_probs.dtype, log_probs.device
    width = 2 * int(lengths.max(initial=0)) + 1
    path = np.full((count, width), blank, np.int64)  # l', and blanks after it
    for i, row in enumerate(rows):
        path[i, 1 : 2 * len(row) : 2] = row
    new = np.zeros(path.shape, bool)
    new[:, 2:] = (path[:, 2:] != blank) & (path[:, 2:] != path[:, :-2])

    def constant(array: np.ndarray) -> Tensor:
        return Tensor(array).to(device=device)

    index = constant(np.broadcast_to(path, (steps, count, width)).copy())
    emitted = log_probs.gather(2, index)
    start = np.full((count, width), NEVER, dtype)
    start[:, 0] = 0  # before the first step: the predecessor of the first label and blank
    first = np.full((count, width), NEVER, dtype)
    first[:, :2] = 0
    skips = constant(np.where(new, 0, NEVER).astype(dtype))
    alpha = constant(start)
    for t in range(steps):
        if t == 0:
            grown = constant(first) + emitted[0]
        else:
            one = pad(alpha, (1, 0), value=NEVER)[:, :-1]
            two = pad(alpha, (2, 0), value=NEVER)[:, :-2] + skips
            grown = logsumexp(stack([alpha, one, two]), 0) + emitted[t]
        running = steps_of > t
        alpha = grown if running.all() else where(constant(running[:, None]), grown, alpha)
    last = np.full((count, width), NEVER, dtype)
    for i, n in enumerate(lengths):
        last[i, max(2 * n - 1, 0) : 2 * n + 1] = 0
    return -logsumexp(alpha + constant(last), 1)

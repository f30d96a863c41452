"""Notebook 15: numbers of 16 bits drawn bit by bit, and checks of rounding, sums and scaling."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import nn
from ..amp import GradScaler
from ..optim import SGD
from ..random import manual_seed
from ..tensor import tensor
from .answer import check
from .compare import No, array, compare

SEED = 15


class Format(NamedTuple):
    """The bits of a number: a sign, and these many of its exponent and of its fraction."""

    exponent: int
    fraction: int


FLOAT16, BFLOAT16, FLOAT8 = Format(5, 10), Format(8, 7), Format(5, 2)
WIDE = {5: (np.uint16, np.float16, 10), 8: (np.uint32, np.float32, 23)}  # by bits of the exponent


def network(seed: int = 0) -> nn.Sequential:
    """Three convolutions for the digits, 15,000 parameters."""
    manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(128, 10),
    )  # fmt: skip
    for layer in net:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
    return net


def drawn_bits(pattern: int, form: Format) -> str:
    """A pattern of bits in its three groups: sign, exponent, fraction."""
    text = f"{int(pattern):0{1 + sum(form)}b}"
    return f"{text[0]} {text[1 : 1 + form.exponent]} {text[1 + form.exponent :]}"


# ------------------------------------------------------------------- what hardware makes of bits


def of_patterns(patterns, form: Format) -> np.ndarray:
    """The numbers of patterns, in float64: those of float16 or float32 that begin so."""
    whole, floats, bits = WIDE[form.exponent]
    longer = np.asarray(patterns).astype(whole) << np.array(bits - form.fraction, whole)
    with np.errstate(invalid="ignore"):  # of NaN
        return longer.view(floats).astype(np.float64)


def finite(form: Format) -> np.ndarray:
    """All finite numbers from 0 up, in the order of their patterns."""
    return of_patterns(np.arange((2**form.exponent - 1) << form.fraction), form)


def between(x, form: Format) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The neighbours of |x| below and above, and the middle between them."""
    numbers = finite(form)
    numbers = np.append(numbers, 2 * numbers[-1] - numbers[-2])  # infinity, if it were a number
    k = np.clip(np.searchsorted(numbers, abs(x), "right") - 1, 0, len(numbers) - 2)
    return numbers[k], numbers[k + 1], (numbers[k] + numbers[k + 1]) / 2


def nearest(x, form: Format) -> np.ndarray:
    """The nearest numbers of a format, looked up in the table of all; a tie goes to an even one."""
    numbers = finite(form)
    limits = np.append((numbers[1:] + numbers[:-1]) / 2, 1.5 * numbers[-1] - numbers[-2] / 2)
    low, high = (np.searchsorted(limits, abs(x), side) for side in ("left", "right"))
    found = np.append(numbers, np.inf)[np.where(low % 2, high, low)]
    return np.copysign(found, x)


# ---------------------------------------------------------------------------------------- checks


@check
def decoding(decode, *, seed=SEED) -> str:
    """decode(bits, exponent, fraction) -> the numbers of patterns of bits, float64."""
    rng = np.random.default_rng(seed)
    for form in (FLOAT16, BFLOAT16, FLOAT8):
        exponent, fraction = form
        patterns = rng.permutation(2 ** (1 + exponent + fraction))
        right = of_patterns(patterns, form)
        with np.errstate(all="ignore"):
            mine = array(decode(patterns.copy(), exponent, fraction))
        what = f"with {exponent} and {fraction} bits"
        if mine.shape != right.shape:
            raise No(f"{what} it returns the shape {mine.shape}, it should be {right.shape}")
        known = np.isfinite(right)
        _specials(mine, right, what)
        mine, right = mine[known], right[known]
        # Differences of numbers of all sizes are seen in units of each: of its power of 2.
        tiny = finite(form)[1] * 2**fraction
        unit = np.where(abs(right) < tiny, tiny, np.ldexp(1.0, np.frexp(right)[1] - 1))
        small = abs(right) < tiny
        one = np.copysign(unit, right)
        twice = "the exponent is off by one: its bias is 2 ** (exponent - 1) - 1"
        hidden = "the leading 1 is missing: the fraction counts what is behind the point"
        none = "where the exponent's bits are 0 the number is fraction * 2 ** (1 - bias)"
        mistakes = [
            (twice, 2 * right), (twice, right / 2),
            (twice, np.where(small, right, 2 * right)), (twice, np.where(small, right, right / 2)),
            (hidden, np.where(small, right, right - one)), (hidden, right - one),
            (f"{none}: without the leading 1", np.where(small, right / 2 + one / 2, right)),
            (none, np.where(small, 0, right)),
            (f"{none}: with the exponent of 1", np.where(small, right / 2, right)),
            ("the sign is lost: the first bit", abs(right)),
            ("the sign is wrong: 0 means plus", -right),
        ]  # fmt: skip
        mistakes = [(f"{what}: {why}", wrong / unit) for why, wrong in mistakes]
        compare(mine / unit, right / unit, f"{what} the number / its power of 2", mistakes=mistakes)
    return "all patterns of float16, bfloat16 and a float of 8 bits"


def _specials(mine: np.ndarray, right: np.ndarray, what: str) -> None:
    """Raise No where a number should be infinite or NaN and is not, or is and should not be."""
    for kind, name in ((np.isnan, "NaN"), (np.isinf, "infinite")):
        lost, added = kind(right) & ~kind(mine), kind(mine) & ~kind(right)
        if lost.any():
            raise No(f"{what}: {int(lost.sum())} patterns should be {name}, {mine[lost][0]:g} is "
                     "not: the exponent with all bits set is no exponent")  # fmt: skip
        if added.any():
            raise No(f"{what}: {int(added.sum())} patterns are {name} and should be numbers")
    infinite = np.isinf(right)
    if (mine[infinite] != right[infinite]).any():
        raise No(f"{what}: infinity has a sign, too")


def _to_round(seed, form: Format) -> np.ndarray:
    """Numbers of all sizes, ties between neighbours, small ones, and the end of the range."""
    rng, numbers = np.random.default_rng(seed), finite(form)
    tiny, most = numbers[1], numbers[-1]
    step = most - numbers[-2]
    sizes = rng.uniform(np.log2(tiny) - 3, np.log2(most), 300)
    k = rng.integers(1, len(numbers) - 1, 200)
    near = numbers[k] + (numbers[k + 1] - numbers[k]) * rng.uniform(-0.4, 0.4, 200)
    ends = [0.0, tiny / 2, tiny * 0.51, 1.5 * tiny, most, most + 0.49 * step, most + 0.5 * step]
    ties = (numbers[k] + numbers[k + 1]) / 2
    x = np.concatenate([2.0**sizes, near, ties, ends, [2 * most]])
    return rng.permutation(x * rng.choice([-1, 1], len(x)))


@check
def rounding(rounded, *, seed=SEED) -> str:
    """rounded(x, exponent, fraction) -> the nearest numbers that have these bits, float64."""
    for form in (FLOAT16, BFLOAT16, FLOAT8):
        x = _to_round(seed, form)
        right = nearest(x, form)
        with np.errstate(all="ignore"):
            mine = array(rounded(x.copy(), *form))
        what = f"to {form.exponent} and {form.fraction} bits"
        if mine.shape != right.shape:
            raise No(f"{what} it returns the shape {mine.shape}, it should be {right.shape}")
        low, high, middle = between(x, form)
        numbers = finite(form)
        too_large = x[np.isinf(right) & np.isfinite(mine)]
        lost = np.isfinite(right) & ~np.isfinite(mine)
        became = list(zip(x[lost], mine[lost], strict=True))
        kept = np.isfinite(right) & ~lost
        x, mine, right, sign = x[kept], mine[kept], right[kept], np.copysign(1, x[kept])
        low, high, middle = sign * low[kept], sign * high[kept], sign * middle[kept]
        least = numbers[2**form.fraction]
        finer = nearest(x * 2.0**20, form) / 2.0**20  # as if the range went on below
        ties = x == middle
        small = abs(x) < least
        mistakes = [
            ("numbers are cut, not rounded", low), ("numbers are rounded up", high),
            ("a tie goes to the neighbour whose last bit is 0, not away from 0",
             np.where(ties, high, right)),
            ("a tie goes to the neighbour whose last bit is 0, not to 0",
             np.where(ties, low, right)),
            ("numbers below the smallest normal one need not become 0: they keep its step",
             np.where(small, np.where(abs(right) == least, right, 0), right)),
            ("numbers below the smallest normal one need not become 0: they keep its step",
             np.where(small, 0, right)),
            ("the step does not fall for ever: that of 2 ** (1 - bias) is the smallest",
             np.where(small, finer, right)),
            ("the sign is lost", abs(right)),
        ]  # fmt: skip
        unit = np.where(small, least, np.ldexp(1.0, np.frexp(x)[1] - 1))
        mistakes = [(f"{what}: {why}", wrong / unit) for why, wrong in mistakes]
        compare(mine / unit, right / unit, f"{what} the number / its power of 2", mistakes=mistakes)
        if became:
            number, wrong = became[0]
            raise No(f"{what}: {number:g} is within the range, but becomes {wrong:g}")
        if len(too_large):
            raise No(f"{what}: {too_large[0]:g} is too large and should be infinite")
    return "to nearest and even, also below the normal numbers and at the end of the range"


@check
def adding(compensated, *, seed=SEED) -> str:
    """compensated(values) -> the sum of float16 numbers, in float16 alone."""
    rng = np.random.default_rng(seed)
    cases = {
        "10,000 ones": np.ones(10_000, np.float16),
        "2,000 random numbers": rng.uniform(0, 1, 2000).astype(np.float16),
        "1,000 numbers of both signs": rng.normal(0.5, 1, 1000).astype(np.float16),
        "4096 and 500 ones": np.array([4096] + [1] * 500, np.float16),
    }
    for name, values in cases.items():
        exact = float(values.astype(np.float64).sum())
        with np.errstate(over="ignore", invalid="ignore"):
            mine = compensated(values.copy())
        if getattr(mine, "dtype", None) != np.float16:
            raise No(f"the sum is a {type(mine).__name__}, it should be a number of float16: "
                     "each operation of two float16 numbers gives one")  # fmt: skip
        plain = float(np.add.accumulate(values)[-1])
        allowed = 4 * 2.0**-11 * float(abs(values.astype(np.float64)).sum())
        found = float(mine)
        if not abs(found - exact) <= allowed:
            if found == plain:
                raise No(f"of {name} the sum is {found:g}, like the plain one: what is lost has to "
                         "come back with the next number")  # fmt: skip
            worse = abs(found - exact) > abs(plain - exact)
            hint = ": is what was lost taken away where it should be added?" if worse else ""
            raise No(f"of {name} the sum is {found:g}, it should be {exact:g}{hint}")
    return "10,000 ones are 10,000, and no sum is off by more than 4 roundings"


@check
def unscaling(unscaled, *, seed=SEED) -> str:
    """unscaled(gradients, scale) -> (float32 gradients / scale, whether all are finite)."""
    rng = np.random.default_rng(seed)
    shapes = (4, 3), (5,), (2, 2)
    drawn = [2.0 ** rng.uniform(-24, 10, shape) * rng.choice([-1, 1], shape) for shape in shapes]
    gradients, scale = [g.astype(np.float16) for g in drawn], 2.0**12
    gradients[0][0, 0] = 2.0**-24
    found, good = _pair(unscaled([g.copy() for g in gradients], scale))
    if len(found) != len(gradients):
        raise No(f"it returns {len(found)} gradients of {len(gradients)}")
    for k, (mine, given) in enumerate(zip(found, gradients, strict=True)):
        right = np.ldexp(given.astype(np.float64), -12)
        mine, unit = array(mine), abs(right)
        what = f"gradient {k}"
        if mine.shape == right.shape:
            in_half = right.astype(np.float16).astype(np.float64)
            compare(mine / unit, right / unit, f"{what} / what it should be", 1e-6, mistakes=[
                (f"{what} is divided in 16 bits and loses its small numbers again: make it float32 "
                 "first", in_half / unit),
                (f"{what} is multiplied by the scale: that was done to the loss", unit * 0
                 + 2.0**24 * right / unit),
                (f"{what} is still multiplied by the scale", 2.0**12 * right / unit),
            ])  # fmt: skip
        compare(mine, right, what, 1e-6)
        if mine.dtype != np.float32:
            raise No(f"{what} is of {mine.dtype}, it should be of float32")
    if not good:
        raise No("all gradients are finite, but it says that they are not")
    for k in range(len(gradients)):
        for wrong in (np.inf, -np.inf, np.nan):
            spoilt = [g.copy() for g in gradients]
            spoilt[k].flat[-1] = wrong
            with np.errstate(invalid="ignore"):
                if _pair(unscaled(spoilt, scale))[1]:
                    raise No(f"gradient {k} holds {wrong:g}, but it says that all are finite")
    return "in float32, and an overflow in any gradient is found"


def _pair(value) -> tuple:
    if not isinstance(value, tuple) or len(value) != 2:
        raise No("it should return two things: the gradients, and whether all are finite")
    return value


def by_the_library(scale: float, flags: list[bool], interval: int, **settings) -> list[float]:
    """The scale of the library's GradScaler after each of these steps (finite or not)."""
    weight = nn.Parameter(tensor([1.0]))
    optimizer = SGD([weight], lr=0.0)
    scaler = GradScaler("cpu", init_scale=scale, growth_interval=interval, **settings)
    scales = []
    for good in flags:
        weight.grad = tensor([1.0 if good else np.inf])
        scaler.step(optimizer)
        scaler.update()
        scales.append(scaler.get_scale())
    return scales


@check
def adapting(adapted, *, seed=SEED) -> str:
    """adapted(scale, calm, finite, interval) -> (scale, calm) of the next step."""
    rng = np.random.default_rng(seed)
    for interval in (3, 5):
        flags = [True] * (2 * interval + 1) + [False, False] + [True] * (interval - 1)
        flags += [False] + [bool(rng.random() < 0.85) for _ in range(60)]
        rights = by_the_library(2.0**10, flags, interval)
        scale, calm, since = 2.0**10, 0, 0
        for good, right in zip(flags, rights, strict=True):
            before, found = scale, adapted(scale, calm, good, interval)
            if not isinstance(found, tuple) or len(found) != 2:
                raise No("it should return two numbers: the scale, and the calm steps")
            scale, calm = found
            since = since + 1 if good else 0
            if scale != right:
                what = (
                    f"after {since} step{'s' * (since > 1)} without an overflow"
                    if good
                    else "after an overflow"
                )
                count = f", with an interval of {interval}," if good else ""
                raise No(f"{what}{count} the scale goes from {before:g} to {scale:g}, it should be "
                         f"{right:g}")  # fmt: skip
    return "doubled after calm steps, halved after an overflow, as the library does"

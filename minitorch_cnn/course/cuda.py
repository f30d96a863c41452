"""Notebook 12: checks of kernels, of their reads, and of the roofline."""

import re

import numpy as np

from ..analysis import Roof
from ..kernels.cuda.array import has_compiler
from ..kernels.cuda.compiler import EmulatorError
from ..kernels.cuda.emulator import ORDERS, emulated
from ..kernels.cuda.profile import Profile
from .answer import check
from .compare import No, Skipped, compare, compare_all
from .kernels import (
    NEEDS,
    NotCounted,
    conv,
    correlate,
    pixels_read,
    sums,
    transpose_counters,
)
from .kernels import transpose as run_transpose

SEED = 12


def images(seed: int = SEED) -> tuple[np.ndarray, np.ndarray]:
    """An image whose sides are no multiples of a tile, and a kernel."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((37, 47), np.float32), rng.standard_normal((3, 3), np.float32)


def text_of(body) -> str:
    """The text that body() returns. Raises: No for other values, Skipped without a compiler."""
    text = body()
    if text is None:
        raise No("it returns None: is there no return?")
    if not isinstance(text, str):
        raise No(f"it returns {type(text).__name__}, not the kernel's text")
    if not has_compiler():
        raise Skipped(f"{NEEDS}, so the kernel is not run")
    return text


def emulate(run, *args):
    """run(*args). Raises: No with the error of the compiler or the emulator."""
    try:
        return run(*args)
    except EmulatorError as error:
        lines = str(error).splitlines()
        wrong = [line for line in lines if "error:" in line]
        where = wrong[0].replace("error: ", "").split(":", 3) if wrong else []
        if len(where) == 4:
            raise No(f"line {where[1]} of the kernel does not compile:{where[3]}") from None
        raise No(f"the kernel cannot run: {lines[0]}") from None


def outputs(text, x, w, order) -> np.ndarray:
    """y of a kernel. Raises: No, with a common mistake, if it differs from `correlate`."""
    with emulated(order=order, guards=True):
        y = emulate(conv, text, x, w)
    right, of = correlate(x, w), f"y, with threads run {order},"
    empty = np.argwhere(np.isnan(y))
    if len(empty):
        first = tuple(map(int, empty[0]))
        number = f"{len(empty)} of {y.size} outputs are" if len(empty) > 1 else "an output is"
        raise No(f"{of} {number} NaN, the first at {first}: not written, or made of what was not")
    last = np.zeros_like(w)
    last[2, 2] = w[2, 2]
    short = w.copy()
    short[2] = short[:, 2] = 0
    compare(y, right, of, 1e-5, [
        (f"{of} has the kernel flipped", correlate(x, w[::-1, ::-1])),
        (f"{of} has rows and columns of the kernel exchanged: w lies in memory row by row",
         correlate(x, w.T)),
        (f"{of} has only the last of nine products: sum = instead of +=",
         correlate(x, last)),
        (f"{of} has four of nine products: where do the loops over the kernel end?",
         correlate(x, short)),
    ])  # fmt: skip
    return y


@check
def convolution(body, *, seed: int = SEED) -> str:
    """body() -> the text of a kernel `conv`, correct for any order of its threads."""
    text, (x, w) = text_of(body), images(seed)
    for order in ORDERS:
        outputs(text, x, w, order)
    return "every output, for any order of threads"


@check
def tiled(body, *, seed: int = SEED) -> str:
    """body() -> the text of a kernel `conv` that reads each pixel of a tile once."""
    text, (x, w) = text_of(body), images(seed)
    for order in ORDERS:
        size = outputs(text, x, w, order).size
    try:
        each = pixels_read(text, x, w) / size
    except NotCounted as why:
        return f"every output, for any order of threads; but {why}"
    if each > 3:
        raise No(f"{each:.1f} pixels are read for each output: is the tile read more than once?")
    return f"every output, and {each:.1f} pixels read for each"


def pixels(body: str, x: np.ndarray, w: np.ndarray, tile: int = 16) -> float:
    """The pixels that a kernel reads for each output, or NaN with a printed reason if unknown."""
    try:
        return pixels_read(body, x, w, tile) / correlate(x, w).size
    except NotCounted as why:
        print(f"not counted: {why}")
        return float("nan")


@check
def transpose(body, *, seed: int = SEED) -> str:
    """body() -> the text of a kernel `transpose` that wastes no sector and no cycle."""
    text, rng = text_of(body), np.random.default_rng(seed)
    for x in (rng.standard_normal(shape, np.float32) for shape in ((64, 96), (70, 45))):
        for order in ORDERS:
            for pad in (0, 1):
                transposed(text, x, order, pad)
    counted = emulate(transpose_counters, text, 1)
    sectors, cycles = counted.ratio("global"), counted.ratio("shared")
    if sectors > 1:
        raise No(
            f"its warps touch {sectors:.1f} times the sectors that they need, most "
            f"{worst(counted, 'global')}: do neighbours read and write side by side?"
        )
    if cycles > 1:
        raise No(
            f"with PAD = 1 the tile takes {cycles:.1f} times the cycles that it needs, most "
            f"{worst(counted, 'shared')}: has each of its rows PAD more?"
        )
    return "every number, for any order of threads; no sector and no cycle more than needed"


def transposed(text: str, x: np.ndarray, order: str, pad: int) -> None:
    """Raises: No, with a common mistake, unless a kernel transposes x."""
    with emulated(order=order, guards=True):
        y = emulate(run_transpose, text, x, pad)
    of = f"y, with threads run {order} and PAD = {pad},"
    if np.isnan(y).any():
        at = tuple(map(int, np.argwhere(np.isnan(y))[0]))
        raise No(f"{of} is NaN at {at}: not written, or made of what was not")
    compare(y, x.T, of, 0, [
        (f"{of} has each tile in its place, but none is transposed inside", tiles(x)),
        (f"{of} is x in its own order", x.reshape(y.shape)),
    ])  # fmt: skip


def tiles(x: np.ndarray) -> np.ndarray:
    """x.T in whose tiles of 32 x 32 rows and columns are exchanged again, where tiles are full."""
    H, W = (n // 32 * 32 for n in x.shape)
    y = x.T.copy()
    y[:W, :H] = x[:H, :W].reshape(H // 32, 32, W // 32, 32).transpose(2, 1, 0, 3).reshape(W, H)
    return y


def worst(counted: Profile, kind: str) -> str:
    """The line of a kernel that wastes most, as "in line 3"; where it is unknown "in a line"."""
    lines = [line for line in counted.lines if line.kind == kind]
    place = max(lines, key=lambda line: line.units - line.least).place
    number = re.search(r"transpose:(\d+)", place)
    return f"in line {number[1]}" if number else "in a line"


@check
def reduction(body, *, seed: int = SEED) -> str:
    """body() -> the text of a kernel `sums`."""
    text = text_of(body)
    x = np.random.default_rng(seed).standard_normal((5, 1000), np.float32)
    right = x.sum(1, dtype=float)
    for order in ORDERS:
        with emulated(order=order, guards=True):
            mine = emulate(sums, text, x)
        of = f"the sums, with threads run {order},"
        if np.isnan(mine).any():
            raise No(f"with threads run {order} a sum is NaN: memory is read before it is written")
        compare(mine, right, of, 1e-4, [
            (f"{of} are those of the first thread only: does each half add the other?",
             x[:, ::128].sum(1, dtype=float)),
            (f"{of} are those of the first 128 numbers: each thread adds up every 128th",
             x[:, :128].sum(1, dtype=float)),
            (f"{of} are those of the first row: each block has another",
             np.full(5, right[0])),
            (f"{of} lack some of the halves: 64, 32, ... down to 1", x[:, ::2].sum(1, dtype=float)),
            (f"{of} begin with halves of 32: of 128 threads it is 64",
             x[:, np.arange(1000) % 128 < 64].sum(1, dtype=float)),
            (f"{of} are divided by their number, which is a mean", right / 1000),
        ])  # fmt: skip
    return "five rows of 1,000, for any order of threads"


def occupied(at: np.ndarray, size: int, start: int = 0) -> int:
    """The number of pieces of `size` bytes, the first at `start`, with an address in them."""
    return int((np.histogram(at, np.arange(start, 1 << 14, size))[0] > 0).sum())


def warps(rng: np.random.Generator) -> list[tuple[np.ndarray, int]]:
    """The addresses of warps of 32 threads, and the number of pieces that they are drawn from."""
    found = []
    for pieces in (1, 2, 3, 5, 9, 32):
        chosen = 128 * rng.permutation(64)[:pieces]
        inside = 4 * rng.integers(0, 32, 32)
        found.append((np.tile(chosen, 32)[:32] + inside, pieces))
    lane = np.arange(32)  # side by side, apart, and the same for all
    return [*found, (4 * lane, 1), (8 * lane, 2), (4 * (lane + 16), 2), (0 * lane, 1)]


@check
def segments(function, *, seed: int = SEED) -> str:
    """segments(addresses) -> the number of 128-byte pieces that contain the addresses."""
    drawn = warps(np.random.default_rng(seed))
    known = {at.tobytes(): pieces for at, pieces in drawn}
    cases = [(at.copy(),) for at, _ in drawn]
    compare_all(function, cases, lambda at: known[at.tobytes()], "for the addresses {0[0]} it", [
        ("it counts addresses, not their pieces", lambda at: occupied(at, 4)),
        ("it counts from the first address: pieces begin at multiples of 128",
         lambda at: occupied(at, 128, at[0] % 128)
         + (at < at[0] % 128).any()),
        ("it counts from the smallest address: pieces begin at multiples of 128",
         lambda at: occupied(at, 128, at.min() % 128)),
        ("it counts all pieces between the first and the last address",
         lambda at: np.ptp(at // 128) + 1),
        ("it has pieces of 128 numbers, not bytes", lambda at: occupied(at, 512)),
        ("it has pieces of 32 bytes", lambda at: occupied(at, 32)),
        ("it counts threads, not pieces", len),
        ("it is the largest piece's number, not their count", lambda at: at.max() // 128),
    ])  # fmt: skip
    return "side by side, with strides, and all the same"


@check
def roofline(function, *, seed: int = SEED) -> str:
    """attainable(intensity, peak, bandwidth) -> attainable operations per second."""
    peak, bandwidth = 1000.0, 100.0
    if seed != SEED:
        peak, bandwidth = np.random.default_rng(seed).uniform(50, 2000, 2).round().tolist()
    cases = [(share * peak / bandwidth, peak, bandwidth) for share in (0.05, 0.5, 1.0, 10.0)]

    def slope(intensity: float, bandwidth: float) -> float:
        """A roof without a peak."""
        return float(Roof(np.inf, bandwidth).at(intensity))

    compare_all(function, cases, lambda i, peak, bandwidth: float(Roof(peak, bandwidth).at(i)),
                "for intensity, peak, bandwidth = {} it", [
        ("it is the larger of both limits", lambda i, peak, bandwidth:
         peak + slope(i, bandwidth) - Roof(peak, bandwidth).at(i)),
        ("it is the limit of memory alone: no more than the peak",
         lambda i, peak, bandwidth: slope(i, bandwidth)),
        ("it is the peak: at low intensity, memory is the limit",
         lambda i, peak, bandwidth: peak),
        ("it has bandwidth / intensity: bytes a second times operations a byte",
         lambda i, peak, bandwidth: Roof(peak, bandwidth).at(1 / i)),
        ("it has intensity / bandwidth: bytes a second times operations a byte",
         lambda i, peak, bandwidth: Roof(peak, 1 / bandwidth).at(i)),
        ("it is the sum of both limits",
         lambda i, peak, bandwidth: peak + slope(i, bandwidth)),
        ("it lacks the bandwidth", lambda i, peak, bandwidth: Roof(peak, 1.0).at(i)),
        ("it lacks the intensity", lambda i, peak, bandwidth: Roof(peak, bandwidth).at(1.0)),
    ])  # fmt: skip
    return "memory on the left, arithmetic on the right"

"""Notebook 12: checks of kernels, of their reads, and of the roofline."""

import numpy as np

from ..kernels.cuda.array import has_compiler
from ..kernels.cuda.compiler import EmulatorError
from ..kernels.cuda.emulator import ORDERS, emulated
from .answer import check
from .compare import No, compare, compare_all
from .kernels import NotCounted, conv, correlate, pixels_read, sums

SEED = 12


def images():
    rng = np.random.default_rng(SEED)
    return rng.standard_normal((37, 47), np.float32), rng.standard_normal((3, 3), np.float32)


def text_of(body) -> str:
    """The text that body() returns. Raises: No for other values, or without a compiler."""
    text = body()
    if text is None:
        raise No("it returns None: is there no return?")
    if not isinstance(text, str):
        raise No(f"it returns {type(text).__name__}, not the kernel's text")
    if not has_compiler():
        raise No("the emulator needs Linux and g++, which are missing")
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
        (f"{of} has rows and columns of the kernel exchanged: w is read by a * 3 + b",
         correlate(x, w.T)),
        (f"{of} has only the last of nine products: sum = instead of +=",
         correlate(x, last)),
        (f"{of} has four of nine products: a and b go from 0 to 2", correlate(x, short)),
    ])  # fmt: skip
    return y


@check
def convolution(body) -> str:
    """body() -> the text of a kernel `conv`, correct for any order of its threads."""
    text, (x, w) = text_of(body), images()
    for order in ORDERS:
        outputs(text, x, w, order)
    return "every output, for any order of threads"


@check
def tiled(body) -> str:
    """body() -> the text of a kernel `conv` that reads each pixel of a tile once."""
    text, (x, w) = text_of(body), images()
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
def reduction(body) -> str:
    """body() -> the text of a kernel `sums`."""
    text = text_of(body)
    x = np.random.default_rng(SEED).standard_normal((5, 1000), np.float32)
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
            (f"{of} are those of the first row: a block begins at blockIdx.x * N",
             np.full(5, right[0])),
            (f"{of} lack some of the halves: 64, 32, ... down to 1", halved(x, stop=1)),
            (f"{of} begin with halves of 32: of 128 threads it is 64", halved(x, start=32)),
            (f"{of} are divided by their number, which is a mean", right / 1000),
        ])  # fmt: skip
    return "five rows of 1,000, for any order of threads"


def halved(x: np.ndarray, start: int = 64, stop: int = 0) -> np.ndarray:
    """The sums if the halving begins or ends at a wrong size."""
    part = np.zeros((len(x), 128))
    for k in range(x.shape[1]):
        part[:, k % 128] += x[:, k]
    while start > stop:
        part[:, :start] += part[:, start : 2 * start]
        start //= 2
    return part[:, 0]


@check
def segments(function) -> str:
    """segments(addresses) -> the number of 128-byte pieces that contain the addresses."""
    lane = np.arange(32)
    indices = [lane, 2 * lane, 32 * lane, lane + 16, 0 * lane, 8 * lane[::-1], lane % 2 * 640]
    cases = [(4 * index,) for index in indices]
    compare_all(function, cases, lambda at: len(set(at // 128)), "for the addresses {0[0]} it", [
        ("it counts addresses, not their pieces", lambda at: len(set(at))),
        ("it counts from the first address: pieces begin at multiples of 128",
         lambda at: len(set((at - at[0]) // 128))),
        ("it counts from the smallest address: pieces begin at multiples of 128",
         lambda at: len(set((at - at.min()) // 128))),
        ("it counts all pieces between the first and the last address",
         lambda at: at.max() // 128 - at.min() // 128 + 1),
        ("it has pieces of 128 numbers, not bytes", lambda at: len(set(at // 512))),
        ("it has pieces of 32 bytes", lambda at: len(set(at // 32))),
        ("it counts threads, not pieces", len),
        ("it is the largest piece's number, not their count", lambda at: at.max() // 128),
    ])  # fmt: skip
    return "side by side, with strides, and all the same"


@check
def roofline(function) -> str:
    """attainable(intensity, peak, bandwidth) -> attainable operations per second."""
    cases = [(0.5, 1000.0, 100.0), (10.0, 1000.0, 100.0), (100.0, 1000.0, 100.0)]
    compare_all(function, cases, lambda i, peak, bandwidth: min(peak, i * bandwidth),
                "for intensity, peak, bandwidth = {} it", [
        ("it is the larger of both limits", lambda i, peak, bandwidth: max(peak, i * bandwidth)),
        ("it is the limit of memory alone: no more than the peak",
         lambda i, peak, bandwidth: i * bandwidth),
        ("it is the peak: at low intensity, memory is the limit",
         lambda i, peak, bandwidth: peak),
        ("it has bandwidth / intensity: bytes a second times operations a byte",
         lambda i, peak, bandwidth: min(peak, bandwidth / i)),
        ("it has intensity / bandwidth: bytes a second times operations a byte",
         lambda i, peak, bandwidth: min(peak, i / bandwidth)),
        ("it is the sum of both limits", lambda i, peak, bandwidth: peak + i * bandwidth),
        ("it lacks the bandwidth", lambda i, peak, bandwidth: min(peak, i)),
        ("it lacks the intensity", lambda i, peak, bandwidth: min(peak, bandwidth)),
    ])  # fmt: skip
    return "memory on the left, arithmetic on the right"

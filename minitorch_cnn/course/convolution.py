"""Notebook 2: checks of convolutions, im2col and its adjoint."""

from typing import Any

import numpy as np

from ..functional import conv2d
from ..kernels.conv2d.loops import conv2d_forward
from ..kernels.window import Window
from ..tensor import tensor
from .answer import check
from .compare import No, array, compare

SEED = 2


def draw(seed, N=2, C=3, O=4, K=3, H=7, W=8):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((N, C, H, W)), rng.standard_normal((O, C, K, K))


def of_one(w, axes):
    """The kernel with only its last entry along some axes: the result of `=` instead of `+=`."""
    kept = np.zeros_like(w)
    last = tuple(-1 if axis in axes else slice(None) for axis in range(w.ndim))
    kept[last] = w[last]
    return kept


def wrong_kernels(w):
    """(reason, w as a common mistake would use it)."""
    forgets = "only the last product is kept: sum them all (= instead of +=?)"
    short = np.pad(w[..., :-1, :-1], ((0, 0), (0, 0), (0, 1), (0, 1)))
    return [
        ("the kernel is flipped: that is a mathematician's convolution", w[..., ::-1, ::-1]),
        ("rows and columns of the kernel are exchanged: kh goes with i", w.swapaxes(2, 3)),
        (forgets, of_one(w, (1, 2, 3))),
        (f"{forgets} (over the kernel's places)", of_one(w, (2, 3))),
        ("only the last channel is used: sum over all", of_one(w, (1,))),
        ("the first channel is used for all: x[n, c] with w[o, c]", np.pad(
            w.sum(1, keepdims=True), ((0, 0), (0, w.shape[1] - 1), (0, 0), (0, 0)))),
        ("the last row and column of the kernel are left out", short),
    ]  # fmt: skip


@check
def convolution(conv, *, seed=SEED) -> str:
    """conv(x, w, stride, padding) -> y (N, O, OH, OW), by any method."""
    for stride, padding in [(1, 0), (1, 1), (2, 1), (3, 2)]:
        x, w = draw(seed)
        right: Any = conv2d_forward(x, w, Window(3, stride, padding))
        OH, OW = right.shape[2:]
        before, mine = (x.copy(), w.copy()), array(conv(x, w, stride, padding))
        which = f"with stride {stride} and padding {padding}"
        if not (np.array_equal(x, before[0]) and np.array_equal(w, before[1])):
            raise No("x or w has changed")
        dense, bare = (conv2d_forward(x, w, Window(3, *at)) for at in ((1, padding), (stride, 0)))
        if stride > 1 and mine.shape == dense.shape:
            raise No(f"{which} the output has the size of stride 1")
        if padding and mine.shape == bare.shape:
            raise No(f"{which} the output has the size of an image that is not padded")
        if mine.ndim == 4 and mine.shape[2:] == (OH - 1, OW - 1):
            raise No(f"{which} the last row and column of outputs are missing: H - K + 1 fit")
        mistakes = [
            (why, conv2d_forward(x, wrong, Window(3, stride, padding)))
            for why, wrong in wrong_kernels(w)
        ]
        moves = f"{which} the windows move by one pixel, not by the stride"
        compare(mine, right, f"y {which}", mistakes=[*mistakes, (moves, dense[:, :, :OH, :OW])])
    return "the definition's numbers for four strides and paddings"


def selectors(C, K=3):
    """(C K K, C, K, K): convolved with these kernels an image gives the pixel under each tap."""
    return np.eye(C * K * K).reshape(-1, C, K, K)


def gathered(x, stride, padding, K=3):
    """x (N, C, H, W) -> the pixels under the taps of all windows (C, K, K, N, OH, OW)."""
    C = x.shape[1]
    pixels: Any = conv2d_forward(x, selectors(C, K), Window(K, stride, padding))
    return pixels.swapaxes(0, 1).reshape(C, K, K, len(x), *pixels.shape[2:])


def scattered(parts, shape, stride, padding):
    """The adjoint of `gathered`, by autograd: parts (C, K, K, N, OH, OW) -> `shape`."""
    C, K, _, N, OH, OW = parts.shape
    x = tensor(np.zeros(shape), requires_grad=True)
    y = conv2d(x, tensor(selectors(C, K)), stride=stride, padding=padding)
    y.backward(tensor(parts.reshape(C * K * K, N, OH, OW).swapaxes(0, 1)))
    return array(x.grad)


def last_of_a_pixel(parts, shape, stride, padding):
    """`parts` without those that a later tap of the same pixel overwrites."""
    K = parts.shape[1]
    taps = np.arange(K * K, dtype=float).reshape(1, K, K, 1, 1, 1)
    bits = scattered(2**taps + 0 * parts, shape, stride, padding)  # one bit for each tap
    latest = np.floor(np.log2(np.maximum(bits, 1)))
    return parts * (gathered(latest, stride, padding, K) == taps)


@check
def columns(im2col, *, seed=SEED) -> str:
    """im2col(x, K, stride, padding) -> (C K K, N OH OW), whose product with w is y."""
    for stride, padding in [(1, 0), (2, 1)]:
        x, _ = draw(seed)
        windows = gathered(x, stride, padding)
        rows, many = windows[..., 0, 0, 0].size, windows[0, 0, 0].size
        mine = np.asarray(im2col(x, 3, stride, padding))
        which = f"with stride {stride} and padding {padding} the matrix"
        dense = gathered(x, 1, padding)[0, 0, 0].size
        if stride > 1 and mine.shape == (rows, dense):
            raise No(f"{which} has the columns of stride 1")
        if mine.shape == (many, rows):
            raise No(f"{which} is transposed: a window is a column, not a row")

        def ordered(*axes, windows=windows, shape=(rows, many)):
            return windows.transpose(axes).reshape(shape)

        flipped = windows[:, ::-1, ::-1].reshape(rows, many)
        mistakes = [
            ("rows are in another order than w's: c, then kh, then kw", ordered(1, 2, 0, 3, 4, 5)),
            ("rows are in another order: kh comes before kw", ordered(0, 2, 1, 3, 4, 5)),
            ("columns are in another order: n, then i, then j", ordered(0, 1, 2, 4, 5, 3)),
            ("columns are in another order: i comes before j", ordered(0, 1, 2, 3, 5, 4)),
            ("the windows are flipped", flipped),
            ("the axes are reshaped in the wrong order: transpose first",
             windows.transpose(3, 0, 4, 5, 1, 2).reshape(rows, many)),
        ]  # fmt: skip
        compare(mine, windows.reshape(rows, many), which, mistakes=mistakes)
    return "w @ columns is the convolution"


@check
def adjoint(col2im, *, seed=SEED) -> str:
    """col2im(columns, shape, K, stride, padding) -> x's shape, the adjoint of im2col."""
    rng = np.random.default_rng(seed)
    for stride, padding in [(1, 0), (1, 1), (2, 1)]:
        x, _ = draw(seed)
        (N, C, H, W), of = x.shape, (x.shape, stride, padding)
        parts = rng.standard_normal(gathered(x, stride, padding).shape)
        right = scattered(parts, *of)
        whole = scattered(parts, (N, C, H + 2 * padding, W + 2 * padding), stride, 0)
        columns = parts.reshape(parts[..., 0, 0, 0].size, -1)
        mine = np.asarray(col2im(columns, x.shape, 3, stride, padding))
        which = f"with stride {stride} and padding {padding}"
        if padding and mine.shape == whole.shape:
            raise No(f"{which} the padding is still there: cut it off")
        counts = np.maximum(scattered(np.ones_like(parts), *of), 1)
        mistakes = [
            ("only the last of the windows over a pixel counts: = instead of +=",
             scattered(last_of_a_pixel(parts, *of), *of)),
            ("the gradients of a pixel are averaged, not summed", right / counts),
            ("kh and kw are exchanged", scattered(parts.swapaxes(1, 2), *of)),
        ]  # fmt: skip
        if padding:
            mistakes.append(("it is cut off at one side only", whole[:, :, :H, :W]))
        mistakes = [(f"{which} {why}", wrong) for why, wrong in mistakes]
        compare(mine, right, f"{which} the gradient of x", mistakes=mistakes)
    return "<im2col(x), g> = <x, col2im(g)> for three strides and paddings"


@check
def winograd(conv, *, seed=SEED) -> str:
    """winograd(x, w) -> y: 3x3, stride 1, no padding, even output sizes."""
    x, w = draw(seed, H=8, W=10)
    right: Any = conv2d_forward(x, w, Window(3))
    mine = array(conv(x, w))
    N, O, OH, OW = right.shape
    tiles = right.reshape(N, O, OH // 2, 2, OW // 2, 2).swapaxes(3, 4)  # (N, O, TH, TW, 2, 2)
    mistakes = [
        ("the squares of 2 x 2 are not side by side: transpose before the reshape",
         tiles.reshape(right.shape)),
        ("the squares of 2 x 2 are transposed: rows of a square are rows of y",
         tiles.swapaxes(4, 5).swapaxes(3, 4).reshape(right.shape)),
        ("the kernel is flipped", conv2d_forward(x, w[..., ::-1, ::-1], Window(3))),
        ("the kernel is transposed", conv2d_forward(x, w.swapaxes(2, 3), Window(3))),
    ]  # fmt: skip
    compare(mine, right, "y", tolerance=1e-8, mistakes=mistakes)
    return "the definition's numbers with 16 products for 4 outputs"

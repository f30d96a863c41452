"""Notebook 3: checks of max pooling, batch norm and folding into a convolution."""

from typing import Any

import numpy as np

from ..functional import batch_norm, conv2d, max_pool2d
from ..tensor import tensor
from .answer import check
from .compare import No, array, compare

SEED = 3
AXES, WIDE = (0, 2, 3), (None, slice(None), None, None)


def images(*shape):
    """Random images in which some windows have their maximum twice."""
    x = np.random.default_rng(SEED).standard_normal(shape)
    x[0, 0, :3, :3] = 1.5
    return x


@check
def pooling(forward) -> str:
    """max_pool(x, K, stride) -> (y, argmax), argmax h W + w of the first maximum."""
    for kernel, stride in [(2, 2), (3, 2)]:
        x = images(2, 3, 7, 9)
        which = f"of {kernel} x {kernel} windows with stride {stride}"
        y, argmax = forward(x, kernel, stride)
        right, places = max_pool2d(tensor(x), kernel, stride, return_indices=True)
        windows = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), axis=(2, 3))
        windows = windows[:, :, ::stride, ::stride]
        kinds = [("smallest", windows.min((4, 5))), ("mean", windows.mean((4, 5)))]
        mistakes = [(f"y {which} is the {kind}, not the largest", value) for kind, value in kinds]
        compare(y, right, f"y {which}", mistakes=mistakes)
        places = places.numpy()
        h, w = places // 9, places % 9
        tops, lefts = stride * np.arange(h.shape[2])[:, None], stride * np.arange(h.shape[3])
        backward = windows[..., ::-1, ::-1].reshape(*h.shape, -1).argmax(-1)
        last = kernel * kernel - 1 - backward
        mistakes = [
            ("counts inside the window: add where the window starts",
             (h - tops) * kernel + w - lefts),
            ("is w H + h, it should be h W + w", w * 7 + h),
            ("adds the number of the window instead of its first pixel: the stride is missing",
             (h - tops + tops // stride) * 9 + w - lefts + lefts // stride),
            ("takes the last of equal maxima, not the first",
             (tops + last // kernel) * 9 + lefts + last % kernel),
            ("is h OW + w: a row of the plane has W pixels, not OW", h * h.shape[3] + w),
            ("is h H + w: a row of the plane has W pixels", h * 7 + w),
        ]  # fmt: skip
        mistakes = [(f"argmax {which} {why}", wrong) for why, wrong in mistakes]
        compare(argmax, places, f"argmax {which}", mistakes=mistakes)
    return "the first maximum of every window, and its index"


@check
def pooling_back(backward) -> str:
    """max_pool_back(gy, argmax, (H, W)) -> gx, with overlapping windows."""
    x = tensor(images(2, 3, 7, 9), requires_grad=True)
    y, places = max_pool2d(x, 3, 2, return_indices=True)
    gy = np.random.default_rng(SEED + 1).standard_normal(y.shape)
    y.backward(tensor(gy))
    gx: Any = x.grad
    places, right = places.numpy(), gx.numpy()
    last, first = np.zeros((6, 63)), np.zeros((6, 63))
    rows, flat = places.reshape(6, -1), gy.reshape(6, -1)
    np.put_along_axis(last, rows, flat, 1)
    np.put_along_axis(first, rows[:, ::-1], flat[:, ::-1], 1)
    together = np.zeros(63)
    np.add.at(together, rows.ravel(), flat.ravel())
    counts = np.zeros((6, 63))
    np.add.at(counts, (np.arange(6)[:, None], rows), 1)
    mistakes = [
        ("a pixel that several windows chose has the gradient of the last only: sum them "
         "(+= adds once at repeated indices)", last),
        ("a pixel that several windows chose has the gradient of the first only", first),
        ("the gradients of a pixel are averaged, not summed",
         right.reshape(6, 63) / np.maximum(counts, 1)),
        ("all planes get the gradients of all: each has its own", np.tile(together, (6, 1))),
        ("it counts the windows of a pixel and omits gy", counts),
    ]  # fmt: skip
    mistakes = [(why, wrong.reshape(right.shape)) for why, wrong in mistakes]
    compare(backward(gy, places, (7, 9)), right, "gx of overlapping windows", mistakes=mistakes)
    return "each maximum gets the gradients of all windows that chose it"


@check
def normalising(forward) -> str:
    """norm(x, weight, bias, eps) -> y in training, x (N, C, H, W)."""
    rng = np.random.default_rng(SEED)
    x, w, b = 3 + 2 * rng.standard_normal((4, 3, 2, 2)), rng.uniform(1, 2, 3), rng.uniform(0, 1, 3)
    right = batch_norm(tensor(x), None, None, tensor(w), tensor(b), training=True, eps=1e-2)

    def norm(axes, ddof=0, spread=lambda var: np.sqrt(var + 1e-2), shift=1.0):
        mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True, ddof=ddof)
        return (x - shift * mean) / spread(var)

    plain = norm(AXES)
    mistakes = [
        ("y has the unbiased variance: here it is divided by the count, not by count - 1",
         norm(AXES, ddof=1)),
        ("y is divided by the variance, not by its root", norm(AXES, spread=lambda v: v + 1e-2)),
        ("eps is added to the root: it belongs to the variance",
         norm(AXES, spread=lambda v: np.sqrt(v) + 1e-2)),
        ("eps is left out", norm(AXES, spread=np.sqrt)),
        ("the mean is not subtracted", norm(AXES, shift=0.0)),
        ("statistics are those of each image: a channel has one mean over the batch", norm((2, 3))),
        ("statistics are those of all channels together: each channel has its own",
         norm((0, 1, 2, 3))),
        ("statistics are those of each image over its channels", norm((1, 2, 3))),
        ("statistics are those of each pixel: positions count, too", norm(0)),
    ]  # fmt: skip
    scaled = [(why, w[WIDE] * wrong + b[WIDE]) for why, wrong in mistakes]
    scaled += [
        ("weight and bias are left out", plain),
        ("the bias is left out", w[WIDE] * plain),
        ("the weight is left out", plain + b[WIDE]),
        ("the weight multiplies the bias, too", w[WIDE] * (plain + b[WIDE])),
    ]
    compare(forward(x, w, b, 1e-2), right, "y", tolerance=1e-7, mistakes=scaled)
    return "every channel has its own mean and the biased variance"


@check
def normalising_back(backward) -> str:
    """norm_back(gy, x, weight, eps) -> (gx, gw, gb)."""
    rng = np.random.default_rng(SEED)
    x, w, b = (
        tensor(value, requires_grad=True)
        for value in (rng.standard_normal((4, 3, 2, 2)), rng.uniform(1, 2, 3), rng.uniform(0, 1, 3))
    )
    gy = rng.standard_normal(x.shape)
    batch_norm(x, None, None, w, b, training=True, eps=1e-2).backward(tensor(gy))
    gx, gw, gb = backward(gy, x.array, w.array, 1e-2)
    centred, invstd = x.array - x.array.mean(AXES)[WIDE], 1 / np.sqrt(x.array.var(AXES) + 1e-2)
    xhat, scale = centred * invstd[WIDE], (w.array * invstd)[WIDE]
    first, second = gy.mean(AXES)[WIDE], xhat * (gy * xhat).mean(AXES)[WIDE]
    mean = "{} is a mean over the batch and the positions, not a sum"
    compare(gb, b.grad, "gb", 1e-7, [(mean.format("gb"), gy.mean(AXES))])
    compare(gw, w.grad, "gw", 1e-7, [
        (mean.format("gw"), (gy * xhat).mean(AXES)),
        ("gw uses x instead of x^", (gy * x.array).sum(AXES)),
        ("gw uses x - mean without dividing by the deviation",
         (gy * centred).sum(AXES)),
        ("gw is the sum of gy, which is gb", gy.sum(AXES)),
    ])  # fmt: skip
    sign = "gx adds a path instead of subtracting it: look at the signs"
    total = gy.sum(AXES)[WIDE], xhat * (gy * xhat).sum(AXES)[WIDE]
    compare(gx, x.grad, "gx", 1e-7, [
        ("gx lacks the path through the variance", scale * (gy - first)),
        ("gx lacks the path through the mean", scale * (gy - second)),
        ("gx lacks the paths through the mean and the variance", scale * gy),
        ("gx lacks the weight", invstd[WIDE] * (gy - first - second)),
        ("gx is not divided by the deviation", w.array[WIDE] * (gy - first - second)),
        ("gx is divided by the variance, not by its root",
         (w.array * invstd**2)[WIDE] * (gy - first - second)),
        (sign, scale * (gy + first + second)),
        (sign, scale * (gy - first + second)),
        (sign, scale * (gy + first - second)),
        ("gx has sums where the formula has means", scale * (gy - total[0] - total[1])),
        ("gx lacks x^ in its last term",
         scale * (gy - first - (gy * xhat).mean(AXES)[WIDE])),
    ])  # fmt: skip
    return "all three gradients, for a random cotangent"


@check
def folding(fold) -> str:
    """fold(w, mean, var, weight, bias, eps) -> (w', b') of one convolution."""
    rng = np.random.default_rng(SEED)
    x, w = tensor(rng.standard_normal((2, 3, 6, 6))), tensor(rng.standard_normal((4, 3, 3, 3)))
    mean, bias = rng.standard_normal((2, 4))
    var, weight = rng.uniform(0.5, 2, (2, 4))
    m, v, scale, shift = map(tensor, (mean, var, weight, bias))
    right = batch_norm(conv2d(x, w), m, v, scale, shift, eps=1e-2)
    folded, shift = fold(w.numpy(), mean, var, weight, bias, 1e-2)

    def by_channel(values):
        return values[:, None, None, None]

    scale = weight / np.sqrt(var + 1e-2)
    compare(folded, w.array * by_channel(scale), "the kernel", 1e-7, [
        ("the kernel is not scaled", w.array),
        ("the kernel is divided by the variance, not by its root",
         w.array * by_channel(weight / (var + 1e-2))),
        ("the kernel is not divided by the deviation", w.array * by_channel(weight)),
        ("the kernel lacks the weight", w.array * by_channel(scale / weight)),
        ("the kernel lacks eps", w.array * by_channel(weight / np.sqrt(var))),
    ])  # fmt: skip
    compare(shift, bias - mean * scale, "the bias", 1e-7, [
        ("the bias is that of batch norm alone: subtract the mean as well", bias),
        ("the mean in the bias is not scaled", bias - mean),
        ("the mean is added in the bias: look at the sign", bias + mean * scale),
        ("the bias of batch norm is left out", -mean * scale),
        ("the bias of batch norm is scaled: it is added at the end", (bias - mean) * scale),
    ])  # fmt: skip
    both = array(conv2d(x, tensor(array(folded)), tensor(array(shift))))
    if not np.allclose(both, right.array):
        raise No("the convolution differs from the two layers")
    return "one convolution replaces the two layers"

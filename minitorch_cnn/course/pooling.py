"""Notebook 3: checks of max pooling, batch norm and folding into a convolution."""

import numpy as np

from ..autograd import grad
from ..functional import avg_pool2d, batch_norm, conv2d, group_norm, max_pool2d, max_unpool1d
from ..tensor import tensor
from .answer import check
from .compare import No, array, compare

SEED = 3
AXES, WIDE = (0, 2, 3), (None, slice(None), None, None)


def images(seed, *shape):
    """Random images in which some windows have their maximum twice."""
    x = np.random.default_rng(seed).standard_normal(shape)
    x[0, 0, :3, :3] = 1.5
    return x


def last_of_equal(x, kernel, stride):
    """The indices of the last maxima: those of the first in an image that is turned round."""
    H, W = x.shape[2:]
    OH, OW = ((n - kernel) // stride + 1 for n in (H, W))
    high, wide = ((n - 1) * stride + kernel for n in (OH, OW))  # what the windows cover
    turned = tensor(x[:, :, :high, :wide][:, :, ::-1, ::-1].copy())
    _, places = max_pool2d(turned, kernel, stride, return_indices=True)
    h, w = np.divmod(high * wide - 1 - places.numpy()[:, :, ::-1, ::-1], wide)
    return h * W + w


@check
def pooling(forward, *, seed=SEED) -> str:
    """max_pool(x, K, stride) -> (y, argmax), argmax h W + w of the first maximum."""
    for kernel, stride in [(2, 2), (3, 2)]:
        x = images(seed, 2, 3, 7, 9)
        which = f"of {kernel} x {kernel} windows with stride {stride}"
        y, argmax = forward(x, kernel, stride)
        right, places = max_pool2d(tensor(x), kernel, stride, return_indices=True)
        smallest = -array(max_pool2d(tensor(-x), kernel, stride))
        kinds = [("smallest", smallest), ("mean", avg_pool2d(tensor(x), kernel, stride))]
        mistakes = [(f"y {which} is the {kind}, not the largest", value) for kind, value in kinds]
        compare(y, right, f"y {which}", mistakes=mistakes)
        places = places.numpy()
        h, w = np.divmod(places, 9)
        tops, lefts = (stride * n for n in np.indices(h.shape)[2:])
        last = last_of_equal(x, kernel, stride)
        mistakes = [
            ("counts inside the window: add where the window starts",
             (h - tops) * kernel + w - lefts),
            ("is w H + h, it should be h W + w", w * 7 + h),
            ("adds the number of the window instead of its first pixel: the stride is missing",
             (h - tops + tops // stride) * 9 + w - lefts + lefts // stride),
            ("takes the last of equal maxima, not the first", last),
            ("is h OW + w: a row of the plane has W pixels, not OW", h * h.shape[3] + w),
            ("is h H + w: a row of the plane has W pixels", h * 7 + w),
        ]  # fmt: skip
        mistakes = [(f"argmax {which} {why}", wrong) for why, wrong in mistakes]
        compare(argmax, places, f"argmax {which}", mistakes=mistakes)
    return "the first maximum of every window, and its index"


def unpooled(gy, places, size):
    """gy at its indices, by the library: of several values at one index the last is kept."""
    N, C = gy.shape[:2]
    flat, where = gy.reshape(N, C, -1), places.reshape(N, C, -1)
    whole = size[0] * size[1] - flat.shape[2] + 1  # the one window for which the sizes fit
    x = max_unpool1d(tensor(flat), tensor(where), whole, 1)
    return array(x).reshape(N, C, *size)


@check
def pooling_back(backward, *, seed=SEED) -> str:
    """max_pool_back(gy, argmax, (H, W)) -> gx, with overlapping windows."""
    x = tensor(images(seed, 2, 3, 7, 9), requires_grad=True)
    y, indices = max_pool2d(x, 3, 2, return_indices=True)
    gy = np.random.default_rng(seed + 1).standard_normal(y.shape)

    def gradient(of):
        return array(grad(y, x, tensor(of), retain_graph=True)[0])

    places, right, counts = indices.numpy(), gradient(gy), gradient(np.ones_like(gy))
    turned = np.s_[..., ::-1, ::-1]
    mistakes = [
        ("a pixel that several windows chose has the gradient of the last only: sum them "
         "(+= adds once at repeated indices)", unpooled(gy, places, (7, 9))),
        ("a pixel that several windows chose has the gradient of the first only",
         unpooled(gy[turned].copy(), places[turned].copy(), (7, 9))),
        ("the gradients of a pixel are averaged, not summed", right / np.maximum(counts, 1)),
        ("all planes get the gradients of all: each has its own",
         np.broadcast_to(right.sum((0, 1)), right.shape)),
        ("it counts the windows of a pixel and omits gy", counts),
    ]  # fmt: skip
    compare(backward(gy, places, (7, 9)), right, "gx of overlapping windows", mistakes=mistakes)
    return "each maximum gets the gradients of all windows that chose it"


def normalised(x, mean, var, weight, bias, eps=1e-2):
    """The library's batch norm with these statistics."""
    x, mean, var, weight, bias = (tensor(np.array(v)) for v in (x, mean, var, weight, bias))
    return array(batch_norm(x, mean, var, weight, bias, eps=eps))


@check
def normalising(forward, *, seed=SEED) -> str:
    """norm(x, weight, bias, eps) -> y in training, x (N, C, H, W)."""
    rng = np.random.default_rng(seed)
    x, w, b = 3 + 2 * rng.standard_normal((4, 3, 2, 2)), rng.uniform(1, 2, 3), rng.uniform(0, 1, 3)
    right = batch_norm(tensor(x), None, None, tensor(w), tensor(b), training=True, eps=1e-2)
    mean, var, one, none = x.mean(AXES), x.var(AXES), np.ones(3), np.zeros(3)

    def of_images(groups):
        return group_norm(tensor(x), groups, tensor(w), tensor(b), eps=1e-2)

    pixels = [np.repeat(value, 4) for value in (w, b)]
    by_pixel = batch_norm(
        tensor(x.reshape(4, 12)), None, None, *map(tensor, pixels), training=True, eps=1e-2
    )
    mistakes = [
        ("y has the unbiased variance: here it is divided by the count, not by count - 1",
         normalised(x, mean, var * 16 / 15, w, b)),
        ("y is divided by the variance, not by its root",
         normalised(x, mean, (var + 1e-2) ** 2 - 1e-2, w, b)),
        ("eps is added to the root: it belongs to the variance",
         normalised(x, mean, (var**0.5 + 1e-2) ** 2 - 1e-2, w, b)),
        ("eps is left out", normalised(x, mean, var - 1e-2, w, b)),
        ("the mean is not subtracted", normalised(x, none, var, w, b)),
        ("statistics are those of each image: a channel has one mean over the batch", of_images(3)),
        ("statistics are those of all channels together: each channel has its own",
         normalised(x, x.mean() * one, x.var() * one, w, b)),
        ("statistics are those of each image over its channels", of_images(1)),
        ("statistics are those of each pixel: positions count, too",
         array(by_pixel).reshape(x.shape)),
        ("weight and bias are left out", normalised(x, mean, var, one, none)),
        ("the bias is left out", normalised(x, mean, var, w, none)),
        ("the weight is left out", normalised(x, mean, var, one, b)),
        ("the weight multiplies the bias, too", normalised(x, mean, var, w, w * b)),
    ]  # fmt: skip
    compare(forward(x, w, b, 1e-2), right, "y", tolerance=1e-7, mistakes=mistakes)
    return "every channel has its own mean and the biased variance"


def by_paths(gy, x, weight, eps):
    """What x's gradient in batch norm gets directly, through the mean and through the variance.

    By autograd, with the other paths cut.
    """

    def gradient(through_mean, through_variance):
        leaf = tensor(np.array(x), requires_grad=True)
        there, back = (leaf if kept else leaf.detach() for kept in (through_mean, through_variance))
        mean = there.mean(AXES, keepdim=True)
        spread = back.var(AXES, correction=0, keepdim=True) + eps
        y = (leaf - mean) / spread.sqrt() * tensor(weight).reshape(1, -1, 1, 1)
        return array(grad(y, leaf, tensor(gy))[0])

    direct = gradient(False, False)
    return direct, gradient(True, False) - direct, gradient(False, True) - direct


def gradients(gy, x, weight, eps):
    """The library's gradients of batch norm: of x, weight and bias."""
    leaves = [tensor(value, requires_grad=True) for value in (x, weight, 0 * weight)]
    y = batch_norm(leaves[0], None, None, *leaves[1:], training=True, eps=eps)
    return tuple(array(g) for g in grad(y, leaves, tensor(gy)))


@check
def normalising_back(backward, *, seed=SEED) -> str:
    """norm_back(gy, x, weight, eps) -> (gx, gw, gb)."""
    rng = np.random.default_rng(seed)
    x, w = rng.standard_normal((4, 3, 2, 2)), rng.uniform(1, 2, 3)
    gy = rng.standard_normal(x.shape)
    right, weights, biases = gradients(gy, x, w, 1e-2)
    gx, gw, gb = backward(gy, x, w, 1e-2)
    mean = "{} is a mean over the batch and the positions, not a sum"
    compare(gb, biases, "gb", 1e-7, [(mean.format("gb"), biases / 16)])
    compare(gw, weights, "gw", 1e-7, [
        (mean.format("gw"), weights / 16),
        ("gw uses x instead of x^", np.einsum("nchw,nchw->c", gy, x)),
        ("gw uses x - mean without dividing by the deviation",
         weights * np.sqrt(x.var(AXES) + 1e-2)),
        ("gw is the sum of gy, which is gb", biases),
    ])  # fmt: skip
    direct, mean_path, variance_path = by_paths(gy, x, w, 1e-2)
    deviation = np.sqrt(x.var(AXES) + 1e-2)[WIDE]
    xhat = normalised(x, x.mean(AXES), x.var(AXES), np.ones(3), np.zeros(3))
    sign = "gx adds a path instead of subtracting it: look at the signs"
    compare(gx, right, "gx", 1e-7, [
        ("gx lacks the path through the variance", direct + mean_path),
        ("gx lacks the path through the mean", direct + variance_path),
        ("gx lacks the paths through the mean and the variance", direct),
        ("gx lacks the weight", right / w[WIDE]),
        ("gx is not divided by the deviation", right * deviation),
        ("gx is divided by the variance, not by its root", right / deviation),
        (sign, direct - mean_path - variance_path),
        (sign, direct - mean_path + variance_path),
        (sign, direct + mean_path - variance_path),
        ("gx has sums where the formula has means", direct + 16 * (mean_path + variance_path)),
        ("gx lacks x^ in its last term", direct + mean_path + variance_path / xhat),
    ])  # fmt: skip
    return "all three gradients, for a random cotangent"


@check
def folding(fold, *, seed=SEED) -> str:
    """fold(w, mean, var, weight, bias, eps) -> (w', b') of one convolution."""
    rng = np.random.default_rng(seed)
    x, w = rng.standard_normal((2, 3, 6, 6)), rng.standard_normal((4, 3, 3, 3))
    mean, bias = rng.standard_normal((2, 4))
    var, weight = rng.uniform(0.5, 2, (2, 4))
    folded, shift = fold(w.copy(), mean, var, weight, bias, 1e-2)

    def kernel(var, weight):
        """The kernel seen as images of the channels that it makes, through batch norm."""
        return normalised(w.swapaxes(0, 1), 0 * mean, var, weight, 0 * bias).swapaxes(0, 1)

    def offset(mean, bias):
        return normalised(np.zeros((1, 4, 1, 1)), mean, var, weight, bias).ravel()

    compare(folded, kernel(var, weight), "the kernel", 1e-7, [
        ("the kernel is not scaled", w),
        ("the kernel is divided by the variance, not by its root",
         kernel((var + 1e-2) ** 2 - 1e-2, weight)),
        ("the kernel is not divided by the deviation", kernel(0.99 + 0 * var, weight)),
        ("the kernel lacks the weight", kernel(var, 1 + 0 * weight)),
        ("the kernel lacks eps", kernel(var - 1e-2, weight)),
    ])  # fmt: skip
    compare(shift, offset(mean, bias), "the bias", 1e-7, [
        ("the bias is that of batch norm alone: subtract the mean as well", bias),
        ("the mean in the bias is not scaled", bias - mean),
        ("the mean is added in the bias: look at the sign", offset(-mean, bias)),
        ("the bias of batch norm is left out", offset(mean, 0 * bias)),
        ("the bias of batch norm is scaled: it is added at the end", offset(mean - bias, 0 * bias)),
    ])  # fmt: skip
    both = array(conv2d(tensor(x), tensor(array(folded)), tensor(array(shift))))
    two = normalised(array(conv2d(tensor(x), tensor(w))), mean, var, weight, bias)
    if not np.allclose(both, two):
        raise No("the convolution differs from the two layers")
    return "one convolution replaces the two layers"

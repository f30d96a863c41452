"""Independent definitions to test against. NumPy only: nothing here may import the package.

Each is written in another way than the code it judges, in float64, for small arrays only.
"""

import numpy as np

# --- Convolution, pooling and normalisation of arrays (used by tests/kernels) ---------------------


def pad_planes(x, padding, value=0.0):
    """x (N, C, H, W) in a frame of `value`, ((top, bottom), (left, right)) cells wide."""
    return np.pad(x.astype(np.float64), ((0, 0), (0, 0), *padding), constant_values=value)


def patches(xp, kernel, stride, dilation):
    """Padded xp (N, C, HP, WP) -> (N, C, OH, OW, KH, KW), one patch for every window that fits."""
    index = []
    for size, k, s, d in zip(xp.shape[2:], kernel, stride, dilation, strict=True):
        starts = np.array([o for o in range(0, size, s) if o + d * (k - 1) < size], int)
        index.append(starts[:, None] + d * np.arange(k))
    rows, columns = index
    return xp[:, :, rows[:, None, :, None], columns[None, :, None, :]]


def conv2d(x, w, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1):
    """x (N, C, H, W), w (O, C/groups, KH, KW) -> y (N, O, OH, OW), group by group."""
    windows = patches(pad_planes(x, padding), w.shape[2:], stride, dilation)
    parts = zip(np.split(windows, groups, axis=1), np.split(w, groups), strict=True)
    return np.concatenate([np.einsum("ncijkl,ockl->noij", p, v) for p, v in parts], axis=1)


def max_pool2d(x, kernel, stride, padding=((0, 0), (0, 0)), dilation=(1, 1)):
    """x (N, C, H, W) -> the largest value of every window; NaN where it holds one."""
    windows = patches(pad_planes(x, padding, -np.inf), kernel, stride, dilation)
    return windows.max(axis=(4, 5))


def avg_pool2d(x, kernel, stride, padding=((0, 0), (0, 0)), count_include_pad=True):
    """x (N, C, H, W) -> the mean of every window, over padding or over inputs only."""
    windows = patches(pad_planes(x, padding), kernel, stride, (1, 1))
    if count_include_pad:
        return windows.mean(axis=(4, 5))
    inside = patches(pad_planes(np.ones_like(x), padding), kernel, stride, (1, 1))
    return windows.sum(axis=(4, 5)) / inside.sum(axis=(4, 5))


def adaptive_pool2d(x, output_size, reduce):
    """x (N, C, H, W) -> reduce(window) for every one of output_size evenly spread windows."""
    H, W = x.shape[2:]
    OH, OW = output_size
    y = np.empty((*x.shape[:2], OH, OW))
    for i in range(OH):
        for j in range(OW):
            rows = slice(int(np.floor(i * H / OH)), int(np.ceil((i + 1) * H / OH)))
            columns = slice(int(np.floor(j * W / OW)), int(np.ceil((j + 1) * W / OW)))
            y[:, :, i, j] = reduce(x[:, :, rows, columns], axis=(2, 3))
    return y


def batch_norm(x, weight, bias, eps):
    """x (N, C, *) normalised by its own mean and variance over all axes but the second."""
    axes = (0, *range(2, x.ndim))
    per_channel = (1, -1) + (1,) * (x.ndim - 2)
    xhat = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)
    return xhat * weight.reshape(per_channel) + bias.reshape(per_channel)


def local_response_norm(x, size, alpha, beta, k):
    """x (N, C, *) over (k + alpha * mean of the squares of `size` channels)^beta, zero-padded."""
    before, after = size // 2, (size - 1) // 2
    frame = [(0, 0), (before, after)] + [(0, 0)] * (x.ndim - 2)
    squares = np.pad(x.astype(np.float64) ** 2, frame)
    energy = np.stack([squares[:, c : c + size].sum(axis=1) for c in range(x.shape[1])], axis=1)
    return x / (k + alpha / size * energy) ** beta


def adjoint(linear, shape, gy):
    """The gradient of <gy, linear(x)> in x of `shape`: the products of gy with the image of each
    basis vector."""
    gx = np.zeros(shape)
    for at in np.ndindex(*shape):
        basis = np.zeros(shape)
        basis[at] = 1.0
        gx[at] = np.sum(gy * linear(basis))
    return gx


def slope(function, x, gy, step=1e-6):
    """The gradient of <gy, function(x)> in x by central differences."""
    gx = np.zeros(x.shape)
    for at in np.ndindex(*x.shape):
        up, down = x.copy(), x.copy()
        up[at] += step
        down[at] -= step
        gx[at] = np.sum(gy * (function(up) - function(down))) / (2 * step)
    return gx


# --- Losses and resampling (used by tests/functional) ---------------------------------------------


def softmax_cross_entropy(x, target, weight=None, ignore_index=-100, smoothing=0.0):
    """Losses (N, *) and what their mean divides by, one position at a time.

    x (N, C, *); target (N, *) of classes, or (N, C, *) of probabilities; weight (C,). The target's
    class counts with its weight, and in the smoothing every class with its own.
    """
    x, classes = np.moveaxis(x, 1, -1), x.shape[1]
    w = np.ones(classes) if weight is None else weight
    soft = target.dtype.kind == "f"
    target = np.moveaxis(target, 1, -1) if soft else target
    losses, total = np.zeros(x.shape[:-1]), 0.0
    for at in np.ndindex(losses.shape):
        if not soft and target[at] == ignore_index:
            continue
        minus_logp = np.log(np.sum(np.exp(x[at]))) - x[at]
        hard = target[at] if soft else np.eye(classes)[target[at]]
        q = (1 - smoothing) * hard + smoothing / classes
        losses[at] = np.sum(w * q * minus_logp)
        total += 1 if soft else w[target[at]]
    return losses, total


def interpolate_bilinear(x, size, scales=(None, None), align_corners=False):
    """x (N, C, H, W) -> y (N, C, *size): each pixel from its four neighbours, by areas."""
    y = np.zeros((*x.shape[:2], *size))
    for at in np.ndindex(*size):
        place = [
            _source(o, n, out, scale, align_corners)
            for o, n, out, scale in zip(at, x.shape[2:], size, scales, strict=True)
        ]
        for h in range(x.shape[2]):
            for w in range(x.shape[3]):
                area = max(0, 1 - abs(place[0] - h)) * max(0, 1 - abs(place[1] - w))
                y[(..., *at)] += area * x[:, :, h, w]
    return y


def _source(o, size, out, scale, align_corners):
    """Where pixel o of `out` lies among `size` pixels, not beyond their centres."""
    if align_corners:
        return o * (size - 1) / (out - 1) if out > 1 else 0.0
    ratio = size / out if scale is None else 1 / scale
    return min(max((o + 0.5) * ratio - 0.5, 0), size - 1)


# --- LeNet-5 (used by tests/models) ---------------------------------------------------------------


def lenet5(x, p, seen):
    """x (N, 1, 32, 32), p: arrays by name, seen: the S2 maps of each C3 map -> minus distances.

    C3 map by map and link by link, the kernels of p["c3.weight"] taken in turn.
    """

    def squash(a):
        return 1.7159 * np.tanh(2 / 3 * a)

    def bias(a, b):
        return a + b[:, None, None]

    def subsample(a, weight, b):
        sums = a[..., ::2, ::2] + a[..., 1::2, ::2] + a[..., ::2, 1::2] + a[..., 1::2, 1::2]
        return squash(bias(sums * weight[:, None, None], b))

    c1 = squash(bias(conv2d(x, p["c1.weight"]), p["c1.bias"]))
    s2 = subsample(c1, p["s2.weight"], p["s2.bias"])
    kernels = iter(p["c3.weight"])
    maps = [sum(conv2d(s2[:, [int(i)]], next(kernels)[None, None]) for i in s) for s in seen]
    c3 = squash(bias(np.concatenate(maps, axis=1), p["c3.bias"]))
    s4 = subsample(c3, p["s4.weight"], p["s4.bias"])
    c5 = squash(bias(conv2d(s4, p["c5.weight"]), p["c5.bias"]))[:, :, 0, 0]
    f6 = squash(c5 @ p["f6.weight"].T + p["f6.bias"])
    codes = p["output.codes"]
    return -np.stack([((f6 - code) ** 2).sum(axis=1) for code in codes], axis=1)

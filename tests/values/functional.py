"""The values of every function of `mt.nn.functional`, computed with NumPy."""

import itertools
import math
import warnings

import numpy as np

from minitorch_cnn.nn import functional as F
from tests import oracle
from tests.tensor.cases import apart, nonzero, normal, positive

from .cases import Case, integers, unary, within
from .tensor import erf, sigmoid, softmax

softplus = np.vectorize(lambda x: x if x > 20 else math.log1p(math.exp(x)), otypes=[float])

ACTIVATION = [
    *unary("relu", F.relu, lambda x: np.maximum(x, 0), nonzero),
    *unary("relu6", lambda x: F.relu6(4 * x), lambda x: np.clip(4 * x, 0, 6), nonzero),
    *unary("leaky_relu", lambda x: F.leaky_relu(x, 0.125), lambda x: np.where(x > 0, x, x / 8),
           nonzero),
    *unary("elu", F.elu, lambda x: np.where(x > 0, x, np.expm1(x)), nonzero),
    *unary("celu", lambda x: F.celu(x, 2.0), lambda x: np.where(x > 0, x, 2 * np.expm1(x / 2)),
           nonzero),
    *unary("selu", F.selu, lambda x: 1.0507009873554804934193349852946
           * np.where(x > 0, x, 1.6732632423543772848170429916717 * np.expm1(x)), nonzero),
    *unary("gelu", F.gelu, lambda x: x * (1 + erf(x / np.sqrt(2))) / 2),
    *unary("silu", F.silu, lambda x: x * sigmoid(x)),
    *unary("mish", F.mish, lambda x: x * np.tanh(softplus(x))),
    *unary("hardswish", F.hardswish, lambda x: x * np.clip(x + 3, 0, 6) / 6),
    *unary("hardsigmoid", F.hardsigmoid, lambda x: np.clip(x + 3, 0, 6) / 6),
    *unary("hardtanh", F.hardtanh, lambda x: np.clip(x, -1, 1), lambda *s: nonzero(*s) + 0.125),
    *unary("hardshrink", F.hardshrink, lambda x: np.where(np.abs(x) > 0.5, x, 0), apart),
    *unary("softshrink", F.softshrink, lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0),
           apart),
    *unary("rrelu", lambda x: F.rrelu(x, 0.125, 0.375), lambda x: np.where(x > 0, x, x / 4),
           nonzero),
    *unary("rrelu", lambda x: F.rrelu(x, 0.25, 0.25, training=True),
           lambda x: np.where(x > 0, x, x / 4), nonzero),
    *unary("tanhshrink", F.tanhshrink, lambda x: x - np.tanh(x)),
    *unary("threshold", lambda x: F.threshold(x, 0.5, 7.0), lambda x: np.where(x > 0.5, x, 7.0),
           apart),
    *unary("softplus", F.softplus, softplus),
    *unary("softsign", F.softsign, lambda x: x / (1 + np.abs(x)), nonzero),
    *unary("logsigmoid", F.logsigmoid, lambda x: -softplus(-x)),
    *unary("sigmoid", F.sigmoid, sigmoid),
    *unary("tanh", F.tanh, np.tanh),
    *unary("scaled_tanh", F.scaled_tanh, lambda x: 1.7159 * np.tanh(2 * x / 3)),
    Case("prelu", F.prelu, lambda x, w: np.where(x > 0, x, x * w[:, None]),
         (nonzero(2, 3, 4), positive(3))),
    Case("glu", F.glu, lambda x: x[:, :2] * sigmoid(x[:, 2:]), (normal(3, 4),)),
    *[Case(name, lambda x, name=name: getattr(F, name)(x, dim=1),
           lambda x, wrap=wrap: wrap(x), (normal(*shape),))
      for name, wrap in (("softmax", lambda x: softmax(x, 1)),
                         ("softmin", lambda x: softmax(-x, 1)),
                         ("log_softmax", lambda x: np.log(softmax(x, 1))))
      for shape in ((2, 3), (0, 3), (2, 3, 2))],
]  # fmt: skip


def conv(x, w, b=None, **settings):
    y = oracle.conv2d(x, w, **settings)
    return y if b is None else y + b[:, None, None]


CONVOLUTION = [
    *[Case(name, getattr(F, name), conv, (normal(n, 2, 5, 4), normal(3, 2, 3, 2), normal(3)))
      for name in ("conv2d", "conv2d_simple") for n in (2, 0)],
    *[Case(name, lambda x, w, name=name: getattr(F, name)(x, w, stride=2, padding=1, dilation=2,
                                                          groups=2),
           lambda x, w: conv(x, w, stride=(2, 2), padding=((1, 1), (1, 1)), dilation=(2, 2),
                             groups=2), (normal(1, 4, 6, 7), normal(2, 2, 2, 3)))
      for name in ("conv2d", "conv2d_simple")],
    Case("conv2d", F.conv2d, lambda x, w: conv(x[None], w)[0],
         (normal(2, 4, 4), normal(3, 2, 3, 3))),
    Case("conv2d_relu", F.conv2d_relu, lambda x, w, b: np.maximum(conv(x, w, b), 0),
         (normal(2, 2, 5, 4), normal(3, 2, 3, 2), normal(3))),
    Case("conv1d", F.conv1d, lambda x, w, b: conv(x[:, :, None], w[:, :, None], b)[:, :, 0],
         (normal(2, 2, 5), normal(3, 2, 3), normal(3))),
    Case("conv_transpose2d", lambda y, w: F.conv_transpose2d(y, w, stride=2),
         lambda y, w: oracle.adjoint(lambda x: oracle.conv2d(x, w, (2, 2)), (2, 3, 7, 5), y),
         (normal(2, 2, 3, 2), normal(2, 3, 3, 3))),
    Case("conv_transpose1d", lambda y, w: F.conv_transpose1d(y, w, stride=2),
         lambda y, w: oracle.adjoint(lambda x: oracle.conv2d(x, w[:, :, None], (1, 2)),
                                     (2, 3, 1, 7), y[:, :, None])[:, :, 0],
         (normal(2, 2, 3), normal(2, 3, 3))),
    Case("linear", F.linear, lambda x, w, b: x @ w.T + b, (normal(2, 3), normal(4, 3), normal(4))),
    Case("linear", F.linear, lambda x, w: x @ w.T, (normal(0, 3), normal(4, 3))),
    Case("linear", F.linear, lambda x, w: x @ w.T, (normal(3), normal(4, 3))),
    Case("bilinear", F.bilinear, lambda x, y, w, b: np.einsum("ni,oij,nj->no", x, w, y) + b,
         (normal(2, 3), normal(2, 4), normal(5, 3, 4), normal(5))),
]  # fmt: skip

POOL = [
    *[Case("max_pool2d", lambda x: F.max_pool2d(x, 3, 2, 1),
           lambda x: oracle.max_pool2d(x, (3, 3), (2, 2), ((1, 1), (1, 1))), (apart(n, 2, 5, 6),))
      for n in (2, 0)],
    *[Case("avg_pool2d", lambda x, c=c: F.avg_pool2d(x, 3, 2, 1, count_include_pad=c),
           lambda x, c=c: oracle.avg_pool2d(x, (3, 3), (2, 2), ((1, 1), (1, 1)), c),
           (normal(2, 2, 5, 6),)) for c in (True, False)],
    Case("max_pool1d", lambda x: F.max_pool1d(x, 2),
         lambda x: oracle.max_pool2d(x[:, :, None], (1, 2), (1, 2))[:, :, 0], (apart(2, 2, 6),)),
    Case("avg_pool1d", lambda x: F.avg_pool1d(x, 2),
         lambda x: oracle.avg_pool2d(x[:, :, None], (1, 2), (1, 2))[:, :, 0], (normal(2, 2, 6),)),
    *[Case(f"adaptive_{name}_pool2d",
           lambda x, name=name: getattr(F, f"adaptive_{name}_pool2d")(x, (2, 3)),
           lambda x, reduce=reduce: oracle.adaptive_pool2d(x, (2, 3), reduce), (apart(2, 2, 5, 4),))
      for name, reduce in (("max", np.max), ("avg", np.mean))],
    *[Case(f"adaptive_{name}_pool1d",
           lambda x, name=name: getattr(F, f"adaptive_{name}_pool1d")(x, 3),
           lambda x, reduce=reduce: oracle.adaptive_pool2d(x[:, :, None], (1, 3), reduce)[:, :, 0],
           (apart(2, 2, 7),)) for name, reduce in (("max", np.max), ("avg", np.mean))],
    Case("lp_pool1d", lambda x: F.lp_pool1d(x, 3, 2),
         lambda x: ((x ** 3).reshape(2, 2, 3, 2).sum(-1)) ** (1 / 3), (positive(2, 2, 6),)),
    Case("lp_pool2d", lambda x: F.lp_pool2d(x, 2, (2, 3), (1, 2)),
         lambda x: np.sqrt(6 * oracle.avg_pool2d(x * x, (2, 3), (1, 2))), (nonzero(2, 2, 4, 5),)),
    Case("lp_pool2d", lambda x: F.lp_pool2d(x, math.inf, 2),
         lambda x: oracle.max_pool2d(np.abs(x), (2, 2), (2, 2)), (apart(2, 2, 4, 4) + 0.1,)),
    Case("max_unpool2d", lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2),
         lambda x: np.where(x == np.kron(oracle.max_pool2d(x, (2, 2), (2, 2)), np.ones((2, 2))),
                            x, 0), (apart(2, 2, 4, 4),)),
]  # fmt: skip


def layer_norm(x, w, b):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * w + b


def group_norm(x, groups):
    parts = x.reshape(len(x), groups, -1)
    centred = parts - parts.mean(2, keepdims=True)
    return (centred / np.sqrt(parts.var(2, keepdims=True) + 1e-5)).reshape(x.shape)


def batch_norm(x, w, b):
    return oracle.batch_norm(x, w, b, 1e-5)


NORM = [
    Case("batch_norm", lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
         batch_norm, (normal(4, 3, 2, 2), positive(3), normal(3))),
    Case("batch_norm", lambda x, m, v: F.batch_norm(x, m.detach(), v.detach()),
         lambda x, m, v: (x - m[:, None, None]) / np.sqrt(v[:, None, None] + 1e-5),
         (normal(0, 3, 2, 2), normal(3), positive(3)), False),
    Case("batch_norm_relu", lambda x, w, b: F.batch_norm_relu(x, None, None, w, b, training=True),
         lambda x, w, b: np.maximum(batch_norm(x, w, b), 0),
         (normal(4, 3, 2, 2), positive(3), normal(3))),
    Case("layer_norm", lambda x, w, b: F.layer_norm(x, (5,), w, b), layer_norm,
         (normal(2, 3, 5), positive(5), normal(5))),
    Case("group_norm", lambda x: F.group_norm(x, 2), lambda x: group_norm(x, 2),
         (normal(2, 4, 3, 2),)),
    Case("instance_norm", lambda x, w, b: F.instance_norm(x, None, None, w, b),
         lambda x, w, b: group_norm(x, 3) * w[:, None, None] + b[:, None, None],
         (normal(2, 3, 4, 2), positive(3), normal(3))),
    Case("rms_norm", lambda x, w: F.rms_norm(x, (3, 2), w, 0.1),
         lambda x, w: x / np.sqrt((x * x).mean((-2, -1), keepdims=True) + 0.1) * w,
         (normal(4, 3, 2), positive(3, 2))),
    Case("local_response_norm", lambda x: F.local_response_norm(x, 3, 0.5, 0.75, 2.0),
         lambda x: oracle.local_response_norm(x, 3, 0.5, 0.75, 2.0), (normal(2, 4, 2, 2),)),
    Case("normalize", F.normalize, lambda x: x / np.sqrt((x * x).sum(1, keepdims=True)),
         (nonzero(2, 3),)),
]  # fmt: skip


def cross_entropy(x, target, reduce=np.sum):
    losses, total = oracle.softmax_cross_entropy(x, target)
    return reduce(losses) if reduce is not np.sum else np.sum(losses) / total


REGRESSION = [
    Case("l1_loss", F.l1_loss, lambda a, b: np.abs(a - b).mean(), (apart(2, 3), apart(2, 3) + 9)),
    Case("l1_loss", lambda a, b: F.l1_loss(a, b, reduction="none"), lambda a, b: np.abs(a - b),
         (nonzero(), normal() + 9)),
    *[Case(name, lambda a, b, f=f: f(a, b, reduction="none"), reference,
           (normal(3, 4), normal(3, 4)))
      for name, f, reference in (
          ("smooth_l1_loss", lambda a, b, **k: F.smooth_l1_loss(a, b, beta=0.5, **k),
           lambda a, b: np.where(np.abs(a - b) < 0.5, (a - b) ** 2, np.abs(a - b) - 0.25)),
          ("huber_loss", lambda a, b, **k: F.huber_loss(a, b, delta=0.5, **k),
           lambda a, b: np.where(np.abs(a - b) < 0.5, (a - b) ** 2 / 2,
                                 0.5 * (np.abs(a - b) - 0.25))))],
    Case("gaussian_nll_loss", lambda a, b, v: F.gaussian_nll_loss(a, b, v, full=True),
         lambda a, b, v: np.mean((np.log(2 * np.pi * v) + (a - b) ** 2 / v) / 2),
         (normal(2, 3), normal(2, 3), positive(2, 1))),
    Case("kl_div", lambda x, t: F.kl_div(x, t, reduction="batchmean"),
         lambda x, t: (t * (np.log(t) - x)).sum() / 2, (normal(2, 3), positive(2, 3))),
    Case("kl_div", lambda x, t: F.kl_div(x, t, reduction="sum", log_target=True),
         lambda x, t: (np.exp(t) * (t - x)).sum(), (normal(2, 3), normal(2, 3))),
    Case("poisson_nll_loss", F.poisson_nll_loss, lambda x, t: (np.exp(x) - t * x).mean(),
         (normal(2, 3), integers(4, 2, 3) * 1.0)),
    Case("poisson_nll_loss",
         lambda x, t: F.poisson_nll_loss(x, t, log_input=False, full=True, reduction="none"),
         lambda x, t: x - t * np.log(x + 1e-8) + np.where(
             t > 1, t * np.log(t) - t + np.log(2 * np.pi * t) / 2, 0),
         (positive(2, 3), positive(2, 3) + np.array([0.25, 3, 9]))),
    Case("binary_cross_entropy", F.binary_cross_entropy,
         lambda x, t: -(t * np.log(x) + (1 - t) * np.log(1 - x)).mean(),
         (positive(2, 3) / 3, positive(2, 3) / 2)),
]  # fmt: skip


def signs(*shape):
    return integers(2, *shape) * 2 - 1


def distance(a, b):
    return np.sqrt(((a - b + 1e-6) ** 2).sum(-1))


def cosine_embedding(a, b, t):
    cos = (a * b).sum(1) / np.sqrt((a * a).sum(1) * (b * b).sum(1))
    return np.where(t == 1, 1 - cos, np.maximum(cos + 2, 0)).mean()


def multi_margin(x, t, w, p):
    return np.array(
        [
            sum(w[c] * max(0, 2 - row[c] + row[i]) ** p for i in range(4) if i != c) / 4
            for row, c in zip(x, t, strict=True)
        ]
    )


MARGIN = [
    Case("cosine_embedding_loss", lambda a, b, t: F.cosine_embedding_loss(a, b, t, -2.0),
         cosine_embedding, (nonzero(6, 3), nonzero(6, 3), signs(6))),
    Case("margin_ranking_loss", lambda a, b, t: F.margin_ranking_loss(a, b, t, 0.25),
         lambda a, b, t: np.maximum(0, 0.25 - t * (a - b)).mean(),
         (normal(9), normal(9), signs(9))),
    Case("triplet_margin_loss", F.triplet_margin_loss,
         lambda a, p, n: np.maximum(0, 1 + distance(a, p) - distance(a, n)).mean(),
         (normal(6, 3), normal(6, 3), normal(6, 3))),
    Case("hinge_embedding_loss", F.hinge_embedding_loss,
         lambda x, t: np.where(t == 1, x, np.maximum(0, 1 - x)).mean(), (normal(9), signs(9))),
    Case("soft_margin_loss", F.soft_margin_loss, lambda x, t: np.log1p(np.exp(-t * x)).mean(),
         (normal(9), signs(9))),
    Case("multilabel_soft_margin_loss",
         lambda x, t, w: F.multilabel_soft_margin_loss(x, t, w, reduction="none"),
         lambda x, t, w: ((softplus(x) - t * x) * w).mean(1),
         (normal(4, 3), integers(2, 4, 3), positive(3))),
    *[Case("multi_margin_loss",
           lambda x, t, w, p=p: F.multi_margin_loss(x, t, p, 2.0, w, reduction="none"),
           lambda x, t, w, p=p: multi_margin(x, t, w, p),
           (normal(5, 4), integers(4, 5), positive(4))) for p in (1, 2)],
    Case("multilabel_margin_loss", F.multilabel_margin_loss,
         lambda x, t: (np.maximum(0, 1 - x[0, [3, 1]][:, None] + x[0, [0, 2]]).sum()
                       + np.maximum(0, 1 - x[1, 2] + x[1, [0, 1, 3]]).sum()) / 8,
         (normal(2, 4), np.array([[3, 1, -1, 0], [2, -1, -1, -1]]))),
    Case("triplet_margin_with_distance_loss",
         lambda a, p, n: F.triplet_margin_with_distance_loss(
             a, p, n, distance_function=lambda x, y: ((x - y) ** 2).sum(-1)),
         lambda a, p, n: np.maximum(
             0, 1 + ((a - p) ** 2).sum(-1) - ((a - n) ** 2).sum(-1)).mean(),
         (normal(6, 3), normal(6, 3), normal(6, 3))),
    Case("pdist", F.pdist, lambda x: np.sqrt(
        [((x[i] - x[j]) ** 2).sum() for i in range(3) for j in range(i + 1, 3)]), (normal(3, 4),)),
]  # fmt: skip


LOSS = [
    Case("cross_entropy", F.cross_entropy, cross_entropy, (normal(4, 3), integers(3, 4))),
    Case("cross_entropy", lambda x, t: F.cross_entropy(x, t, reduction="none"),
         lambda x, t: cross_entropy(x, t, np.asarray), (normal(2, 3, 2), integers(3, 2, 2))),
    Case("cross_entropy", lambda x, t: F.cross_entropy(x, t, reduction="sum"),
         lambda x, t: np.zeros(()), (normal(0, 3), integers(3, 0))),
    Case("nll_loss", F.nll_loss, lambda x, t: -x[np.arange(4), t].mean(),
         (normal(4, 3), integers(3, 4))),
    Case("mse_loss", F.mse_loss, lambda a, b: ((a - b) ** 2).mean(), (normal(2, 3), normal(2, 3))),
    Case("mse_loss", lambda a, b: F.mse_loss(a, b, reduction="none"), lambda a, b: (a - b) ** 2,
         (normal(), normal())),
    Case("binary_cross_entropy_with_logits", F.binary_cross_entropy_with_logits,
         lambda x, t: (softplus(x) - x * t).mean(), (normal(2, 3), integers(2, 2, 3) * 1.0)),
    *REGRESSION,
    *MARGIN,
    Case("cosine_similarity", F.cosine_similarity,
         lambda a, b: (a * b).sum(1) / np.sqrt((a * a).sum(1) * (b * b).sum(1)),
         (nonzero(2, 3), nonzero(2, 3))),
    Case("pairwise_distance", F.pairwise_distance,
         lambda a, b: np.sqrt(((a - b + 1e-6) ** 2).sum(1)), (normal(2, 3), normal(2, 3))),
]  # fmt: skip


def pixel_shuffle(x):
    y = np.empty((2, 1, 4, 6))
    for at in np.ndindex(4, 6):
        i, j = at
        y[:, 0, i, j] = x[:, i % 2 * 2 + j % 2, i // 2, j // 2]
    return y


def pixel_unshuffle(x):
    return np.concatenate([x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)], 1)


IN_PLACE = {
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, x / 8),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "celu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "selu": lambda x: (
        1.0507009873554804934193349852946
        * np.where(x > 0, x, 1.6732632423543772848170429916717 * np.expm1(x))
    ),
    "hardtanh": lambda x: x,
    "threshold": lambda x: x,
    "rrelu": lambda x: np.where(x > 0, x, x / 4),
}

OTHERS = [
    Case("embedding", lambda w: F.embedding(mt_index([[0, 2], [1, 1]]), w),
         lambda w: w[[[0, 2], [1, 1]]], (normal(3, 4),)),
    Case("one_hot", lambda t: F.one_hot(t, 4), lambda t: np.eye(4, dtype=np.int64)[t],
         (integers(4, 2, 3),), False),
    Case("interpolate", lambda x: F.interpolate(x, scale_factor=2),
         lambda x: x.repeat(2, 2).repeat(2, 3), (normal(2, 1, 2, 3),)),
    Case("interpolate", lambda x: F.interpolate(x, size=(5, 4), mode="bilinear"),
         lambda x: oracle.interpolate_bilinear(x, (5, 4)), (normal(2, 1, 3, 3),)),
    Case("pixel_shuffle", lambda x: F.pixel_shuffle(x, 2), pixel_shuffle, (normal(2, 4, 2, 3),)),
    Case("pixel_unshuffle", lambda x: F.pixel_unshuffle(x, 2), pixel_unshuffle,
         (normal(2, 1, 4, 6),)),
    Case("unfold", lambda x: F.unfold(x, (2, 3), stride=2),
         lambda x: oracle.patches(x, (2, 3), (2, 2), (1, 1)).transpose(0, 1, 4, 5, 2, 3)
         .reshape(2, 12, -1), (normal(2, 2, 5, 6),)),
    Case("fold", lambda x: F.fold(x, (4, 4), 2, stride=2),
         lambda x: x.reshape(2, 1, 2, 2, 2, 2).transpose(0, 1, 4, 2, 5, 3).reshape(2, 1, 4, 4),
         (normal(2, 4, 4),)),
    Case("channel_shuffle", lambda x: F.channel_shuffle(x, 2), lambda x: x[:, [0, 2, 1, 3]],
         (normal(2, 4, 2, 2),)),
    Case("pad", lambda x: F.pad(x, (1, 2), value=3.5),
         lambda x: np.pad(x, ((0, 0), (1, 2)), constant_values=3.5), (normal(2, 3),)),
    *[case for name in ("dropout", "dropout2d", "drop_path", "alpha_dropout",
                                "feature_alpha_dropout") for case in unary(
        name, lambda x, name=name: getattr(F, name)(x, 0.5, training=False), lambda x: x,
        shapes=((2, 3, 4, 4), (0, 3, 2, 2)))],
    *[case for name, n in (("dropout1d", 1), ("dropout3d", 3)) for case in unary(
        name, lambda x, name=name: getattr(F, name)(x, 0.5, training=False), lambda x: x,
        shapes=((2, 3, *(2,) * n), (0, 3, *(2,) * n)))],
]  # fmt: skip


def bilinear_places(x, grid):
    """A sum over all pixels, each times its nearness to a place along both axes."""
    height, width = x.shape[2:]
    at = [((grid[..., k] + 1) * n - 1) / 2 for k, n in enumerate((width, height))]
    near = [
        np.maximum(0, 1 - np.abs(a[..., None] - np.arange(n)))
        for a, n in zip(at, (width, height), strict=True)
    ]
    return np.einsum("nchw,nijw,nijh->ncij", x, *near)


def affine_places(theta):
    """Of 2 x 4 pixels, with -1 and 1 at their edges."""
    y, x = np.meshgrid([-0.5, 0.5], [-0.75, -0.25, 0.25, 0.75], indexing="ij")
    return np.einsum("nij,hwj->nhwi", theta, np.stack([x, y, np.ones_like(x)], -1))


def attention(q, k, v):
    return softmax(q @ np.swapaxes(k, -2, -1) / np.sqrt(q.shape[-1]), -1) @ v


def old(name, *args, **settings):
    """A call by an older name, which warns."""

    def call(x):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return getattr(F, name)(x, *args, **settings)

    return call


def positions(x):
    """Maxima of 2 x 2 or 2 wide windows, and where they are in their planes."""
    kernel = (2, 2) if x.ndim == 4 else (1, 2)
    planes = x if x.ndim == 4 else x[:, :, None]
    y = oracle.max_pool2d(planes, kernel, kernel)
    flat = planes.reshape(*planes.shape[:2], -1)
    at = np.array(
        [
            [
                [np.flatnonzero(plane == value)[0] for value in values.ravel()]
                for plane, values in zip(of_image, maxima, strict=True)
            ]
            for of_image, maxima in zip(flat, y, strict=True)
        ]
    ).reshape(y.shape)
    return (y, at) if x.ndim == 4 else (y[:, :, 0], at[:, :, 0])


TRANSFORMERS = [
    Case("grid_sample", F.grid_sample, bilinear_places, (normal(2, 2, 3, 4), within(2, 2, 5, 2))),
    Case("grid_sample", lambda x, g: F.grid_sample(x, g, "nearest"),
         lambda x, g: x[:, :, :, [0, 3, 1]],
         (normal(2, 2, 1, 4), np.array([[[[-0.75, 0], [0.75, 0], [-0.25, 0]]]] * 2)), False),
    Case("affine_grid", lambda t: F.affine_grid(t, (2, 3, 2, 4)), affine_places,
         (normal(2, 2, 3),)),
    Case("scaled_dot_product_attention", F.scaled_dot_product_attention, attention,
         (normal(2, 3, 4), normal(2, 5, 4), normal(2, 5, 2))),
    Case("scaled_dot_product_attention",
         lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
         lambda q, k, v: np.stack([attention(q[:1], k[:1], v[:1])[0],
                                   attention(q[1:], k[:2], v[:2])[0]]),
         (normal(2, 4), normal(3, 4), normal(3, 2))),
    Case("gumbel_softmax", lambda x: F.gumbel_softmax(x * 1e4, hard=True),
         lambda x: (x == x.max(-1, keepdims=True)) * 1.0, (apart(3, 4),), False),
]  # fmt: skip

OLD = [
    *[Case(name, old(name, **settings), lambda x: x.repeat(2, 2).repeat(2, 3),
           (normal(2, 1, 2, 3),))
      for name, settings in (("upsample", {"scale_factor": 2}),
                             ("upsample_nearest", {"size": (4, 6)}))],
    Case("upsample_bilinear", old("upsample_bilinear", (1, 3)),
         lambda x: np.stack([x[..., 0], x.mean(-1), x[..., 1]], -1), (normal(2, 1, 1, 2),)),
    *[Case(name, lambda x, name=name: getattr(F, name)(x, 2), lambda x: positions(x),
           (apart(2, 2, 4, 6) if "2d" in name else apart(2, 2, 6),))
      for name in ("max_pool2d_with_indices", "max_pool1d_with_indices")],
    Case("adaptive_max_pool2d_with_indices",
         lambda x: F.adaptive_max_pool2d_with_indices(x, (2, 3)), lambda x: positions(x),
         (apart(2, 2, 4, 6),)),
    Case("adaptive_max_pool1d_with_indices",
         lambda x: F.adaptive_max_pool1d_with_indices(x, 3), lambda x: positions(x),
         (apart(2, 2, 6),)),
    Case("max_unpool1d", lambda x: F.max_unpool1d(*F.max_pool1d(x, 2, return_indices=True), 2),
         lambda x: np.where(x == positions(x)[0].repeat(2, -1), x, 0), (apart(2, 2, 6),)),
    *[case for name, args in (("relu", ()), ("leaky_relu", (0.125,)), ("elu", ()), ("celu", ()),
                              ("selu", ()), ("hardtanh", (-9.0, 9.0)), ("threshold", (-9.0, 1.0)),
                              ("rrelu", (0.25, 0.25)))
      for case in unary(f"{name}_",
                        lambda x, name=name, args=args: getattr(F, f"{name}_")(x * 1, *args),
                        IN_PLACE[name], nonzero)],
]  # fmt: skip


def spelled(log_probs, target, blank=0):
    """-log of the sum over all paths that spell the target."""
    total = 0.0
    for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        merged = [label for label, _ in itertools.groupby(path)]
        if [label for label in merged if label != blank] == list(target):
            total += math.exp(sum(log_probs[t, label] for t, label in enumerate(path)))
    return -math.log(total)


CTC = [
    Case("ctc_loss",
         lambda x, t, reduction=reduction: F.ctc_loss(
             F.log_softmax(x, 2), t, (4, 4), (2, 2), reduction=reduction),
         lambda x, t, mix=mix: mix(np.array([spelled(np.log(softmax(x[:, i], 1)), t[i])
                                             for i in range(2)])),
         (normal(4, 2, 3), np.array([[1, 2], [2, 2]])))
    for reduction, mix in (("none", np.array), ("sum", np.sum), ("mean", lambda x: x.mean() / 2))
]  # fmt: skip


def mt_index(rows):
    from minitorch_cnn.tensor import tensor

    return tensor(rows)


FUNCTIONAL = [*ACTIVATION, *CONVOLUTION, *POOL, *NORM, *LOSS, *OTHERS, *TRANSFORMERS, *OLD, *CTC]
WITHOUT_VALUES = set()

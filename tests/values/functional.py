"""The values of every function of `mt.nn.functional`, in NumPy's words."""

import math

import numpy as np

from minitorch_cnn.nn import functional as F
from tests import oracle
from tests.tensor.cases import apart, nonzero, normal, positive

from .cases import Case, integers, unary
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
    *[case for name in ("dropout", "dropout2d", "drop_path") for case in unary(
        name, lambda x, name=name: getattr(F, name)(x, 0.5, training=False), lambda x: x,
        shapes=((2, 3, 4, 4), (0, 3, 2, 2)))],
]  # fmt: skip


def mt_index(rows):
    from minitorch_cnn.tensor import tensor

    return tensor(rows)


FUNCTIONAL = [*ACTIVATION, *CONVOLUTION, *POOL, *NORM, *LOSS, *OTHERS]
WITHOUT_VALUES = set()

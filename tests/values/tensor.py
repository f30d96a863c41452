"""The values of every function of `mt` on tensors, computed with NumPy."""

import math

import numpy as np

import minitorch_cnn as mt
from tests.tensor.cases import apart, nonzero, normal, positive

from .cases import SHAPES, Case, binary, integers, unary, within

erf = np.vectorize(math.erf, otypes=[float])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True, initial=-1e9))
    return e / e.sum(axis, keepdims=True)


def norm(x, p, axis=None):
    return (np.abs(x) ** p).sum(axis) ** (1 / p)


ELEMENTWISE = [
    *unary("abs", mt.abs, np.abs, nonzero),
    *unary("ceil", mt.ceil, np.ceil, apart),
    *unary("cos", mt.cos, np.cos),
    *unary("erf", mt.erf, erf),
    *unary("exp", mt.exp, np.exp),
    *unary("expm1", mt.expm1, np.expm1),
    *unary("floor", mt.floor, np.floor, apart),
    *unary("log", mt.log, np.log, positive),
    *unary("log1p", mt.log1p, np.log1p, positive),
    *unary("neg", mt.neg, np.negative),
    *unary("reciprocal", mt.reciprocal, np.reciprocal, nonzero),
    *unary("relu", mt.relu, lambda x: np.maximum(x, 0), nonzero),
    *unary("round", mt.round, np.round, lambda *s: apart(*s) + 0.125),
    *unary("rsqrt", mt.rsqrt, lambda x: 1 / np.sqrt(x), positive),
    *unary("sigmoid", mt.sigmoid, sigmoid),
    *unary("sign", mt.sign, np.sign, nonzero),
    *unary("sin", mt.sin, np.sin),
    *unary("sqrt", mt.sqrt, np.sqrt, positive),
    *unary("square", mt.square, np.square),
    *unary("tanh", mt.tanh, np.tanh),
    *unary("clamp", lambda x: mt.clamp(x, -0.5, 0.5), lambda x: np.clip(x, -0.5, 0.5), apart),
    *unary("clip", lambda x: mt.clip(x, max=0.5), lambda x: np.minimum(x, 0.5), apart),
    *unary("nan_to_num", mt.nan_to_num, lambda x: x),
    *binary("add", mt.add, np.add),
    *binary("sub", mt.sub, np.subtract),
    *binary("mul", mt.mul, np.multiply),
    *binary("div", mt.div, np.divide, normal, nonzero),
    *binary("pow", mt.pow, np.power, positive, normal),
    *binary("maximum", mt.maximum, np.maximum, apart, lambda *s: apart(*s) + 0.125),
    *binary("minimum", mt.minimum, np.minimum, apart, lambda *s: apart(*s) + 0.125),
    *binary("fmax", mt.fmax, np.fmax, apart, lambda *s: apart(*s) + 0.125),
    *binary("fmin", mt.fmin, np.fmin, apart, lambda *s: apart(*s) + 0.125),
    *binary("clamp_min", mt.clamp_min, np.maximum, apart, lambda *s: apart(*s) + 0.125),
    *binary("clamp_max", mt.clamp_max, np.minimum, apart, lambda *s: apart(*s) + 0.125),
    *binary("remainder", mt.remainder, np.mod, apart, lambda *s: positive(*s) * 0 + 0.875),
    *binary("floor_divide", mt.floor_divide, np.floor_divide, apart,
            lambda *s: positive(*s) * 0 + 0.875, slopes=False),
    *binary("where", lambda a, b: mt.where(a < b, a, b * 2), lambda a, b: np.where(a < b, a, b * 2),
            apart, lambda *s: apart(*s) + 0.125),
    *unary("masked_fill", lambda x: mt.masked_fill(x, x < 0, 7),
           lambda x: np.where(x < 0, 7, x), apart),
]  # fmt: skip

COMPARISON = [
    *[case for name, ufunc in (("eq", np.equal), ("ne", np.not_equal), ("lt", np.less),
                               ("le", np.less_equal), ("gt", np.greater), ("ge", np.greater_equal))
      for case in binary(name, getattr(mt, name), ufunc, apart, apart, slopes=False)],
    *[case for name in ("logical_and", "logical_or", "logical_xor")
      for case in binary(name, getattr(mt, name), getattr(np, name), slopes=False)],
    *unary("logical_not", mt.logical_not, np.logical_not, slopes=False),
    *unary("isnan", mt.isnan, np.isnan, slopes=False),
    *unary("isinf", mt.isinf, np.isinf, slopes=False),
    *unary("isfinite", mt.isfinite, np.isfinite, slopes=False),
    *[Case(name, getattr(mt, name), ufunc, (integers(8, 2, 3), integers(3, 3)), False)
      for name, ufunc in (("bitwise_and", np.bitwise_and), ("bitwise_or", np.bitwise_or),
                          ("bitwise_xor", np.bitwise_xor), ("bitwise_left_shift", np.left_shift),
                          ("bitwise_right_shift", np.right_shift))],
    Case("bitwise_not", mt.bitwise_not, np.bitwise_not, (integers(8, 2, 3),), False),
    Case("allclose", lambda a, b: mt.tensor(mt.allclose(a, b)), np.allclose,
         (normal(3), normal(3)), False),
    Case("equal", lambda a: mt.tensor(mt.equal(a, a)), lambda a: np.array(True), (normal(3),),
         False),
]  # fmt: skip

REDUCTION = [
    *unary("sum", mt.sum, np.sum),
    *[Case("sum", lambda x, d=d: mt.sum(x, d, True), lambda x, d=d: x.sum(d, keepdims=True),
           (normal(2, 3, 4),)) for d in (1, (0, -1))],
    *unary("mean", mt.mean, np.mean, shapes=((2, 3), ())),
    Case("mean", lambda x: x.mean((0, 2)), lambda x: x.mean((0, 2)), (normal(2, 3, 4),)),
    *unary("prod", mt.prod, np.prod, nonzero),
    Case("prod", lambda x: x.prod(1), lambda x: x.prod(1), (np.array([[0, 2.0], [3, 0.5]]),)),
    *[Case(name, lambda x, name=name: getattr(mt, name)(x, 1),
           lambda x, name=name: getattr(np, name)(x, 1, ddof=1), (normal(2, 5),))
      for name in ("var", "std")],
    Case("var_mean", mt.var_mean, lambda x: (x.var(ddof=1), x.mean()), (normal(2, 5),)),
    Case("std_mean", mt.std_mean, lambda x: (x.std(ddof=1), x.mean()), (normal(2, 5),)),
    *[case for name in ("amax", "amin")
      for case in unary(name, getattr(mt, name), getattr(np, name), apart, shapes=((2, 3), ()))],
    *[Case(name, lambda x, name=name: getattr(mt, name)(x, 1),
           lambda x, name=name: (getattr(np, name)(x, 1), getattr(np, "arg" + name)(x, 1)),
           (apart(2, 3),)) for name in ("max", "min")],
    *[Case(name, lambda x, name=name: getattr(mt, name)(x, 0),
           lambda x, name=name: getattr(np, name)(x, 0), (apart(3, 2),), False)
      for name in ("argmax", "argmin", "all", "any")],
    *[Case("norm", lambda x, p=p: mt.norm(x, p, dim=1), lambda x, p=p: norm(x, p, 1),
           (nonzero(2, 3),)) for p in (1, 2, 3, 1.5)],
    Case("logsumexp", lambda x: mt.logsumexp(x, 1), lambda x: np.log(np.exp(x).sum(1)),
         (normal(2, 3),)),
    *[Case(name, lambda x, name=name: getattr(mt, name)(x, 0),
           lambda x, wrap=wrap: wrap(softmax(x, 0)), (normal(*shape),))
      for name, wrap in (("softmax", np.asarray), ("log_softmax", np.log))
      for shape in ((3, 2), (0, 2))],
    Case("cumsum", lambda x: mt.cumsum(x, 1), lambda x: x.cumsum(1), (normal(2, 4),)),
]  # fmt: skip

MOVEMENT = [
    Case("reshape", lambda x: mt.reshape(x, (3, -1)), lambda x: x.reshape(3, -1), (normal(2, 3),)),
    Case("flatten", lambda x: mt.flatten(x, 1), lambda x: x.reshape(2, 12), (normal(2, 3, 4),)),
    Case("unflatten", lambda x: mt.unflatten(x, 1, (2, -1)), lambda x: x.reshape(3, 2, 2),
         (normal(3, 4),)),
    Case("permute", lambda x: mt.permute(x, (2, 0, 1)), lambda x: x.transpose(2, 0, 1),
         (normal(2, 3, 4),)),
    Case("transpose", lambda x: mt.transpose(x, 0, 1), np.transpose, (normal(2, 3),)),
    Case("movedim", lambda x: mt.movedim(x, 0, 2), lambda x: np.moveaxis(x, 0, 2),
         (normal(2, 3, 4),)),
    Case("squeeze", mt.squeeze, np.squeeze, (normal(1, 3, 1),)),
    Case("unsqueeze", lambda x: mt.unsqueeze(x, 1), lambda x: x[:, None], (normal(3),)),
    Case("flip", lambda x: mt.flip(x, (0, 1)), np.flip, (normal(2, 3),)),
    Case("roll", lambda x: mt.roll(x, 1, 0), lambda x: np.roll(x, 1, 0), (normal(3, 2),)),
    Case("tril", mt.tril, np.tril, (normal(3, 3),)),
    Case("triu", lambda x: mt.triu(x, 1), lambda x: np.triu(x, 1), (normal(3, 4),)),
    *unary("clone", mt.clone, np.copy),
    Case("cat", lambda a, b: mt.cat([a, b], 1), lambda a, b: np.concatenate([a, b], 1),
         (normal(2, 1), normal(2, 3))),
    Case("stack", lambda a, b: mt.stack([a, b], 1), lambda a, b: np.stack([a, b], 1),
         (normal(2), normal(2))),
    Case("split", lambda x: mt.split(x, 2), lambda x: (x[:2], x[2:4], x[4:]), (normal(5, 2),)),
    Case("chunk", lambda x: mt.chunk(x, 2), lambda x: (x[:3], x[3:]), (normal(5, 2),)),
    Case("unbind", mt.unbind, tuple, (normal(2, 3),)),
    Case("narrow", lambda x: mt.narrow(x, 1, 1, 2), lambda x: x[:, 1:3], (normal(2, 4),)),
    *[Case("pad", lambda x, mode=mode: mt.pad(x, (2, 1), mode=mode),
           lambda x, how=how: np.pad(x, ((0, 0), (2, 1)), how), (normal(2, 4),))
      for mode, how in (("constant", "constant"), ("reflect", "reflect"), ("replicate", "edge"),
                        ("circular", "wrap"))],
]  # fmt: skip

INDEXING = [
    Case("index_select", lambda x: mt.index_select(x, 1, mt.tensor([2, 0, 2])),
         lambda x: x[:, [2, 0, 2]], (normal(2, 3),)),
    Case("gather", lambda x: mt.gather(x, 1, mt.tensor([[0, 0], [2, 1]])),
         lambda x: np.take_along_axis(x, np.array([[0, 0], [2, 1]]), 1), (normal(2, 3),)),
    Case("take_along_dim", lambda x: mt.take_along_dim(x, mt.tensor([[0], [2]]), 1),
         lambda x: np.take_along_axis(x, np.array([[0], [2]]), 1), (normal(2, 3),)),
    Case("scatter_add", lambda x, s: mt.scatter_add(x, 0, mt.tensor([[1, 1], [1, 0]]), s),
         lambda x, s: x + np.array([[0, s[1, 1]], [s[0, 0] + s[1, 0], s[0, 1]]]),
         (normal(2, 2), normal(2, 2))),
    Case("scatter", lambda x, s: mt.scatter(x, 0, mt.tensor([[1, 0]]), s),
         lambda x, s: np.array([[x[0, 0], s[0, 1]], [s[0, 0], x[1, 1]]]),
         (normal(2, 2), normal(1, 2))),
    Case("select", lambda x: mt.select(x, 1, -1), lambda x: x[:, -1], (normal(2, 3),)),
    Case("index_add", lambda x, s: mt.index_add(x, 0, mt.tensor([1, 1]), s, alpha=2),
         lambda x, s: np.stack([x[0], x[1] + 2 * s[0] + 2 * s[1]]), (normal(2, 3), normal(2, 3))),
    Case("index_copy", lambda x, s: mt.index_copy(x, 0, mt.tensor([1]), s),
         lambda x, s: np.stack([x[0], s[0]]), (normal(2, 3), normal(1, 3))),
    Case("index_fill", lambda x: mt.index_fill(x, 1, mt.tensor([0, 2]), 7),
         lambda x: np.stack([[7, a, 7] for a in x[:, 1]]), (normal(2, 3),)),
    Case("masked_select", lambda x: mt.masked_select(x, x > 0), lambda x: x[x > 0], (apart(2, 3),)),
    Case("masked_scatter", lambda x, s: mt.masked_scatter(x, mt.tensor([False, True, True]), s),
         lambda x, s: np.array([x[0], s[0], s[1]]), (normal(3), normal(4))),
    Case("sort", lambda x: mt.sort(x, 0), lambda x: (np.sort(x, 0), np.argsort(x, 0)),
         (apart(4, 2),)),
    Case("argsort", lambda x: mt.argsort(x, 1), lambda x: np.argsort(x, 1), (apart(2, 4),), False),
    Case("topk", lambda x: mt.topk(x, 2), lambda x: (np.sort(x)[:, :1:-1], np.argsort(x)[:, :1:-1]),
         (apart(2, 4),)),
    Case("nonzero", mt.nonzero, np.argwhere, (np.array([[0.0, 2], [3, 0]]),), False),
]  # fmt: skip

LINALG = [
    *[Case("matmul", mt.matmul, np.matmul, (normal(*a), normal(*b)))
      for a, b in (((2, 3), (3, 4)), ((3,), (3,)), ((5, 2, 3), (3, 1)), ((2, 0), (0, 3)),
                   ((0, 2), (2, 3)))],
    Case("mm", mt.mm, np.matmul, (normal(2, 3), normal(3, 4))),
    Case("bmm", mt.bmm, np.matmul, (normal(2, 3, 2), normal(2, 2, 4))),
    Case("dot", mt.dot, np.dot, (normal(4), normal(4))),
    Case("outer", mt.outer, np.outer, (normal(2), normal(3))),
]  # fmt: skip

CREATION = [
    *[Case(name, lambda x, name=name: getattr(mt, name)(x), lambda x, n=n: np.full(x.shape, n),
           (normal(*shape),), False)
      for name, n in (("zeros_like", 0.0), ("ones_like", 1.0)) for shape in SHAPES],
    Case("full_like", lambda x: mt.full_like(x, 2.5), lambda x: np.full(x.shape, 2.5),
         (normal(2, 3),), False),
    *[Case(name, lambda x, name=name: getattr(mt, name)(2, 3, dtype=x.dtype),
           lambda x, n=n: np.full((2, 3), n), (normal(),), False)
      for name, n in (("zeros", 0.0), ("ones", 1.0))],
    Case("full", lambda x: mt.full((2,), 1.5, dtype=x.dtype), lambda x: np.full(2, 1.5),
         (normal(),), False),
    Case("eye", lambda x: mt.eye(2, 3, dtype=x.dtype), lambda x: np.eye(2, 3), (normal(),), False),
    Case("arange", lambda x: mt.arange(1, 3, 0.5, dtype=x.dtype),
         lambda x: np.arange(1, 3, 0.5), (normal(),), False),
    Case("logspace", lambda x: mt.logspace(0, 2, 5, base=2, dtype=x.dtype),
         lambda x: np.logspace(0, 2, 5, base=2), (normal(),), False),
    Case("linspace", lambda x: mt.linspace(0, 2, 5, dtype=x.dtype),
         lambda x: np.linspace(0, 2, 5), (normal(),), False),
    *unary("tensor", lambda x: mt.tensor(x.tolist(), dtype=x.dtype), lambda x: x, slopes=False,
           shapes=((2, 3), ())),
    *unary("as_tensor", mt.as_tensor, lambda x: x),
    *unary("from_numpy", lambda x: mt.from_numpy(x.numpy()), lambda x: x, slopes=False),
    *unary("from_dlpack", mt.from_dlpack, lambda x: x, slopes=False, shapes=((2, 3),)),
]  # fmt: skip

NUMBERS = [
    *unary("acos", mt.acos, np.arccos, within),
    *unary("asin", mt.asin, np.arcsin, within),
    *unary("atan", mt.atan, np.arctan),
    *unary("acosh", mt.acosh, np.arccosh, lambda *s: positive(*s) + 1),
    *unary("asinh", mt.asinh, np.arcsinh),
    *unary("atanh", mt.atanh, np.arctanh, within),
    *unary("cosh", mt.cosh, np.cosh),
    *unary("sinh", mt.sinh, np.sinh),
    *unary("tan", mt.tan, np.tan, within),
    *unary("exp2", mt.exp2, np.exp2),
    *unary("log2", mt.log2, np.log2, positive),
    *unary("log10", mt.log10, np.log10, positive),
    *unary("frac", mt.frac, lambda x: x - np.trunc(x), apart),
    *unary("trunc", mt.trunc, np.trunc, apart),
    *unary("positive", mt.positive, np.positive),
    *unary("logit", mt.logit, lambda x: np.log(x / (1 - x)), lambda *s: within(*s) / 2 + 0.5),
    *binary("atan2", mt.atan2, np.arctan2, nonzero, nonzero),
    *binary("hypot", mt.hypot, np.hypot, nonzero, nonzero),
    *binary("logaddexp", mt.logaddexp, np.logaddexp),
    *binary("fmod", mt.fmod, np.fmod, apart, lambda *s: positive(*s) * 0 + 0.875),
    *binary("xlogy", mt.xlogy, lambda x, y: x * np.log(y), nonzero, positive),
    *binary("lerp", lambda a, b: mt.lerp(a, b, 0.25), lambda a, b: a + (b - a) / 4),
    *binary("isclose", mt.isclose, np.isclose, slopes=False),
    Case("addcmul", lambda x, a, b: mt.addcmul(x, a, b, value=2), lambda x, a, b: x + 2 * a * b,
         (normal(2, 3), normal(3), normal(2, 1))),
    Case("addcdiv", lambda x, a, b: mt.addcdiv(x, a, b, value=2), lambda x, a, b: x + 2 * a / b,
         (normal(2, 3), normal(3), nonzero(2, 1))),
]  # fmt: skip

ROWS = [
    Case("cumprod", lambda x: mt.cumprod(x, 1), lambda x: np.cumprod(x, 1), (nonzero(2, 3),)),
    Case("median", mt.median, lambda x: np.sort(x, None)[2], (apart(2, 3),)),
    Case("count_nonzero", mt.count_nonzero, np.count_nonzero, (np.array([0, 1.5, 0, 2]),), False),
    Case("argwhere", mt.argwhere, np.argwhere, (np.array([[0.0, 2], [3, 0]]),), False),
    Case("bincount", mt.bincount, np.bincount, (integers(4, 9),), False),
    Case("histc", lambda x: mt.histc(x, 4, -2, 2), lambda x: np.histogram(x, 4, (-2, 2))[0] * 1.0,
         (apart(7),), False),
    Case("unique", mt.unique, np.unique, (integers(4, 9),), False),
    Case("isin", lambda x, y: mt.isin(x, y), np.isin, (integers(4, 2, 3), integers(4, 2)), False),
    *[Case(name, lambda x, name=name: getattr(mt, name)(x), getattr(np, name), (normal(3, 4),))
      for name in ("diagonal", "fliplr", "flipud", "ravel", "rot90", "trace")],
    Case("diag", mt.diag, np.diag, (normal(3),)),
    Case("t", mt.t, np.transpose, (normal(2, 3),)),
    Case("swapaxes", lambda x: mt.swapaxes(x, 0, 2), lambda x: x.swapaxes(0, 2),
         (normal(2, 3, 4),)),
    Case("broadcast_to", lambda x: mt.broadcast_to(x, (2, 3)),
         lambda x: np.broadcast_to(x, (2, 3)), (normal(3),)),
    Case("broadcast_tensors", mt.broadcast_tensors, lambda a, b: np.broadcast_arrays(a, b),
         (normal(2, 1), normal(3))),
    Case("meshgrid", lambda a, b: mt.meshgrid(a, b, indexing="ij"),
         lambda a, b: np.meshgrid(a, b, indexing="ij"), (normal(2), normal(3))),
    Case("concat", lambda a, b: mt.concat([a, b]), lambda a, b: np.concatenate([a, b]),
         (normal(2, 2), normal(1, 2))),
    *[Case(name, lambda a, b, name=name: getattr(mt, name)([a, b]),
           lambda a, b, name=name: getattr(np, name)([a, b]), (normal(2, 3), normal(2, 3)))
      for name in ("hstack", "vstack")],
    Case("repeat_interleave", lambda x: mt.repeat_interleave(x, 2, 1), lambda x: x.repeat(2, 1),
         (normal(2, 3),)),
    Case("tile", lambda x: mt.tile(x, (2, 2)), lambda x: np.tile(x, (2, 2)), (normal(2, 3),)),
    Case("tensor_split", lambda x: mt.tensor_split(x, 2), lambda x: np.array_split(x, 2),
         (normal(5, 2),)),
    Case("numel", lambda x: mt.tensor(mt.numel(x)), lambda x: np.int64(x.size), (normal(0, 3),),
         False),
    *[Case(name, lambda x, name=name: mt.tensor(getattr(mt, name)(x)), lambda x: np.True_,
           (normal(),), False) for name in ("is_tensor", "is_floating_point")],
]  # fmt: skip

PRODUCTS = [
    Case("addmm", mt.addmm, lambda c, a, b: c + a @ b, (normal(4), normal(2, 3), normal(3, 4))),
    Case("baddbmm", mt.baddbmm, lambda c, a, b: c + a @ b,
         (normal(4), normal(2, 2, 3), normal(2, 3, 4))),
    Case("mv", mt.mv, np.matmul, (normal(2, 3), normal(3))),
    Case("cdist", mt.cdist, lambda a, b: np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1)),
         (normal(2, 3), normal(4, 3))),
    Case("tensordot", lambda a, b: mt.tensordot(a, b, 1), lambda a, b: np.tensordot(a, b, 1),
         (normal(2, 3), normal(3, 4))),
    *[Case("einsum", lambda *xs, e=e: mt.einsum(e, *xs), lambda *xs, e=e: np.einsum(e, *xs),
           tuple(normal(*s) for s in shapes))
      for e, shapes in (("ij,jk->ik", ((2, 3), (3, 4))), ("bij,bkj->bik", ((2, 3, 4), (2, 2, 4))),
                        ("ii->i", ((3, 3),)), ("ij->", ((2, 3),)), ("i,j", ((2,), (3,))))],
]  # fmt: skip


def quantile(x, q, axis):
    """NumPy's, which takes no float16."""
    return np.quantile(x, q, axis)


erfc = np.vectorize(math.erfc, otypes=[float])
PAIR = (normal(2, 3), normal(2, 3))
PLACES = np.array([[0, 2, 0], [1, 1, 2]])


def written(x, key, values):
    """x with x[key] = values."""
    y = x.copy()
    y[key] = values
    return y


def merged(x, y, ufunc):
    """x with the elements of y merged into the columns that PLACES names."""
    z = x.copy()
    ufunc.at(z, (np.arange(2)[:, None], PLACES), y)
    return z


RARER = [
    *unary("erfc", mt.erfc, erfc),
    # the inverse, at numbers whose erf is known
    Case("erfinv", lambda x: mt.erfinv(mt.erf(x)), lambda x: x, (np.array([-0.75, 0.0, 0.5]),)),
    *unary("sinc", mt.sinc, np.sinc),
    *unary("deg2rad", mt.deg2rad, np.deg2rad),
    *unary("rad2deg", mt.rad2deg, np.rad2deg),
    *unary("signbit", mt.signbit, np.signbit, slopes=False),
    *unary("isposinf", mt.isposinf, np.isposinf, slopes=False),
    *unary("isneginf", mt.isneginf, np.isneginf, slopes=False),
    *binary("logaddexp2", mt.logaddexp2, np.logaddexp2),
    *binary("copysign", mt.copysign, np.copysign, nonzero, nonzero),
    *binary("heaviside", mt.heaviside, np.heaviside, slopes=False),
    Case("float_power", lambda x: mt.float_power(x, 3).to(x.dtype), lambda x: x**3, (normal(3),)),
    *[case for name in ("atleast_1d", "atleast_2d", "atleast_3d")
      for case in unary(name, getattr(mt, name), getattr(np, name), shapes=((), (3,), (2, 3)))],
    *[Case(name, lambda a, b, name=name: getattr(mt, name)([a, b]),
           lambda a, b, name=name: getattr(np, name)([a, b]), PAIR)
      for name in ("column_stack", "dstack")],
    *[Case(name, lambda x, name=name: getattr(mt, name)(x, 2),
           lambda x, name=name: getattr(np, name)(x, 2), (normal(2, 4, 2),))
      for name in ("hsplit", "vsplit", "dsplit")],
    Case("cartesian_prod", mt.cartesian_prod,
         lambda a, b: np.array([[p, q] for p in a for q in b]), (normal(2), normal(3))),
    Case("combinations", mt.combinations, lambda x: x[[[0, 1], [0, 2], [1, 2]]], (normal(3),)),
    Case("tril_indices", lambda x: mt.tril_indices(3, 4, 1),
         lambda x: np.array(np.tril_indices(3, 1, 4)), (normal(),), False),
    Case("triu_indices", lambda x: mt.triu_indices(3, 4, -1),
         lambda x: np.array(np.triu_indices(3, -1, 4)), (normal(),), False),
    Case("diag_embed", mt.diag_embed, lambda x: np.stack([np.diag(row) for row in x]),
         (normal(2, 3),)),
    Case("inner", mt.inner, np.inner, PAIR),
    Case("kron", mt.kron, np.kron, (normal(2, 3), normal(3, 2))),
    Case("cross", mt.cross, np.cross, PAIR),
    Case("dist", mt.dist, lambda a, b: np.sqrt(((a - b) ** 2).sum()), PAIR),
    Case("diff", lambda x: mt.diff(x, 2), lambda x: np.diff(x, 2), (normal(2, 4),)),
    Case("kthvalue", lambda x: mt.kthvalue(x, 2),
         lambda x: (np.sort(x)[:, 1], np.argsort(x)[:, 1]), (apart(2, 3),)),
    Case("mode", mt.mode, lambda x: (np.array([2.0, 1.0]), np.array([3, 2])),
         (np.array([[2.0, 1.0, 3.0, 2.0], [1.0, 3.0, 1.0, 3.0]]),)),
    Case("cummax", lambda x: mt.cummax(x, 1)[0], lambda x: np.maximum.accumulate(x, 1),
         (apart(2, 4),)),
    Case("cummin", lambda x: mt.cummin(x, 0)[0], lambda x: np.minimum.accumulate(x, 0),
         (apart(4, 2),)),
    Case("aminmax", lambda x: mt.aminmax(x, dim=1), lambda x: (x.min(1), x.max(1)), (apart(2, 3),)),
    Case("quantile", lambda x: mt.quantile(x, 0.25, 1), lambda x: quantile(x, 0.25, 1),
         (apart(2, 5),)),
    *[Case(name, lambda x, name=name: getattr(mt, name)(mt.where(x > 0, x, math.nan)),
           lambda x, of=of: of(x[x > 0]), (np.array([1.5, -1.0, 0.5]),), False)
      for name, of in (("nansum", np.sum), ("nanmean", np.mean))],
    Case("searchsorted", lambda x: mt.searchsorted(mt.tensor([-1.0, 0, 1]).to(x.dtype), x),
         lambda x: np.searchsorted([-1.0, 0, 1], x), (normal(2, 3),), False),
    Case("bucketize", lambda x: mt.bucketize(x, mt.tensor([-1.0, 0, 1]).to(x.dtype)),
         lambda x: np.searchsorted([-1.0, 0, 1], x), (normal(2, 3),), False),
    Case("unique_consecutive", lambda x: mt.unique_consecutive(x, True, True),
         lambda x: (np.array([1.0, 2, 1]), np.array([0, 0, 1, 2, 2]), np.array([2, 1, 2])),
         (np.array([1.0, 1, 2, 1, 1]),), False),
    Case("take", lambda x: mt.take(x, mt.tensor([0, -1])), lambda x: x.take([0, -1]),
         (normal(2, 3),)),
    Case("put", lambda x, y: mt.put(x.contiguous(), mt.tensor([0, 4]), y),
         lambda x, y: written(x.ravel(), [0, 4], y).reshape(2, 3), (normal(2, 3), normal(2))),
    Case("index_put", lambda x, y: mt.index_put(x, (mt.tensor([1, 0]),), y),
         lambda x, y: written(x, [1, 0], y), PAIR),
    Case("select_scatter", lambda x, y: mt.select_scatter(x, y, 1, 0),
         lambda x, y: written(x, (slice(None), 0), y), (normal(2, 3), normal(2))),
    Case("slice_scatter", lambda x, y: mt.slice_scatter(x, y, 1, 1),
         lambda x, y: written(x, (slice(None), slice(1, None)), y), (normal(2, 3), normal(2, 2))),
    Case("diagonal_scatter", mt.diagonal_scatter,
         lambda x, y: written(x, ([0, 1], [0, 1]), y), (normal(2, 3), normal(2))),
    *[Case("scatter_reduce",
           lambda x, y, r=r: mt.scatter_reduce(x, 1, mt.from_numpy(PLACES), y, r),
           lambda x, y, u=u: merged(x, y, u), (apart(2, 3), apart(2, 3) + 0.125))
      for r, u in (("sum", np.add), ("amax", np.maximum), ("amin", np.minimum))],
    Case("renorm", lambda x: mt.renorm(x, 2, 0, 1.0),
         lambda x: x / (np.sqrt((x * x).sum(1, keepdims=True)) + 1e-7), (nonzero(2, 5),)),
]  # fmt: skip


TENSOR = [
    *ELEMENTWISE, *COMPARISON, *REDUCTION, *MOVEMENT, *INDEXING, *LINALG, *CREATION, *NUMBERS,
    *ROWS, *PRODUCTS, *RARER,
]  # fmt: skip

# Random or undefined numbers, shapes and dtypes: tested in tests/tensor/.
WITHOUT_VALUES = {
    "broadcast_shapes", "promote_types", "result_type",
    "Tensor", "empty", "empty_like", "rand", "rand_like", "randint", "randn", "randn_like",
    "randperm", "bernoulli", "multinomial", "normal", "randint_like",
}  # fmt: skip

"""Every differentiable op of the tensor package, called as PyTorch calls it, with inputs that lie
away from its kinks.

A case is (op, fn, arrays): fn(m, *tensors) with m = minitorch_cnn or torch. The same table drives
the checks of slopes, of slopes of slopes, of memory layouts, and the comparison with PyTorch.
"""

import numpy as np

_rng = np.random.default_rng(20)


def normal(*shape):
    """Draws from N(0, 1)."""
    return _rng.standard_normal(shape)


def positive(*shape):
    """Draws from [0.5, 2)."""
    return _rng.uniform(0.5, 2, shape)


def apart(*shape):
    """Distinct numbers of both signs, at least 0.5 from each other and 0.2 from every half."""
    n = int(np.prod(shape))
    return (_rng.permutation(n) - n // 2).reshape(shape) * 0.5 + 0.25


def nonzero(*shape):
    """Draws of both signs, at least 0.5 from 0."""
    return positive(*shape) * _rng.choice([-1.0, 1.0], shape)


def _unary(name, draw, shapes=((3,), (), (0, 2))):
    return [(name, lambda m, x: getattr(m, name)(x), [draw(*shape)]) for shape in shapes]


def _binary(name, draw_a, draw_b):
    shapes = [((2, 3), (2, 3)), ((2, 1), (3,)), ((), (2,)), ((2, 2), ()), ((), ()), ((0, 2), (2,))]
    return [
        (name, lambda m, a, b: getattr(m, name)(a, b), [draw_a(*p), draw_b(*q)]) for p, q in shapes
    ]


ELEMENTWISE = [
    *_binary("add", normal, normal),
    *_binary("sub", normal, normal),
    *_binary("mul", normal, normal),
    *_binary("div", normal, nonzero),
    *_binary("pow", positive, normal),
    *_binary("maximum", lambda *s: apart(*s), lambda *s: apart(*s) + 0.1),
    *_binary("minimum", lambda *s: apart(*s), lambda *s: apart(*s) + 0.1),
    ("fmax", lambda m, a, b: m.fmax(a, b), [apart(2, 3), apart(3) + 0.1]),
    ("fmin", lambda m, a, b: m.fmin(a, b), [apart(2, 3), apart(3) + 0.1]),
    ("add", lambda m, a, b: m.add(a, b, alpha=-2.5), [normal(3), normal(2, 1)]),
    ("sub", lambda m, a, b: m.sub(a, b, alpha=3), [normal(3), normal(2, 1)]),
    ("add", lambda m, x: 2.5 + x + 1 + x, [normal(3)]),
    ("sub", lambda m, x: 2.5 - (x - 1), [normal(3)]),
    ("mul", lambda m, x: 2.5 * (x * 3) * x, [normal(3)]),
    ("div", lambda m, x: 2.5 / (x / 3), [nonzero(3)]),
    ("remainder", lambda m, a, b: m.remainder(a, b), [apart(2, 3) + 0.1, np.full(3, 0.9)]),
    ("remainder", lambda m, a, b: a % -b, [apart(4) + 0.1, np.array(0.83)]),
    ("remainder", lambda m, a: a % 0.8, [apart(4) + 0.1]),
    *[("pow", lambda m, x, p=p: x**p, [positive(3)]) for p in (-2, -0.5, 0, 0.5, 1, 2, 3, 3.7)],
    *[("pow", lambda m, x, p=p: x**p, [normal(3)]) for p in (0, 1, 2, 3)],
    ("pow", lambda m, x: 2.5**x, [normal(3)]),
    ("pow", lambda m, a, b: a**b, [-positive(3), np.array([2.0, 3.0, -1.0])], (0,)),
    *_unary("neg", normal),
    *_unary("abs", nonzero),
    *_unary("square", normal),
    *_unary("reciprocal", nonzero),
    *_unary("exp", normal),
    *_unary("expm1", normal),
    *_unary("log", positive),
    *_unary("log1p", positive),
    *_unary("sqrt", positive),
    *_unary("rsqrt", positive),
    *_unary("sin", normal),
    *_unary("cos", normal),
    *_unary("tanh", normal),
    *_unary("sigmoid", normal),
    *_unary("erf", normal),
    *_unary("relu", nonzero),
    *_unary("floor", lambda *s: apart(*s)),
    *_unary("ceil", lambda *s: apart(*s)),
    *_unary("round", lambda *s: apart(*s) + 0.05),
    *_unary("sign", nonzero),
    ("clamp", lambda m, x: m.clamp(x, -0.5, 0.5), [apart(6)]),
    ("clamp", lambda m, x: x.clamp(min=0), [apart(6)]),
    ("clamp", lambda m, x: x.clamp(max=1), [apart(6)]),
    ("clamp", lambda m, x, a, b: m.clamp(x, a, b), [apart(2, 4), -positive(4), positive(2, 1)]),
    ("clamp", lambda m, x, a: m.clamp(x, min=a), [apart(4), np.array(0.6)]),
    ("clamp", lambda m, x, b: m.clamp(x, max=b), [apart(2, 2), apart(2) + 0.1]),
    ("clip", lambda m, x: m.clip(x, -0.5), [apart(6)]),
    ("clamp_min", lambda m, x, a: m.clamp_min(x, a), [apart(2, 4), apart(4) + 0.1]),
    ("clamp_max", lambda m, x, a: x.clamp_max(a), [apart(2, 4), apart(4) + 0.1]),
    ("nan_to_num", lambda m, x: m.nan_to_num(x), [normal(3)]),
    ("where", lambda m, a, b: m.where(a < 0, a * 2, b), [apart(2, 3), normal(3)]),
    ("where", lambda m, a: m.where(a < 0, 1.5, a), [apart(3)]),
    ("masked_fill", lambda m, a: m.masked_fill(a, a < 0, 7), [apart(2, 3)]),
    ("masked_fill", lambda m, a, v: a.masked_fill(a < 0, v), [apart(2, 3), normal()]),
]

REDUCTION = [
    case
    for name in ("sum", "mean", "amax", "amin", "var", "std", "norm", "logsumexp")
    for case in [
        (name, lambda m, x, name=name: getattr(m, name)(x, dim=1), [apart(2, 3)]),
        (name, lambda m, x, name=name: getattr(m, name)(x, dim=(0, -1)), [apart(2, 2, 2)]),
        (name, lambda m, x, name=name: getattr(x, name)(dim=-2, keepdim=True), [apart(2, 3)]),
    ]
] + [
    *[(name, lambda m, x, name=name: getattr(m, name)(x), [apart(2, 3)])
      for name in ("sum", "mean", "amax", "amin", "var", "std", "norm", "prod", "max", "min")],
    *[(name, lambda m, x, name=name: getattr(m, name)(x), [apart()])
      for name in ("sum", "mean", "amax", "amin", "norm", "prod", "max", "min")],
    *[(name, lambda m, x, name=name: getattr(m, name)(x, dim=1), [normal(2, 0)])
      for name in ("sum", "prod")],
    *[(name, lambda m, x, name=name: getattr(m, name)(x, dim=0), [normal(0, 2)])
      for name in ("sum", "cumsum", "softmax", "log_softmax")],
    *[(name, lambda m, x, name=name: getattr(m, name)(x, dim=-1), [normal()])
      for name in ("sum", "mean", "logsumexp", "cumsum", "softmax", "log_softmax", "prod", "amax")],
    ("sum", lambda m, x: x.sum(()), [normal(2, 3)]),
    ("sum", lambda m, x: x.sum([]), [normal(2, 3)]),
    ("var", lambda m, x: m.var(x, 0, correction=0), [normal(3, 2)]),
    ("std", lambda m, x: m.std(x, (0, 1), correction=2, keepdim=True), [normal(3, 2)]),
    *[(name, lambda m, x, name=name: getattr(m, name)(x, 1, False), [normal(2, 3)])
      for name in ("std_mean", "var_mean")],
    *[("norm", lambda m, x, p=p: m.norm(x, p, dim=1), [nonzero(2, 3)])
      for p in (0.5, 1, 1.5, 2, 3, float("inf"), -float("inf"))],
    ("norm", lambda m, x: m.norm(x, 3), [apart(2, 2)]),
    ("prod", lambda m, x: m.prod(x, dim=0), [nonzero(3, 2)]),
    ("prod", lambda m, x: m.prod(x, -1, keepdim=True), [np.array([[0.0, 2, 3], [0, 0, 4]])]),
    ("prod", lambda m, x: x.prod(), [np.array([[1.5, 0], [2, 3]])]),
    ("max", lambda m, x: m.max(x, 1).values, [apart(2, 3)]),
    ("max", lambda m, x: x.max(-2, keepdim=True)[0], [apart(2, 3)]),
    ("max", lambda m, a, b: m.max(a, b), [apart(2, 2), apart(2) + 0.1]),
    ("min", lambda m, x: m.min(x, 1).values, [apart(2, 3)]),
    ("min", lambda m, x: x.min(0, keepdim=True)[0], [apart(2, 3)]),
    ("min", lambda m, a, b: m.min(a, b), [apart(2, 2), apart(2) + 0.1]),
    *[(name, lambda m, x, name=name, dim=dim: getattr(m, name)(x, dim), [normal(2, 3)])
      for name in ("cumsum", "softmax", "log_softmax") for dim in (0, -1)],
]  # fmt: skip

MOVEMENT = [
    ("reshape", lambda m, x: m.reshape(x, (3, -1)), [normal(2, 3)]),
    ("reshape", lambda m, x: x.T.reshape(6), [normal(2, 3)]),
    ("reshape", lambda m, x: x.reshape(1, 1), [normal()]),
    ("reshape", lambda m, x: x.reshape(0, 5), [normal(2, 0)]),
    ("view", lambda m, x: x.contiguous().view(3, 2), [normal(2, 3)]),
    ("flatten", lambda m, x: m.flatten(x, 1), [normal(1, 2, 3)]),
    ("flatten", lambda m, x: x.flatten(-3, -2), [normal(1, 2, 3)]),
    ("flatten", lambda m, x: x.flatten(), [normal()]),
    ("unflatten", lambda m, x: m.unflatten(x, -1, (2, -1)), [normal(1, 4)]),
    ("permute", lambda m, x: m.permute(x, (2, 0, 1)), [normal(1, 2, 3)]),
    ("permute", lambda m, x: x.permute(-1, 0, -2), [normal(1, 2, 3)]),
    ("transpose", lambda m, x: m.transpose(x, 0, -1), [normal(1, 2, 3)]),
    ("T", lambda m, x: x.T, [normal(2, 3)]),
    ("mT", lambda m, x: x.mT, [normal(1, 2, 3)]),
    ("movedim", lambda m, x: m.movedim(x, 0, -1), [normal(1, 2, 3)]),
    ("squeeze", lambda m, x: m.squeeze(x), [normal(1, 2, 1)]),
    ("squeeze", lambda m, x: x.squeeze(-1), [normal(1, 2, 1)]),
    ("squeeze", lambda m, x: x.squeeze((0, 1)), [normal(1, 2, 1)]),
    ("unsqueeze", lambda m, x: m.unsqueeze(x, -1), [normal(2)]),
    ("expand", lambda m, x: x.expand(2, -1, 3), [normal(2, 1)]),
    ("expand", lambda m, x: x.expand(4), [normal()]),
    ("expand", lambda m, x: x.expand(0, 3), [normal(3)]),
    ("repeat", lambda m, x: x.repeat(2, 1, 3), [normal(1, 2)]),
    ("cat", lambda m, a, b: m.cat([a, b, a], 1), [normal(2, 1), normal(2, 3)]),
    ("cat", lambda m, a, b: m.cat((a, b), dim=-2), [normal(0, 2), normal(3, 2)]),
    ("stack", lambda m, a, b: m.stack([a, b], -1), [normal(2, 2), normal(2, 2)]),
    ("stack", lambda m, a, b: m.stack((a, b)), [normal(), normal()]),
    ("split", lambda m, x: m.split(x, 2, 1)[1:], [normal(2, 5)]),
    ("split", lambda m, x: x.split([1, 0, 2], -2), [normal(3, 2)]),
    ("chunk", lambda m, x: m.chunk(x, 3, -1), [normal(2, 4)]),
    ("unbind", lambda m, x: m.unbind(x, 1)[::2], [normal(2, 3)]),
    ("narrow", lambda m, x: m.narrow(x, -1, 1, 2), [normal(2, 4)]),
    ("flip", lambda m, x: m.flip(x, (0, -1)), [normal(2, 3)]),
    ("roll", lambda m, x: m.roll(x, 2), [normal(2, 3)]),
    ("roll", lambda m, x: m.roll(x, (1, -2), (0, -1)), [normal(2, 3)]),
    ("tril", lambda m, x: m.tril(x), [normal(3, 3)]),
    ("tril", lambda m, x: m.tril(x, 1), [normal(2, 2, 3)]),
    ("triu", lambda m, x: m.triu(x, diagonal=-1), [normal(3, 2)]),
    ("clone", lambda m, x: m.clone(x), [normal(2, 3)]),
    ("contiguous", lambda m, x: x.T.contiguous(), [normal(2, 3)]),
    ("to", lambda m, x: x.to(m.float64, copy=True), [normal(3)]),
]

PAD = [
    ("pad", lambda m, x: _pad(m)(x, (1, 2)), [normal(2, 3)]),
    ("pad", lambda m, x: _pad(m)(x, (-1, 1, 0, 2), value=3.5), [normal(2, 3)]),
    ("pad", lambda m, x: _pad(m)(x, (1, 1), mode="constant"), [normal(0)]),
    *[("pad", lambda m, x, mode=mode: _pad(m)(x, (2, 1), mode=mode), [normal(2, 3)])
      for mode in ("reflect", "replicate", "circular")],
    *[("pad", lambda m, x, mode=mode: _pad(m)(x, (1, 1, 0, 2), mode=mode), [normal(1, 1, 3, 2)])
      for mode in ("reflect", "replicate", "circular")],
]  # fmt: skip


def _pad(m):
    return m.pad if hasattr(m, "pad") else m.nn.functional.pad


INDEXING = [
    *[
        ("getitem", lambda m, x, key=key: x[key], [normal(3, 4)])
        for key in (
            1, -1, ..., None, slice(1, None), (slice(None, None, 2), -1), (None, 0, ..., None),
            [0, 2, 0], ([0, 1, 1], [1, 3, 1]), (slice(1, 3), [3, 0]), ([[0], [2]], [1, 1]),
            (1, [0, 0, 3]), slice(2, 2),
        )
    ],
    ("getitem", lambda m, x: x[x > 0], [apart(2, 3)]),
    ("getitem", lambda m, x: x[m.tensor([True, False])], [normal(2, 3)]),
    ("getitem", lambda m, x: x[0, :, m.tensor([1, 0])], [normal(2, 3, 2)]),
    ("getitem", lambda m, x: x[m.tensor([1, 0, 1]), :, 1], [normal(2, 3, 2)]),
    ("getitem", lambda m, x: x[m.tensor(1)], [normal(2, 3)]),
    ("index_select", lambda m, x: m.index_select(x, -1, m.tensor([2, 0, 2])), [normal(2, 3)]),
    ("gather", lambda m, x: m.gather(x, 1, m.tensor([[0, 0], [2, 1]])), [normal(2, 3)]),
    ("gather", lambda m, x: x.gather(-2, m.tensor([[1, 0]])), [normal(2, 3)]),
    ("scatter_add", lambda m, x, s: m.scatter_add(x, 1, m.tensor([[0, 0], [2, 1]]), s),
     [normal(2, 3), normal(2, 2)]),
    ("scatter_add", lambda m, x, s: x.scatter_add(0, m.tensor([[1, 0], [1, 1], [0, 0]]), s),
     [normal(2, 3), normal(3, 2)]),
    ("take_along_dim", lambda m, x: m.take_along_dim(x, m.tensor([[0], [2]]), 1), [normal(2, 3)]),
    ("take_along_dim", lambda m, x: m.take_along_dim(x, m.tensor([[0, 1, 1]]), dim=0),
     [normal(2, 1)]),
    ("sort", lambda m, x: m.sort(x, 0)[0], [apart(3, 2)]),
    ("sort", lambda m, x: x.sort(descending=True).values, [apart(2, 3)]),
    ("topk", lambda m, x: m.topk(x, 2)[0], [apart(2, 4)]),
    ("topk", lambda m, x: x.topk(2, 0, largest=False).values, [apart(3, 2)]),
]  # fmt: skip

LINALG = [
    *[
        ("matmul", lambda m, a, b: m.matmul(a, b), [normal(*p), normal(*q)])
        for p, q in (
            ((2, 3), (3, 2)), ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 2, 3), (3, 2)),
            ((2, 1, 1, 3), (2, 3, 1)), ((3,), (2, 3, 1)), ((2, 1, 3), (3,)), ((2, 0), (0, 3)),
            ((0, 2), (2, 1)),
        )
    ],
    ("matmul", lambda m, a: a @ a, [normal(2, 2)]),
    ("mm", lambda m, a, b: m.mm(a, b), [normal(2, 3), normal(3, 1)]),
    ("bmm", lambda m, a, b: m.bmm(a, b), [normal(2, 1, 3), normal(2, 3, 2)]),
    ("dot", lambda m, a, b: m.dot(a, b), [normal(3), normal(3)]),
    ("outer", lambda m, a, b: m.outer(a, b), [normal(3), normal(2)]),
]  # fmt: skip


def _set(m, x, v, key):
    y = x.clone()
    y[key] = v
    return y


def _through_view(m, x, v):
    y = x * 1
    row = y[1]
    row.mul_(v)
    return y * row


def _base_changes(m, x, v):
    y = x * 1
    column = y.T[0]
    y.mul_(v)
    return column.sum() * v


INPLACE = [
    ("add_", lambda m, x, v: (x * 1).add_(v, alpha=2), [normal(2, 3), normal(3)]),
    ("sub_", lambda m, x, v: (x * 1).sub_(v), [normal(2, 3), normal()]),
    ("mul_", lambda m, x, v: (x * 1).mul_(v), [normal(2, 3), normal(3)]),
    ("div_", lambda m, x, v: (x * 1).div_(v), [normal(2, 3), nonzero(2, 1)]),
    ("pow_", lambda m, x, v: (x * 1).pow_(v), [positive(2, 3), normal(3)]),
    ("pow_", lambda m, x: x.sin().pow_(3), [positive(3)]),
    ("remainder_", lambda m, x, v: (x * 1).remainder_(v), [apart(2, 3) + 0.1, np.full(3, 0.9)]),
    ("positive", lambda m, x: m.positive(x) * +x, [normal(3)]),
    ("mul_", lambda m, x: x.sin().mul_(2.5).add_(1), [normal(3)]),
    ("clamp_", lambda m, x: (x * 1).clamp_(-1, 1), [apart(6)]),
    ("copy_", lambda m, x, v: (x * 1).copy_(v) * 2, [normal(2, 3), normal(3)]),
    ("copy_", lambda m, x, v: m.zeros(2, 3, dtype=m.float64).copy_(v) * x,
     [normal(3), normal(2, 3)]),
    ("zero_", lambda m, x: (x * 1).zero_() + x, [normal(3)]),
    ("fill_", lambda m, x: x * x.clone().fill_(2.5), [normal(3)]),
    *[("setitem", lambda m, x, v, key=key: _set(m, x, v, key), [normal(3, 4), normal(*shape)])
      for key, shape in ((0, (4,)), (0, ()), ((..., 1), (3,)), (slice(1, None), (1, 4)),
                         ([2, 0], (2, 4)), ((slice(None), [1, 3]), (3, 1)), ((1, 2), ()),
                         ((0, [1, 2]), (2,)), (..., (4,)))],
    ("setitem", lambda m, x, v: _set(m, x, v, x > 0), [apart(2, 3), normal()]),
    ("setitem", lambda m, x, v: _set(m, m.zeros(2, 3, dtype=m.float64), v, 1) * x,
     [normal(3), normal(3)]),
    ("mul_", _through_view, [normal(2, 3), normal(3)]),
    ("mul_", _base_changes, [normal(3, 2), normal(2)]),
]  # fmt: skip

CASES = [*ELEMENTWISE, *REDUCTION, *MOVEMENT, *PAD, *INDEXING, *LINALG, *INPLACE]

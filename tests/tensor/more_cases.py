"""More differentiable ops in the form of cases.py: composed ones, and rarer functions."""

import numpy as np

from tests.tensor.cases import _unary, apart, nonzero, normal, positive


def inside(*shape):
    """Draws from [-0.9, 0.9), of both signs, away from 0."""
    return nonzero(*shape) * 0.45


def chances(*shape):
    """Draws from [0.125, 0.5)."""
    return positive(*shape) / 4


def distances(m, a, b, p):
    """cdist, or its definition in PyTorch, whose cdist has no second derivative."""
    if m.__name__ == "torch":
        return (a.unsqueeze(-2) - b.unsqueeze(-3)).norm(p, dim=-1)
    return m.cdist(a, b, p)


FUNCTIONS = [
    *_unary("tan", inside),
    *_unary("asin", inside),
    *_unary("acos", inside),
    *_unary("atan", normal),
    *_unary("sinh", normal),
    *_unary("cosh", normal),
    *_unary("asinh", normal),
    *_unary("acosh", lambda *s: positive(*s) + 1),
    *_unary("atanh", inside),
    *_unary("log2", positive),
    *_unary("log10", positive),
    *_unary("exp2", normal),
    *_unary("logit", chances),
    *_unary("trunc", apart),
    *_unary("frac", apart),
    ("atan2", lambda m, a, b: m.atan2(a, b), [nonzero(2, 3), nonzero(3)]),
    ("hypot", lambda m, a, b: a.hypot(b), [nonzero(2, 1), nonzero(3)]),
    ("fmod", lambda m, a, b: m.fmod(a, b), [apart(2, 3) + 0.1, np.full(3, -0.9)]),
    ("xlogy", lambda m, a, b: m.xlogy(a, b), [normal(2, 3), positive(3)]),
    ("xlogy", lambda m, a: m.xlogy(a, 2.0), [normal(3)]),
    ("logaddexp", lambda m, a, b: m.logaddexp(a, b), [normal(2, 3), normal(3)]),
    ("logit", lambda m, x: x.logit(0.2), [np.array([0.1, 0.3, 0.95])]),
    ("round", lambda m, x: m.round(x, decimals=1), [apart(4) + 0.02]),
    ("round", lambda m, x: x.round(decimals=-1), [apart(4) + 0.02]),
    ("div", lambda m, a, b: m.div(a, b, rounding_mode="trunc") * a, [apart(4), np.full(1, 0.7)]),
    ("lerp", lambda m, a, b: m.lerp(a, b, 0.3), [normal(2, 3), normal(3)]),
    ("lerp", lambda m, a, b: a.lerp(b, 0.8), [normal(2, 3), normal(3)]),
    ("lerp", lambda m, a, b, w: m.lerp(a, b, w), [normal(3), normal(3), chances(3) * 3]),
    ("addcmul", lambda m, a, b, c: m.addcmul(a, b, c, value=2),
     [normal(3), normal(2, 1), normal(3)]),
    ("addcdiv", lambda m, a, b, c: a.addcdiv(b, c, value=0.5),
     [normal(3), normal(2, 1), nonzero(3)]),
    ("addmm", lambda m, a, b, c: m.addmm(a, b, c, beta=0.5, alpha=2),
     [normal(2), normal(3, 4), normal(4, 2)]),
    ("baddbmm", lambda m, a, b, c: m.baddbmm(a, b, c),
     [normal(2, 1, 2), normal(2, 3, 4), normal(2, 4, 2)]),
    ("mv", lambda m, a, b: m.mv(a, b), [normal(3, 2), normal(2)]),
    ("cdist", lambda m, a, b: distances(m, a, b, 2.0), [normal(3, 2), normal(4, 2)]),
    ("cdist", lambda m, a, b: distances(m, a, b, 3.0), [normal(1, 3, 2), normal(2, 4, 2)]),
    ("cumprod", lambda m, x: m.cumprod(x, 1), [nonzero(2, 4)]),
    ("cumprod", lambda m, x: x.cumprod(-2), [np.array([[1.5, 0], [0, 2], [3, 0.5], [0.5, 2]])]),
    ("cumprod", lambda m, x: x.cumprod(0), [normal()]),
    ("cumprod", lambda m, x: x.cumprod(0), [normal(0, 2)]),
]  # fmt: skip


def _pair(pair):
    """The values of a pair (values, indices)."""
    return pair[0]


GAPS = np.array([[0.5, -1.25, 2.0, 0.75], [1.5, -0.5, 0.25, 3.0]])  # distinct numbers
PLACES = np.array([[0, 2, 0], [1, 1, 2]])
RARER = [
    *_unary("erfc", normal),
    *_unary("erfinv", inside),
    *_unary("sinc", nonzero),
    *_unary("deg2rad", normal),
    *_unary("rad2deg", normal),
    ("logaddexp2", lambda m, a, b: m.logaddexp2(a, b), [normal(2, 1), normal(3)]),
    ("copysign", lambda m, a, b: m.copysign(a, b) * a, [nonzero(2, 1), nonzero(3)]),
    ("copysign", lambda m, a: a.copysign(-2) * a, [nonzero(3)]),
    ("float_power", lambda m, x: m.float_power(x, 3), [nonzero(3)]),
    ("atleast_1d", lambda m, x: m.atleast_1d(x), [normal()]),
    ("atleast_2d", lambda m, x, y: m.atleast_2d(x, y), [normal(3), normal(2, 2)]),
    ("atleast_3d", lambda m, x, y: m.atleast_3d((x, y)), [normal(3), normal(2, 2)]),
    ("column_stack", lambda m, x, y: m.column_stack((x, y)), [normal(3), normal(3, 2)]),
    ("dstack", lambda m, x, y: m.dstack((x, y)), [normal(2, 3), normal(2, 3)]),
    ("hsplit", lambda m, x: m.hsplit(x, 2), [normal(3, 4)]),
    ("vsplit", lambda m, x: x.vsplit([1]), [normal(3, 4)]),
    ("dsplit", lambda m, x: x.dsplit(2), [normal(1, 2, 4)]),
    ("cartesian_prod", lambda m, x, y: m.cartesian_prod(x, y), [normal(3), normal(2)]),
    ("combinations", lambda m, x: m.combinations(x, 2), [normal(4)]),
    ("combinations", lambda m, x: m.combinations(x, 2, with_replacement=True), [normal(3)]),
    ("diag_embed", lambda m, x: m.diag_embed(x, 1, 0, 2), [normal(2, 3)]),
    ("diag_embed", lambda m, x: x.diag_embed(), [normal(3)]),
    ("inner", lambda m, x, y: m.inner(x, y), [normal(2, 3), normal(4, 3)]),
    ("inner", lambda m, x, y: x.inner(y), [normal(3), normal()]),
    ("kron", lambda m, x, y: m.kron(x, y), [normal(2, 3), normal(2)]),
    ("cross", lambda m, x, y: m.cross(x, y, dim=1), [normal(2, 3), normal(2, 3)]),
    ("dist", lambda m, x, y: m.dist(x, y), [normal(2, 3), normal(3)]),
    ("dist", lambda m, x, y: x.dist(y, 3), [normal(4), normal(4)]),
    ("diff", lambda m, x: m.diff(x), [normal(2, 4)]),
    ("diff", lambda m, x, y: x.diff(2, 0, prepend=y), [normal(2, 4), normal(1, 4)]),
    ("kthvalue", lambda m, x: _pair(m.kthvalue(x, 2)), [GAPS]),
    ("kthvalue", lambda m, x: _pair(x.kthvalue(2, 0, True)), [GAPS]),
    ("mode", lambda m, x: _pair(x.mode(1)), [GAPS]),
    ("cummax", lambda m, x: _pair(m.cummax(x, 1)), [GAPS]),
    ("cummin", lambda m, x: _pair(x.cummin(-1)), [GAPS]),
    ("aminmax", lambda m, x: tuple(m.aminmax(x)), [GAPS]),
    ("aminmax", lambda m, x: tuple(x.aminmax(dim=1, keepdim=True)), [GAPS]),
    *[("quantile", lambda m, x, i=i: m.quantile(x, 0.3, 1, True, interpolation=i), [GAPS])
      for i in ("linear", "lower", "higher", "midpoint", "nearest")],
    ("quantile", lambda m, x: x.quantile(m.from_numpy(np.array([0.25, 0.5]))), [GAPS]),
    ("nansum", lambda m, x: m.nansum(x, 1), [normal(2, 3)]),
    ("nanmean", lambda m, x: x.nanmean(0, True), [normal(2, 3)]),
    ("take", lambda m, x: m.take(x, m.from_numpy(PLACES)), [normal(2, 3)]),
    ("put", lambda m, x, y: m.put(x, m.tensor([4, -6]), y), [normal(2, 3), normal(2)]),
    ("put", lambda m, x, y: x.put(m.tensor([1, 1]), y, True), [normal(2, 3), normal(2)]),
    ("index_put", lambda m, x, y: m.index_put(x, (m.tensor([1, 0]),), y),
     [normal(2, 3), normal(3)]),
    ("index_put", lambda m, x, y: x.index_put((m.tensor([1, 1]), m.tensor([2, 2])), y, True),
     [normal(2, 3), normal(2)]),
    ("select_scatter", lambda m, x, y: m.select_scatter(x, y, 1, -1), [normal(2, 3), normal(2)]),
    ("slice_scatter", lambda m, x, y: x.slice_scatter(y, 1, 0, 3, 2), [normal(2, 3), normal(2, 2)]),
    ("diagonal_scatter", lambda m, x, y: x.diagonal_scatter(y, 1), [normal(3, 3), normal(2)]),
    *[("scatter_reduce",
       lambda m, x, y, r=r, s=s: m.scatter_reduce(x, 1, m.tensor(PLACES), y, r, include_self=s),
       [apart(2, 3), apart(2, 3) + 0.125])
      for r in ("sum", "mean", "amax", "amin") for s in (True, False)],
    ("renorm", lambda m, x: m.renorm(x, 2, 0, 1.0), [normal(3, 4)]),
    ("renorm", lambda m, x: x.renorm(1.0, 1, 0.5), [nonzero(3, 4)]),
]  # fmt: skip


def _in_place(name, draw):
    return (name, lambda m, x: getattr(x * 1, name)() * x, [draw(3)])


IN_PLACE = [
    *[_in_place(name, inside) for name in ("acos_", "asin_", "erfinv_")],
    *[_in_place(name, normal) for name in ("sinh_", "cosh_", "erfc_")],
    # PyTorch has no derivatives of these three in place
    *[
        (name, lambda m, x, n=name: getattr(x * 1, n if m.__name__ != "torch" else n[:-1])() * x, a)
        for name, a in (
            ("atanh_", [inside(3)]),
            ("asinh_", [normal(3)]),
            ("acosh_", [positive(3) + 1]),
        )
    ],
    ("renorm_", lambda m, x: (x * 1).renorm_(2, 0, 1.0), [normal(3, 4)]),
    (
        "index_put_",
        lambda m, x, y: (x * 1).index_put_((m.tensor([1, 0]),), y),
        [normal(2, 3), normal(3)],
    ),
    *[
        _in_place(name, normal)
        for name in (
            "neg_",
            "exp_",
            "expm1_",
            "square_",
            "sin_",
            "cos_",
            "sigmoid_",
            "tanh_",
            "erf_",
            "atan_",
            "nan_to_num_",
        )
    ],
    *[
        _in_place(name, positive)
        for name in ("log_", "log1p_", "log2_", "sqrt_", "rsqrt_", "reciprocal_")
    ],
    *[
        _in_place(name, apart)
        for name in ("abs_", "relu_", "sign_", "floor_", "ceil_", "trunc_", "round_")
    ],
    _in_place("tan_", inside),
    ("clamp_min_", lambda m, x, b: (x * 1).clamp_min_(b), [apart(4), apart(4) + 0.1]),
    ("clamp_max_", lambda m, x: (x * 1).clamp_max_(0.6), [apart(4)]),
    ("lerp_", lambda m, a, b: (a * 1).lerp_(b, 0.3) * a, [normal(2, 3), normal(3)]),
    (
        "addcmul_",
        lambda m, a, b, c: (a * 1).addcmul_(b, c, value=2),
        [normal(2, 3), normal(3), normal(3)],
    ),
    ("addcdiv_", lambda m, a, b, c: (a * 1).addcdiv_(b, c), [normal(3), normal(3), nonzero(3)]),
    ("masked_fill_", lambda m, x: (x * 1).masked_fill_(x > 0, 7.0) * x, [nonzero(4)]),
    (
        "scatter_",
        lambda m, x, s: (x * 1).scatter_(1, m.tensor([[0, 1], [2, 0]]), s),
        [normal(2, 3), normal(2, 2)],
    ),
    ("scatter_", lambda m, x: (x * 1).scatter_(0, m.tensor([[1, 0]]), 2.5) * x, [normal(2, 3)]),
    (
        "scatter_add_",
        lambda m, x, s: (x * 1).scatter_add_(1, m.tensor([[0, 0], [2, 1]]), s),
        [normal(2, 3), normal(2, 2)],
    ),
    (
        "index_add_",
        lambda m, x, s: (x * 1).index_add_(0, m.tensor([1, 1]), s, alpha=2),
        [normal(2, 3), normal(2, 3)],
    ),
    (
        "index_copy_",
        lambda m, x, s: (x * 1).index_copy_(1, m.tensor([2, 0]), s),
        [normal(2, 3), normal(2, 2)],
    ),
    ("index_fill_", lambda m, x: (x * 1).index_fill_(1, m.tensor([2, 0]), 1.5) * x, [normal(2, 3)]),
    ("fill_diagonal_", lambda m, x: (x * 1).fill_diagonal_(2.0) * x, [normal(3, 3)]),
    ("normal_", lambda m, x: (x * 1).normal_(3.0, 0.0) * x, [normal(3)]),
    ("uniform_", lambda m, x: (x * 1).uniform_(2.0, 2.0) * x, [normal(3)]),
    ("bernoulli_", lambda m, x: (x * 1).bernoulli_(1.0) * x, [normal(3)]),
    ("pow_", lambda m, x: (x * 1).pow_(2.5), [positive(3)]),
    ("remainder_", lambda m, a, b: (a * 1).remainder_(b), [apart(4) + 0.1, np.full(1, 0.9)]),
    ("div_", lambda m, x, v: (x * 1).div_(v), [normal(2, 3), nonzero(3)]),
]

ARRANGEMENT = [
    ("scatter", lambda m, x, s: m.scatter(x, 1, m.tensor([[0, 1], [2, 0]]), s),
     [normal(2, 3), normal(2, 2)]),
    ("scatter", lambda m, x: x.scatter(-1, m.tensor([[0], [2]]), value=3.0), [normal(2, 3)]),
    ("index_add", lambda m, x, s: m.index_add(x, 1, m.tensor([2, 0, 2]), s, alpha=3),
     [normal(2, 3), normal(2, 3)]),
    ("index_copy", lambda m, x, s: x.index_copy(0, m.tensor([1]), s), [normal(2, 3), normal(1, 3)]),
    ("index_fill", lambda m, x: m.index_fill(x, 0, m.tensor([1]), 2.0), [normal(2, 3)]),
    ("masked_scatter", lambda m, x, v: m.masked_scatter(x, x > 0, v), [nonzero(2, 3), normal(7)]),
    ("masked_scatter", lambda m, x, v: x.masked_scatter(m.tensor([True, False, True]), v),
     [normal(2, 3), normal(2, 3)]),
    ("masked_scatter_", lambda m, x, v: (x * 1).masked_scatter_(x < 0, v),
     [nonzero(2, 3), normal(2, 3)]),
    *[(name + "_", lambda m, x, name=name: getattr(x * 1, name + "_")(), [positive(2, 2) + 0.1])
      for name in ("frac", "log10", "exp2", "tril", "triu")],
    ("fmod_", lambda m, x, v: (x * 1).fmod_(v), [positive(2, 3) + 2, np.full(3, 0.83)]),
    ("clip_", lambda m, x: (x * 1).clip_(-0.5, 0.5), [nonzero(6)]),
    ("masked_select", lambda m, x: m.masked_select(x, x > 0), [nonzero(2, 3)]),
    ("masked_select", lambda m, x: x.masked_select(m.tensor([True, False, True])), [normal(2, 3)]),
    ("select", lambda m, x: m.select(x, 1, -1), [normal(2, 3)]),
    ("select", lambda m, x: x.select(dim=0, index=1), [normal(2, 3)]),
    ("unfold", lambda m, x: x.unfold(1, 3, 2), [normal(2, 7)]),
    ("unfold", lambda m, x: x.unfold(-2, 2, 1), [normal(3, 2)]),
    ("unfold", lambda m, x: x.unfold(0, 2, 1).unfold(1, 3, 3), [normal(3, 7)]),
    ("unfold", lambda m, x: x.T.unfold(0, 2, 3), [normal(2, 6)]),
    ("swapaxes", lambda m, x: m.swapaxes(x, 0, -1), [normal(1, 2, 3)]),
    ("t", lambda m, x: m.t(x), [normal(2, 3)]),
    ("ravel", lambda m, x: m.ravel(x.T), [normal(2, 3)]),
    ("expand_as", lambda m, x: x.expand_as(m.zeros(3, 2)), [normal(2)]),
    ("view_as", lambda m, x: x.view_as(m.zeros(3, 2)), [normal(6)]),
    ("reshape_as", lambda m, x: x.reshape_as(m.zeros(3, 2)), [normal(6)]),
    ("broadcast_to", lambda m, x: m.broadcast_to(x, (2, 3)), [normal(3)]),
    ("broadcast_tensors", lambda m, a, b: m.broadcast_tensors(a, b), [normal(3), normal(2, 1)]),
    ("meshgrid", lambda m, a, b: m.meshgrid(a, b, indexing="ij"), [normal(3), normal(2)]),
    ("meshgrid", lambda m, a, b, c: m.meshgrid([a, b, c], indexing="xy"),
     [normal(3), normal(2), normal(1)]),
    ("tile", lambda m, x: m.tile(x, (2, 1, 3)), [normal(1, 2)]),
    ("tile", lambda m, x: x.tile(2), [normal(2, 2)]),
    *[("rot90", lambda m, x, k=k: m.rot90(x, k), [normal(2, 3)]) for k in (-1, 0, 1, 2, 3)],
    ("rot90", lambda m, x: x.rot90(1, [2, 0]), [normal(2, 1, 3)]),
    ("fliplr", lambda m, x: m.fliplr(x), [normal(2, 3)]),
    ("flipud", lambda m, x: m.flipud(x), [normal(2, 3)]),
    ("flip", lambda m, x: m.flip(x, dims=[0, -1]), [normal(2, 3)]),
    ("movedim", lambda m, x: m.movedim(x, (0, 1), (-1, 0)), [normal(1, 2, 3)]),
    ("repeat_interleave", lambda m, x: m.repeat_interleave(x, 2), [normal(2, 2)]),
    ("repeat_interleave", lambda m, x: x.repeat_interleave(m.tensor([2, 0, 1]), dim=1),
     [normal(2, 3)]),
    ("tensor_split", lambda m, x: m.tensor_split(x, 3), [normal(5, 2)]),
    ("tensor_split", lambda m, x: x.tensor_split((1, -1), dim=1), [normal(2, 5)]),
    ("hstack", lambda m, a, b: m.hstack((a, b)), [normal(2), normal(3)]),
    ("hstack", lambda m, a, b: m.hstack([a, b]), [normal(2, 1), normal(2, 3)]),
    ("vstack", lambda m, a, b: m.vstack((a, b)), [normal(3), normal(2, 3)]),
    ("concat", lambda m, a, b: m.concat((a, b), dim=1), [normal(2, 1), normal(2, 3)]),
    ("diagonal", lambda m, x: m.diagonal(x), [normal(3, 2)]),
    ("diagonal", lambda m, x: x.diagonal(-1, 2, 0), [normal(3, 2, 3)]),
    ("diag", lambda m, x: m.diag(x), [normal(3, 2)]),
    ("diag", lambda m, x: x.diag(-2), [normal(3)]),
    ("trace", lambda m, x: m.trace(x), [normal(3, 2)]),
    ("median", lambda m, x: m.median(x), [apart(2, 3)]),
    ("median", lambda m, x: m.median(x, 1).values, [apart(2, 4)]),
    ("median", lambda m, x: x.median(0, keepdim=True)[0], [apart(3, 2)]),
    ("where", lambda m, a, b: a.where(a > 0, b), [nonzero(3), normal(2, 3)]),
    ("tensordot", lambda m, a, b: m.tensordot(a, b), [normal(2, 3, 4), normal(3, 4, 2)]),
    ("tensordot", lambda m, a, b: m.tensordot(a, b, dims=([0, 2], [1, 0])),
     [normal(2, 3, 4), normal(4, 2, 5)]),
    ("tensordot", lambda m, a, b: m.tensordot(a, b, 0), [normal(2), normal(3)]),
]  # fmt: skip

EINSUMS = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("ba,ca", (2, 3), (4, 3)),
    ("ij->ji", (2, 3)),
    ("ii", (3, 3)),
    ("ii->i", (3, 3)),
    ("ij->", (2, 3)),
    ("ij->i", (2, 3)),
    ("i,j->ij", (2,), (3,)),
    ("i,i", (3,), (3,)),
    ("bhid,bhjd->bhij", (2, 2, 3, 4), (2, 2, 2, 4)),
    ("b i d, b j d -> b i j", (2, 3, 4), (2, 2, 4)),
    ("...ij,...jk->...ik", (2, 1, 2, 3), (4, 3, 2)),
    ("...,...", (2, 3), (3,)),
    ("i...->...", (2, 3, 2)),
    ("ij,ij,ij->j", (2, 3), (2, 3), (2, 3)),
    ("ij,jk,kl->il", (2, 3), (3, 2), (2, 4)),
    ("bij,jk->bik", (1, 2, 3), (3, 2)),
    ("bi,bj->ij", (4, 2), (1, 3)),
    ("nchw,oc->nohw", (2, 3, 2, 2), (4, 3)),
    ("iij,jkk->ik", (2, 2, 3), (3, 2, 2)),
    ("ij,kl->", (2, 3), (2, 2)),
    ("ij,j->i", (0, 3), (3,)),
]
CONTRACTION = [
    ("einsum", lambda m, *xs, e=equation: m.einsum(e, *xs), [normal(*s) for s in shapes])
    for equation, *shapes in EINSUMS
] + [("einsum", lambda m, a, b: m.einsum("ij,jk->ik", [a, b]), [normal(2, 3), normal(3, 2)])]

MORE_CASES = [*FUNCTIONS, *RARER, *IN_PLACE, *ARRANGEMENT, *CONTRACTION]

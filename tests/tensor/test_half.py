"""Numbers of 16 bits are computed with in float32 and rounded once: values, gradients, and theirs.

The reference is the same expression in float64, by PyTorch, of the same 16-bit numbers.
"""

import numpy as np
import pytest

import minitorch_cnn as mt
import minitorch_cnn.nn.functional as OURS

HALF = np.float16


def large(*shape, scale=300.0, seed=0):
    """Normal numbers whose squares are beyond float16."""
    return (scale * np.random.default_rng(seed).normal(size=shape)).astype(HALF)


def small(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape).astype(HALF)


def chances(*shape, seed=2):
    return np.random.default_rng(seed).uniform(0.01, 0.99, shape).astype(HALF)


CLASSES = np.array([0, 2, 1, 2])
INDEX = np.random.default_rng(3).integers(0, 3, 5000)

# name -> an expression in m (the library), f (its functional) and tensors, and their arrays
CASES = {
    "sum": (lambda m, f, x: x.sum(), [np.full(5000, 1, HALF)]),
    "sum along": (lambda m, f, x: x.sum((0, 2), keepdim=True), [large(40, 3, 50)]),
    "sum of a transposed": (lambda m, f, x: x.T.sum(0), [large(40, 30)]),
    "sum in float32": (lambda m, f, x: x.sum(dtype=m.float32), [large(4000)]),
    "sum to float16": (lambda m, f, x: x.float().sum(0, dtype=m.float16), [large(40, 3)]),
    "mean": (lambda m, f, x: x.mean(), [np.full(70000, 10, HALF)]),
    "mean along": (lambda m, f, x: x.mean(-1), [large(3, 500)]),
    "mean of nothing": (lambda m, f, x: x.mean(0), [large(0, 2)]),
    "mean of a number": (lambda m, f, x: x.mean(), [large()]),
    "prod": (lambda m, f, x: x.prod(0), [np.array([300, 300, 0.001, 0.002, 1.5], HALF)]),
    "prod with zeros": (lambda m, f, x: x.prod(1), [np.array([[300, 0, 300, 0.001]], HALF)]),
    "cumsum": (lambda m, f, x: x.cumsum(0), [np.full((3000, 2), 1, HALF)]),
    "var": (lambda m, f, x: x.var(), [large(500)]),
    "std": (lambda m, f, x: x.std(1, keepdim=True), [large(3, 500)]),
    "std_mean": (lambda m, f, x: m.std_mean(x, 1, False)[0], [large(3, 50)]),
    "var_mean": (lambda m, f, x: m.var_mean(x, 0)[1], [large(3000, 2)]),
    "norm": (lambda m, f, x: x.norm(), [np.array([300, 400], HALF)]),
    "norm 3": (lambda m, f, x: x.norm(3, dim=0), [large(20, 3)]),
    "norm 1": (lambda m, f, x: x.norm(1), [large(20)]),
    "norm inf": (lambda m, f, x: x.norm(float("inf")), [large(20)]),
    "norm half": (lambda m, f, x: x.norm(0.5, dim=1), [large(3, 4, scale=30)]),
    "amax": (lambda m, f, x: x.amax(0), [np.full((3000, 2), 7, HALF)]),
    "logsumexp": (lambda m, f, x: x.logsumexp(0), [np.zeros(70000, HALF)]),
    "softmax": (lambda m, f, x: x.softmax(0), [np.zeros(70000, HALF)]),
    "softmax along": (lambda m, f, x: f.softmax(x, 1), [large(3, 70, scale=5)]),
    "softmax in float32": (lambda m, f, x: x.softmax(0, dtype=m.float32), [large(50, scale=5)]),
    "log_softmax": (lambda m, f, x: f.log_softmax(x, -1), [large(3, 70)]),
    "log_softmax of many": (lambda m, f, x: x.log_softmax(0), [np.zeros(70000, HALF)]),
    "matmul": (lambda m, f, a, b: a @ b, [small(4, 3000), small(3000, 2)]),
    "bmm": (lambda m, f, a, b: a.bmm(b), [small(2, 3, 500), small(2, 500, 2)]),
    "dot": (lambda m, f, a, b: a.dot(b), [np.full(5000, 1, HALF), np.full(5000, 1, HALF)]),
    "linear": (lambda m, f, *t: f.linear(*t), [small(5, 500), small(3, 500), small(3)]),
    "add a row": (lambda m, f, x, b: x + b, [np.ones((5000, 2), HALF), np.ones(2, HALF)]),
    "times a column": (lambda m, f, x, b: x * b, [np.ones((2, 5000), HALF), np.ones((2, 1), HALF)]),
    "by a number": (lambda m, f, x, b: x / b, [np.ones(5000, HALF), np.array(30, HALF)]),
    "expand": (lambda m, f, x: x.expand(5000, 2), [small(1, 2)]),
    "repeat": (lambda m, f, x: x.repeat(3000, 1), [small(1, 2)]),
    "conv2d": (lambda m, f, *t: f.conv2d(*t), [small(2, 32, 9, 9), small(4, 32, 3, 3), small(4)]),
    "conv1d": (lambda m, f, *t: f.conv1d(*t, padding=1), [small(2, 32, 9), small(4, 32, 3)]),
    "conv_transpose2d": (
        lambda m, f, *t: f.conv_transpose2d(*t, stride=2),
        [small(2, 32, 4, 4), small(32, 3, 3, 3), small(3)],
    ),
    "batch_norm": (
        lambda m, f, x, w, b: f.batch_norm(x, None, None, w, b, True),
        [large(30, 3, 4), small(3), small(3)],
    ),
    "batch_norm of statistics": (
        lambda m, f, x, w, b, mean, var: f.batch_norm(x, mean.detach(), var.detach(), w, b),
        [large(30, 3, 4), small(3), small(3), large(3), np.array([300, 60000, 1e-4], HALF)],
    ),
    "group_norm": (
        lambda m, f, x, w, b: f.group_norm(x, 2, w, b),
        [large(3, 4, 5, 5), small(4), small(4)],
    ),
    "layer_norm": (
        lambda m, f, x, w, b: f.layer_norm(x, (2, 70), w, b),
        [large(3, 2, 70), small(2, 70), small(2, 70)],
    ),
    "layer_norm of four": (lambda m, f, x: f.layer_norm(x, (4,)), [HALF([-600, -200, 200, 600])]),
    "local_response_norm": (
        lambda m, f, x: f.local_response_norm(x, 5, 1e-2),
        [large(2, 7, 3)],
    ),
    "avg_pool2d": (lambda m, f, x: f.avg_pool2d(x, 7), [large(1, 2, 14, 14, scale=9000)]),
    "avg_pool2d overlapping": (lambda m, f, x: f.avg_pool2d(x, 3, 1, 1), [small(1, 2, 6, 6)]),
    "avg_pool1d": (lambda m, f, x: f.avg_pool1d(x, 50), [np.full((1, 2, 5000), 3000, HALF)]),
    "adaptive_avg_pool2d": (
        lambda m, f, x: f.adaptive_avg_pool2d(x, 1),
        [np.full((1, 2, 60, 60), 300, HALF)],
    ),
    "max_pool2d overlapping": (
        lambda m, f, x: f.max_pool2d(x, 9, 1),
        [np.pad(np.full((1, 1, 1, 1), 9, HALF), ((0, 0), (0, 0), (8, 8), (8, 8)))],
    ),
    "adaptive_max_pool2d": (lambda m, f, x: f.adaptive_max_pool2d(x, 3), [small(1, 2, 8, 8)]),
    "nearest": (lambda m, f, x: f.interpolate(x, scale_factor=50), [small(1, 1, 2, 2)]),
    "bilinear": (
        lambda m, f, x: f.interpolate(x, (90, 70), mode="bilinear"),
        [small(1, 2, 3, 4)],
    ),
    "prelu": (lambda m, f, x, w: f.prelu(x, w), [large(3, 2, 500), small(2)]),
    "gelu": (lambda m, f, x: f.gelu(x, approximate="tanh"), [large(50, scale=3)]),
    "gelu of large": (lambda m, f, x: f.gelu(x, approximate="tanh"), [large(50)]),
    "silu": (lambda m, f, x: f.silu(x), [large(50, scale=4)]),
    "selu": (lambda m, f, x: f.selu(x), [small(50)]),
    "elu": (lambda m, f, x: f.elu(x, 0.3), [small(50)]),
    "leaky_relu": (lambda m, f, x: f.leaky_relu(x, 0.01), [small(50)]),
    "sigmoid": (lambda m, f, x: x.sigmoid(), [small(50)]),
    "tanh": (lambda m, f, x: x.tanh(), [small(50)]),
    "softplus": (lambda m, f, x: f.softplus(x, 2.0), [small(50)]),
    "hardswish": (lambda m, f, x: f.hardswish(x), [small(50)]),
    "hardsigmoid": (  # PyTorch's own has no second derivative
        lambda m, f, x: f.hardsigmoid(x) if m is mt else f.relu6(x + 3) / 6,
        [small(50)],
    ),
    "rsqrt": (lambda m, f, x: x.rsqrt(), [chances(50)]),
    "erf": (lambda m, f, x: x.erf(), [small(50)]),
    "mse": (lambda m, f, x, y: f.mse_loss(x, y), [np.full(2000, 10, HALF), np.zeros(2000, HALF)]),
    "mse summed": (lambda m, f, x, y: f.mse_loss(x, y, reduction="sum"), [small(900), small(900)]),
    "mse of large": (lambda m, f, x, y: f.mse_loss(x, y), [large(9, scale=90), large(9, scale=80)]),
    "bce": (
        lambda m, f, x, y, w, v: f.binary_cross_entropy_with_logits(
            x, y, w.detach(), pos_weight=v.detach()
        ),
        [large(900, 3, scale=20), chances(900, 3), chances(3), small(3) ** 2],
    ),
    "cross_entropy": (
        lambda m, f, x: f.cross_entropy(x, m.from_numpy(CLASSES), label_smoothing=0.1),
        [large(4, 3)],
    ),
    "cross_entropy of many": (
        lambda m, f, x: f.cross_entropy(x, m.from_numpy(INDEX), reduction="sum"),
        [small(5000, 3)],
    ),
    "cross_entropy of weights": (
        lambda m, f, x: f.cross_entropy(
            x, m.from_numpy(INDEX), m.from_numpy(np.array([1.5, 2, 9])).to(x.dtype)
        ),
        [small(5000, 3)],
    ),
    "cross_entropy of chances": (
        lambda m, f, x, q: f.cross_entropy(x, q),
        [large(4, 3), small(4, 3)],
    ),
    "nll_loss": (lambda m, f, x: f.nll_loss(x, m.from_numpy(INDEX)), [small(5000, 3)]),
    "index_select": (
        lambda m, f, x: x.index_select(0, m.zeros(5000, dtype=m.int64)),
        [np.ones(3, HALF)],
    ),
    "index": (lambda m, f, x: x[m.zeros(5000, dtype=m.int64)], [np.ones((3, 2), HALF)]),
    "gather": (
        lambda m, f, x: x.gather(0, m.zeros((5000, 1), dtype=m.int64)),
        [np.ones((3, 2), HALF)],
    ),
    "scatter_add": (
        lambda m, f, x, y: x.scatter_add(0, m.zeros(5000, dtype=m.int64), y),
        [np.ones(3, HALF), np.ones(5000, HALF)],
    ),
    "embedding": (
        lambda m, f, w: f.embedding(m.zeros(5000, dtype=m.int64), w),
        [np.ones((3, 2), HALF)],
    ),
    "cumprod": (lambda m, f, x: x.cumprod(0), [np.array([300, 300, 0.001, 0.002, 1.5], HALF)]),
    "einsum": (lambda m, f, a, b: m.einsum("ij,jk->ik", a, b), [small(3, 3000), small(3000, 2)]),
    "logaddexp": (lambda m, f, a, b: m.logaddexp(a, b), [small(50), small(50)]),
    "lerp": (lambda m, f, a, b: m.lerp(a, b, 0.3), [small(50), small(50)]),
    "lerp of large": (
        lambda m, f, a, b: m.lerp(a, b, 0.4),
        [np.full(3, 60000, HALF), np.full(3, -60000, HALF)],
    ),
    "addcmul": (
        lambda m, f, a, b: m.addcmul(a, a, b, value=0.001),
        [large(50), large(50, seed=4)],
    ),
    "addcdiv": (
        lambda m, f, a, b: m.addcdiv(a, a, b, value=0.001),
        [large(50), np.full(50, 0.002, HALF)],
    ),
    "addmm": (
        lambda m, f, x, a, b: m.addmm(x, a, b, alpha=0.001, beta=0.5),
        [large(9, 9, seed=5), large(9, 9), large(9, 9, seed=4)],
    ),
    "baddbmm": (
        lambda m, f, x, a, b: m.baddbmm(x, a, b, alpha=0.001),
        [large(2, 9, 9, seed=5), large(2, 9, 9), large(2, 9, 9, seed=4)],
    ),
    "log2": (lambda m, f, x: x.log2(), [chances(50)]),
    "unfold": (lambda m, f, x: x.unfold(0, 3000, 1), [np.ones(4000, HALF)]),
    "normalize": (lambda m, f, x: f.normalize(x), [large(3, 50)]),
    "cosine_similarity": (
        lambda m, f, a, b: f.cosine_similarity(a, b),
        [large(3, 50), small(3, 50)],
    ),
    "pairwise_distance": (
        lambda m, f, a, b: f.pairwise_distance(a, b),
        [large(3, 50), small(3, 50)],
    ),
    "celu": (lambda m, f, x: f.celu(x, 0.3), [small(50)]),
    "mish": (lambda m, f, x: f.mish(x), [small(50)]),
    "logsigmoid": (lambda m, f, x: f.logsigmoid(x), [small(50)]),
    "softsign": (lambda m, f, x: f.softsign(x), [small(50)]),
    "glu": (lambda m, f, x: f.glu(x), [small(3, 50)]),
    "bicubic": (lambda m, f, x: f.interpolate(x, (9, 7), mode="bicubic"), [small(1, 2, 3, 4)]),
    "area": (lambda m, f, x: f.interpolate(x, 3, mode="area"), [small(1, 2, 40, 40)]),
    "replicate": (
        lambda m, f, x: f.pad(x, (3000, 0), mode="replicate"),
        [np.ones((1, 1, 2), HALF)],
    ),
}


def run(m, f, fn, arrays, cotangents, dtype):
    """Value, gradients, and the gradients of sum v . gradients for random v: arrays."""
    tensors = [m.from_numpy(np.array(a)).to(dtype).requires_grad_() for a in arrays]
    y = fn(m, f, *tensors)
    grad = m.autograd.grad
    gy = m.from_numpy(cotangents(y.shape)).to(y.dtype)
    first = grad(y, tensors, gy, create_graph=True, allow_unused=True)
    known = [g for g in first if g is not None and g.requires_grad]
    weighted = ((g * m.from_numpy(cotangents(g.shape)).to(g.dtype)).double() for g in known)
    total = sum((g.sum() for g in weighted), 0)
    second = grad(total, tensors, allow_unused=True) if known else [None] * len(tensors)
    return [
        t if t is None else t.array if m is mt else t.numpy(force=True)
        for t in (y, *first, *second)
    ]


def ones(shape):
    return np.ones(tuple(shape), HALF)


def drawn():
    rng = np.random.default_rng(5)
    return lambda shape: rng.normal(size=tuple(shape)).astype(HALF)


@pytest.mark.parametrize("cotangents", [lambda: ones, drawn], ids=["ones", "random"])
@pytest.mark.parametrize("case", CASES)
def test_half_numbers_are_rounded_once(case, cotangents):
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    fn, arrays = CASES[case]
    ours = run(mt, OURS, fn, arrays, cotangents(), mt.float16)
    exact = run(torch, torch.nn.functional, fn, arrays, cotangents(), torch.float64)
    assert ours[0].dtype == (np.float32 if "float32" in case else HALF)
    for i, (y, x) in enumerate(zip(ours, exact, strict=True)):
        assert (y is None) == (x is None) or not (y if x is None else x).any()
        if x is None or y is None:
            continue
        # Float32 may leave a little where terms cancel; second gradients are of rounded first ones.
        ulps, rest = (1, 1e-5) if i <= len(arrays) else (4, 3e-5)
        with np.errstate(all="ignore"):
            x = x.astype(HALF).astype(np.float64)
            allowed = ulps * np.spacing(np.abs(x).astype(HALF)).astype(np.float64) + rest
            wrong = ~((np.abs(y - x) <= allowed) | (y == x) | (np.isnan(x) & np.isnan(y)))
        assert not wrong.any(), (i, y[wrong][:5], x[wrong][:5])


def test_the_gradient_of_a_quotient_needs_no_square_of_the_divisor():
    for dtype, b in ((mt.float16, 300.0), (mt.float32, 1e25)):
        divisor = mt.tensor(b, dtype=dtype, requires_grad=True)
        (mt.tensor(b, dtype=dtype) / divisor).backward()
        assert divisor.grad.item() == pytest.approx(-1 / b, rel=1e-3)


def test_the_first_rows_are_those_of_their_definitions():
    def half(*numbers):
        return mt.tensor(numbers, dtype=mt.float16)

    z = np.array([-3, -1, 1, 3]) / np.sqrt(5)
    np.testing.assert_allclose(OURS.layer_norm(200 * half(-3, -1, 1, 3), (4,)), z, rtol=1e-3)
    assert half(300, 400).norm().item() == 500
    many = mt.zeros(70000, dtype=mt.float16)
    np.testing.assert_allclose(many.softmax(0), 1 / 70000, atol=2**-25)
    assert many.log_softmax(0)[0].item() == HALF(-np.log(70000))
    assert OURS.mse_loss(many[:2000] + 10, many[:2000]).item() == 100
    x = mt.ones(3, dtype=mt.float16, requires_grad=True)
    x.index_select(0, mt.zeros(5000, dtype=mt.int64)).sum().backward()
    assert x.grad.tolist() == [5000, 0, 0]


def test_wider_tensors_beside_half_ones_make_the_loss_wide():
    x, y = mt.ones(3, dtype=mt.float16), mt.zeros(3)
    assert OURS.mse_loss(x, y).dtype == OURS.mse_loss(y, x).dtype == mt.float32
    assert OURS.mse_loss(x, x).dtype == mt.float16


NUMBERS = [1e5, 65536, -7e4, 1e-8, 0.1, 3, float("inf"), float("nan")]


@pytest.mark.parametrize("number", NUMBERS)
def test_half_numbers_are_scaled_by_numbers_that_are_beyond_them(number):
    x = np.array([0.001, 3, 100, -7, 0], HALF)
    with np.errstate(all="ignore"):
        wide, n = x.astype(np.float32), np.float32(number)
        exact = {
            "*": (wide * n, n),
            "/": (wide / n, 1 / n),
            "reflected /": (n / wide, -(n / wide).astype(HALF) / wide),
        }
        for name, apply in {
            "*": lambda t: t * number,
            "/": lambda t: t / number,
            "reflected /": lambda t: number / t,
        }.items():
            t = mt.tensor(x, requires_grad=True)
            y = apply(t)
            y.backward(mt.ones_like(y))
            value, slope = exact[name]
            assert y.dtype == t.grad.dtype == mt.float16
            np.testing.assert_array_equal(y.detach().array, value.astype(HALF))
            slope = np.broadcast_to(slope, x.shape).astype(HALF)
            np.testing.assert_allclose(t.grad.array[:-1], slope[:-1], rtol=2e-3, atol=1e-4)
        for apply, value in (
            (lambda t: t.mul_(number), wide * n),
            (lambda t: t.div_(number), wide / n),
            (lambda t: t.add_(number), wide + n),
        ):
            t = mt.tensor(x)
            apply(t)
            np.testing.assert_array_equal(t.array, value.astype(HALF))


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("leaf", [True, False])
def test_the_gradients_of_many_uses_add_up_in_float32(leaf, create_graph):
    w = mt.ones(2, dtype=mt.float16, requires_grad=True)

    def many():
        return mt.stack([w if leaf else w * 1] * 3000).sum()

    (g,) = mt.autograd.grad(many(), [w], create_graph=create_graph)
    assert g.dtype == mt.float16 and g.tolist() == [3000, 3000]
    many().backward(create_graph=create_graph)
    assert w.grad.dtype == mt.float16 and w.grad.tolist() == [3000, 3000]


def test_second_gradients_flow_through_the_sum_of_many():
    w = mt.tensor([2.0], dtype=mt.float16, requires_grad=True)
    (g,) = mt.autograd.grad(sum([w * w] * 300), [w], create_graph=True)
    (g2,) = mt.autograd.grad(g, [w])
    assert (g.item(), g2.item()) == (1200, 600)

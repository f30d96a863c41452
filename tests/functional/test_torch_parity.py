"""Functions without a window against PyTorch: signatures, values and gradients, in one table."""

import inspect

import numpy as np
import pytest

from minitorch_cnn import functional as F
from minitorch_cnn.tensor.tensor import Tensor

KINKS = np.array([-3.0, -1.0, 0.0, 1.0, 3.0, 6.0, 10.0])


def normal(*shape):
    return lambda rng: rng.standard_normal(shape)


def uniform(*shape):
    return lambda rng: rng.uniform(0.1, 2, shape)


def classes(*shape, below=5):
    return lambda rng: rng.integers(0, below, shape)


def inside(*shape):
    return lambda rng: rng.uniform(0.05, 0.95, shape)


def signs(*shape):
    return lambda rng: rng.choice([-1, 1], shape)


def exactly(values):
    return lambda rng: np.array(values)


def bilinear(**options):
    return {"mode": "bilinear", **options}


# function, its arrays (float ones get a gradient), its settings
TABLE = [
    ("relu", (exactly(KINKS),), {}),
    ("relu6", (exactly(KINKS),), {}),
    ("leaky_relu", (exactly(KINKS),), {}),
    ("leaky_relu", (normal(3, 4),), {"negative_slope": 0.3}),
    ("prelu", (normal(2, 3, 4), uniform(3)), {}),
    ("prelu", (exactly([[0.0, -1.0], [2.0, 0.0]]), uniform(1)), {}),
    ("elu", (exactly(KINKS),), {}),
    ("elu", (normal(3, 4),), {"alpha": 1.7}),
    ("selu", (exactly(KINKS),), {}),
    ("gelu", (exactly(KINKS),), {}),
    ("gelu", (normal(3, 4),), {"approximate": "tanh"}),
    ("silu", (exactly(KINKS),), {}),
    ("hardswish", (exactly(KINKS),), {}),
    ("softplus", (exactly([-30.0, 0.0, 19.9, 20.0, 20.1, 100.0]),), {}),
    ("softplus", (normal(3, 4),), {"beta": 2.5, "threshold": 1.0}),
    ("softplus", (normal(3, 4),), {"beta": -1.5}),
    ("softplus", (exactly(KINKS),), {"beta": 2, "threshold": -100}),
    ("softplus", (exactly(KINKS),), {"beta": -2, "threshold": -1.5}),
    ("softplus", (exactly(KINKS),), {"beta": 0.5, "threshold": 0}),
    ("logsigmoid", (exactly(KINKS * 50),), {}),
    ("mish", (exactly(KINKS * 20),), {}),
    ("mish", (exactly(KINKS),), {"inplace": False}),
    ("hardsigmoid", (exactly(KINKS),), {}),
    ("hardtanh", (exactly(KINKS),), {}),
    ("hardtanh", (exactly(KINKS),), {"min_val": -3.0, "max_val": 2.5}),
    ("hardshrink", (exactly(KINKS),), {"lambd": 1.0}),
    ("softshrink", (exactly(KINKS),), {"lambd": 1.0}),
    ("softshrink", (exactly(KINKS),), {}),
    ("threshold", (exactly(KINKS),), {"threshold": 1.0, "value": 20.0}),
    ("celu", (exactly(KINKS * 100),), {}),
    ("celu", (normal(3, 4),), {"alpha": 1.7}),
    ("celu", (normal(3, 4),), {"alpha": -1.7}),
    ("glu", (normal(3, 4),), {}),
    ("glu", (normal(4, 3),), {"dim": 0}),
    ("softsign", (exactly(KINKS),), {}),
    ("tanhshrink", (exactly(KINKS),), {}),
    ("softmin", (normal(3, 4),), {"dim": 1}),
    ("normalize", (normal(3, 4),), {}),
    ("normalize", (normal(3, 4),), {"p": 1, "dim": 0}),
    ("normalize", (normal(3, 4),), {"p": 3.5, "dim": -1, "eps": 2.0}),
    ("normalize", (exactly(np.full((2, 3), 1e-14)),), {}),
    ("cosine_similarity", (normal(3, 4), normal(3, 4)), {}),
    ("cosine_similarity", (normal(3, 4), normal(4)), {"dim": -1}),
    ("cosine_similarity", (normal(2, 1, 4), normal(3, 4)), {"dim": 2, "eps": 1e-3}),
    ("pairwise_distance", (normal(3, 4), normal(3, 4)), {}),
    ("pairwise_distance", (normal(4), normal(3, 4)), {"p": 1.0, "keepdim": True}),
    ("sigmoid", (normal(3, 4),), {}),
    ("tanh", (normal(3, 4),), {}),
    ("softmax", (normal(3, 4),), {"dim": 1}),
    ("log_softmax", (normal(3, 4),), {"dim": 0}),
    ("linear", (normal(2, 3, 5), normal(4, 5), normal(4)), {}),
    ("linear", (normal(5), normal(4, 5)), {}),
    ("embedding", (classes(2, 3), normal(5, 4)), {}),
    ("embedding", (classes(20), normal(5, 4)), {"padding_idx": -2}),
    ("one_hot", (classes(2, 3),), {"num_classes": 7}),
    ("pixel_shuffle", (normal(2, 8, 3, 2),), {"upscale_factor": 2}),
    ("pixel_unshuffle", (normal(2, 3, 4, 6),), {"downscale_factor": 2}),
    ("channel_shuffle", (normal(2, 6, 3),), {"groups": 3}),
    ("dropout", (normal(3, 4),), {"p": 1.0}),
    ("dropout", (normal(3, 4),), {"training": False}),
    ("cross_entropy", (normal(4, 5), classes(4)), {}),
    ("cross_entropy", (normal(5), classes()), {}),
    ("cross_entropy", (normal(4, 5, 2, 3), classes(4, 2, 3)), {"ignore_index": 2}),
    ("cross_entropy", (normal(4, 5, 2), classes(4, 2)), {"reduction": "none"}),
    ("cross_entropy", (normal(4, 5), classes(4)), {"reduction": "sum", "label_smoothing": 0.1}),
    ("cross_entropy", (normal(9, 5), classes(9)), {"ignore_index": 1, "label_smoothing": 0.1}),
    ("cross_entropy", (normal(4, 5), uniform(4, 5)), {}),
    ("cross_entropy", (normal(4, 5, 2), uniform(4, 5, 2)), {"label_smoothing": 0.2}),
    ("cross_entropy", (normal(4, 5), uniform(4, 5), uniform(5)), {"reduction": "sum"}),
    ("cross_entropy", (normal(4, 5), exactly([-100] * 4)), {}),
    ("cross_entropy", (normal(0, 5), classes(0)), {}),
    ("cross_entropy", (exactly([[0.0, -np.inf]]), exactly([0])), {}),
    ("nll_loss", (normal(4, 5), classes(4)), {}),
    ("nll_loss", (normal(4, 5, 2), classes(4, 2)), {"ignore_index": 2, "reduction": "sum"}),
    ("nll_loss", (normal(5), classes()), {"reduction": "none"}),
    ("mse_loss", (normal(3, 4), normal(3, 4)), {}),
    ("mse_loss", (normal(3, 4), normal(3, 4)), {"reduction": "none"}),
    ("mse_loss", (normal(0, 4), normal(0, 4)), {}),
    ("binary_cross_entropy_with_logits", (normal(3, 4), uniform(3, 4)), {}),
    ("binary_cross_entropy_with_logits", (normal(3), uniform(3)), {"reduction": "sum"}),
    ("l1_loss", (normal(3, 4), normal(3, 4)), {}),
    ("l1_loss", (exactly([0.0, 1.0]), exactly([0.0, 2.0])), {"reduction": "none"}),
    ("smooth_l1_loss", (normal(3, 4), normal(3, 4)), {}),
    ("smooth_l1_loss", (exactly([0.5, 0.0]), exactly([0.0, 0.0])), {"beta": 0.5}),
    ("smooth_l1_loss", (normal(3, 4), normal(3, 4)), {"beta": 0, "reduction": "sum"}),
    ("huber_loss", (normal(3, 4), normal(3, 4)), {"delta": 0.7}),
    ("huber_loss", (normal(0, 4), normal(0, 4)), {"reduction": "none"}),
    ("gaussian_nll_loss", (normal(3, 4), normal(3, 4), uniform(3, 4)), {}),
    ("gaussian_nll_loss", (normal(3, 4), normal(3, 4), uniform(3)), {"reduction": "sum"}),
    ("gaussian_nll_loss", (normal(3, 4), normal(3, 4), uniform(3, 1)), {"full": True}),
    ("gaussian_nll_loss", (normal(2), normal(2), exactly([0.0, 1.0])), {"eps": 0.1}),
    ("gaussian_nll_loss", (normal(3, 4), normal(3, 4)), {"var": 0.5, "reduction": "none"}),
    ("kl_div", (normal(3, 4), uniform(3, 4)), {"reduction": "batchmean"}),
    ("kl_div", (normal(3, 4), normal(3, 4)), {"log_target": True, "reduction": "sum"}),
    ("kl_div", (normal(3, 4), uniform(3, 4)), {"reduction": "none"}),
    ("binary_cross_entropy", (inside(3, 4), inside(3, 4)), {}),
    ("binary_cross_entropy", (inside(3, 4), inside(3, 4)), {"reduction": "sum"}),
    ("cosine_embedding_loss", (normal(6, 3), normal(6, 3), signs(6)), {}),
    ("cosine_embedding_loss", (normal(3), normal(3), signs()), {"margin": 0.3}),
    ("margin_ranking_loss", (normal(6), normal(6), signs(6)), {"margin": 0.3}),
    ("margin_ranking_loss", (normal(6, 2), normal(6, 2), signs(1, 1)), {"reduction": "sum"}),
    ("triplet_margin_loss", (normal(6, 3), normal(6, 3), normal(6, 3)), {}),
    ("triplet_margin_loss", (normal(6, 3),) * 3, {"swap": True, "p": 1, "margin": 2.5}),
    ("triplet_margin_loss", (normal(3),) * 3, {"reduction": "none"}),
    ("hinge_embedding_loss", (normal(6, 3), signs(6, 3)), {"margin": 0.5}),
    ("soft_margin_loss", (normal(6, 3), signs(6, 3)), {"reduction": "none"}),
    ("multilabel_soft_margin_loss", (normal(6, 3), classes(6, 3, below=2)), {}),
    (
        "multilabel_soft_margin_loss",
        (normal(6, 3), classes(6, 3, below=2), uniform(3)),
        {"reduction": "none"},
    ),
    ("interpolate", (normal(2, 3, 7),), {"size": 4}),
    ("interpolate", (normal(1, 2, 5, 6),), {"size": (7, 3)}),
    ("interpolate", (normal(1, 2, 5, 6),), {"scale_factor": (1.7, 0.7)}),
    ("interpolate", (normal(2, 3, 7),), {"scale_factor": 1.7}),
    ("interpolate", (normal(1, 2, 5, 6),), bilinear(size=(7, 3))),
    ("interpolate", (normal(1, 2, 5, 6),), bilinear(size=(1, 9), align_corners=True)),
    ("interpolate", (normal(1, 2, 5, 6),), bilinear(scale_factor=(1.7, 0.7))),
    ("interpolate", (normal(1, 2, 5, 6),), bilinear(scale_factor=1.3, align_corners=True)),
    (
        "interpolate",
        (normal(1, 2, 5, 6),),
        bilinear(scale_factor=1.3, recompute_scale_factor=True),
    ),
]


def torch_function(name):
    torch = pytest.importorskip("torch")
    return getattr(torch.nn.functional, name, None) or getattr(torch, name)


def ours(name, arrays, settings, gy):
    inputs = [Tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    y = getattr(F, name)(*inputs, **settings)
    if y.requires_grad:
        y.backward(Tensor(gy(y.shape)))
    return y.array, [None if x.grad is None else x.grad.array for x in inputs]


def theirs(name, arrays, settings, gy):
    torch = pytest.importorskip("torch")
    inputs = [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    y = torch_function(name)(*inputs, **settings)
    if y.requires_grad:
        y.backward(torch.tensor(gy(tuple(y.shape))))
    return y.detach().numpy(), [None if x.grad is None else x.grad.numpy() for x in inputs]


# PyTorch rounds 1/6 and 1/alpha to single precision, whatever the dtype.
SINGLE_CONSTANTS = ("hardsigmoid", "celu")


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]} {row[2]}")
def test_values_and_gradients_are_pytorch_s(row, rng):
    name, draws, settings = row
    arrays = [np.asarray(draw(rng)) for draw in draws]
    seed = rng.integers(1000)

    def gy(shape):
        return np.random.default_rng(seed).standard_normal(shape)

    (y, gradients), (their_y, their_gradients) = (
        side(name, arrays, settings, gy) for side in (ours, theirs)
    )
    assert y.dtype == their_y.dtype and y.shape == their_y.shape
    rtol = 1e-7 if name in SINGLE_CONSTANTS else 1e-10
    np.testing.assert_allclose(y, their_y, rtol=rtol, atol=1e-12)
    for g, their_g in zip(gradients, their_gradients, strict=True):
        assert (g is None) == (their_g is None)
        if g is not None:
            np.testing.assert_allclose(g, their_g, rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_class_weights_count_as_pytorch_s(name, smoothing, reduction, rng):
    torch = pytest.importorskip("torch")
    x, target = rng.standard_normal((9, 5)), rng.integers(0, 5, 9)
    weight = rng.uniform(0.1, 2, 5)
    settings = {"reduction": reduction, "ignore_index": 3}
    if name == "cross_entropy":
        settings["label_smoothing"] = smoothing
    y = getattr(F, name)(Tensor(x), Tensor(target), Tensor(weight), **settings)
    their_y = torch_function(name)(*map(torch.tensor, (x, target, weight)), **settings)
    np.testing.assert_allclose(y.array, their_y.numpy(), rtol=1e-12)


def test_bce_weights_count_as_pytorch_s(rng):
    torch = pytest.importorskip("torch")
    arrays = [draw(rng) for draw in (normal(3, 4), uniform(3, 4), uniform(3, 1))]
    pos_weight = rng.uniform(0.5, 2, 4)
    name = "binary_cross_entropy_with_logits"
    y = getattr(F, name)(*map(Tensor, arrays), pos_weight=Tensor(pos_weight))
    their_arrays, their_pos_weight = map(torch.tensor, arrays), torch.tensor(pos_weight)
    their_y = torch_function(name)(*their_arrays, pos_weight=their_pos_weight)
    np.testing.assert_allclose(y.array, their_y.numpy(), rtol=1e-12)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "huber_loss"])
def test_weights_of_errors_count_as_pytorch_s(name, reduction, rng):
    torch = pytest.importorskip("torch")
    arrays = [draw(rng) for draw in (normal(3, 4), normal(3, 4), uniform(3, 4))]
    xs = [Tensor(a, requires_grad=True) for a in arrays]
    their_xs = [torch.tensor(a, requires_grad=True) for a in arrays]
    results = []
    for function, (x, target, weight) in ((getattr(F, name), xs), (torch_function(name), their_xs)):
        y = function(x, target, reduction=reduction, weight=weight)
        y.sum().backward()
        results.append([y.detach().numpy(), *(v.grad.numpy() for v in (x, target, weight))])
    for found, expected in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("shape", [(1, 1), (2, 3, 1)], ids=["signal", "image"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 10, 31])
def test_nearest_reads_the_same_pixel_as_pytorch_for_every_size_and_factor(size, shape):
    torch = pytest.importorskip("torch")
    x = np.broadcast_to(np.arange(size, dtype=np.float32), (*shape, size)).copy()
    options = [{"size": out} for out in range(1, 64)]
    options += [{"scale_factor": s} for s in np.linspace(1, 3.3, 47).tolist()]
    for option in options:
        factor = option.get("scale_factor", 1)
        if len(shape) == 3 and factor not in (1, 2) and int(size * factor) in (size, 2 * size):
            continue  # PyTorch's CPU follows the sizes there, in images up to OH + OW = 128
        their_y = torch_function("interpolate")(torch.tensor(x), **option)
        np.testing.assert_array_equal(F.interpolate(Tensor(x), **option).array, their_y.numpy())


# Arguments of PyTorch's that are history, or that nothing here needs
LEFT_OUT = {
    "size_average", "reduce", "out", "max_norm", "norm_type", "sparse",
    "scale_grad_by_freq", "_stacklevel", "dtype",
}  # fmt: skip


@pytest.mark.parametrize(
    "name", sorted({name for name, _, _ in TABLE} - {"softmax", "log_softmax", "softmin"})
)
def test_arguments_have_pytorch_s_names_order_and_defaults(name):
    try:
        their_signature = inspect.signature(torch_function(name))
    except ValueError:
        pytest.skip("PyTorch's function is built in and has no signature")
    expected = [
        (p.name, p.default) for p in their_signature.parameters.values() if p.name not in LEFT_OUT
    ]
    found = [
        (p.name, p.default)
        for p in inspect.signature(getattr(F, name)).parameters.values()
        if p.name not in LEFT_OUT
    ]
    assert found == expected

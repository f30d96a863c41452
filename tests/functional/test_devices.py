"""Functions without kernels on other devices: results equal the CPU's, on that device."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import devices
from minitorch_cnn.nn import functional as F
from tests.places import DEVICES

RNG = np.random.default_rng(5)


def normal(*shape):
    return RNG.standard_normal(shape)


IMAGES, LOGITS, LABELS = normal(2, 4, 6, 5), normal(6, 4), RNG.integers(0, 4, 6)

CASES = [
    *[(name, (IMAGES,)) for name in (
        "relu", "relu6", "leaky_relu", "elu", "selu", "silu", "gelu", "hardsigmoid", "hardswish",
        "sigmoid", "tanh", "softplus", "scaled_tanh",
    )],
    ("prelu", (IMAGES, normal(4))),
    ("gelu", (IMAGES, "tanh")),
    ("softmax", (LOGITS, 1)),
    ("log_softmax", (LOGITS, 1)),
    ("linear", (LOGITS, normal(3, 4), normal(3))),
    ("cross_entropy", (LOGITS, LABELS)),
    ("cross_entropy", (LOGITS, LABELS, np.abs(normal(4)), 2, "mean", 0.1)),
    ("cross_entropy", (LOGITS, normal(6, 4))),
    ("nll_loss", (LOGITS, LABELS, np.abs(normal(4)), 2)),
    ("mse_loss", (LOGITS, normal(6, 4))),
    ("instance_norm", (IMAGES, None, None, normal(4))),
    ("rms_norm", (IMAGES, (6, 5))),
    ("binary_cross_entropy_with_logits", (LOGITS, RNG.random((6, 4)), RNG.random(4))),
    ("smooth_l1_loss", (LOGITS, normal(6, 4))),
    ("gaussian_nll_loss", (LOGITS, normal(6, 4), 0.5)),
    ("kl_div", (LOGITS, RNG.random((6, 4)))),
    ("binary_cross_entropy", (RNG.random((6, 4)), RNG.random((6, 4)))),
    ("cosine_embedding_loss", (LOGITS, normal(6, 4), LABELS)),
    ("triplet_margin_loss", (LOGITS, normal(6, 4), LOGITS + 1)),
    ("embedding", (LABELS, normal(4, 3), 1)),
    ("one_hot", (LABELS, 5)),
    ("interpolate", (IMAGES, None, 1.7, "nearest")),
    ("interpolate", (IMAGES, (9, 4), None, "bilinear")),
    ("pixel_shuffle", (IMAGES, 2)),
    ("pad", (IMAGES, (1, 2, 0, 3), "constant", 2.5)),
    ("pad", (IMAGES, (1, 2, 0, 3), "reflect")),
    ("conv2d_simple", (IMAGES, normal(6, 2, 3, 2), normal(6), 2, 1, 1, 2)),
]  # fmt: skip


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name, args", CASES, ids=lambda value: value * (type(value) is str))
def test_results_and_gradients_are_those_of_the_cpu(name, args, device):
    def run(device):
        rng = np.random.default_rng(4)
        xs = [
            mt.tensor(a, device=device, requires_grad=a.dtype.kind == "f" and i != 2)
            if isinstance(a, np.ndarray)
            else a
            for i, a in enumerate(args)
        ]
        y = getattr(F, name)(*xs)
        if not y.requires_grad:
            return [y]
        v = mt.tensor(rng.standard_normal(y.shape), device=device)
        return [y, *mt.grad(y, [x for x in xs if getattr(x, "requires_grad", False)], v)]

    there = run(device)
    assert {t.device for t in there} == {devices.check_device(device, "test")}
    for a, b in zip(there, run("cpu"), strict=True):
        np.testing.assert_allclose(a.detach().cpu().numpy(), b.detach().numpy(), atol=1e-12)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    "pool",
    [lambda x: F.max_pool2d(x, 2), lambda x: F.max_pool2d(x, 3, 2, 1),
     lambda x: F.adaptive_max_pool2d(x, 2), lambda x: F.avg_pool2d(x, 2),
     lambda x: F.adaptive_avg_pool2d(x, 2), lambda x: F.local_response_norm(x, 3)],
)  # fmt: skip
def test_numbers_of_16_bits_are_pooled_and_differentiated_twice_on_every_device(pool, device):
    def run(device):
        x = mt.tensor(IMAGES, dtype=mt.float16, device=device, requires_grad=True)
        y = pool(x)
        (gx,) = mt.autograd.grad(y.float().square().sum(), x, create_graph=True)
        (g2x,) = mt.autograd.grad(gx.float().square().sum(), x)
        assert {t.dtype for t in (y, gx, g2x)} == {np.dtype(np.float16)}
        return [t.detach().cpu().numpy() for t in (y, gx, g2x)]

    for got, want in zip(run(device), run("cpu"), strict=True):
        np.testing.assert_allclose(got, want, rtol=2e-3, atol=2e-3)

"""Every registered model goes into an ONNX file, runs elsewhere, and comes back to be trained."""

import io

import numpy as np
import pytest

pytest.importorskip("onnx")

import minitorch_cnn as mt
from minitorch_cnn.models.registry import list_models
from tests.graph.zoo import model_and_images
from tests.onnx.test_exporting import exported, runtime

CHEAP = (
    "lenet5", "resnet20_cifar", "mobilenet_v2_035", "shufflenet_v1_g3", "squeezenet1_1",
    "densenet40_k12_cifar", "highway_mnist_16",
)  # fmt: skip
# Untrained nets of so many layers that they multiply rounding errors by thousands.
CHAOTIC = (
    "ghostnet_130", "preact_resnet1001_cifar", "se_resnet101", "se_resnet152",
    "se_resnext101_32x4d", "senet154",
)  # fmt: skip


def first(results):
    return results[0] if isinstance(results, tuple) else results


def differ(found, expected):
    """The largest difference as a share of the largest number expected."""
    return np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-6)


def rounding(model, x, expected):
    """How far float32 is from the results in float64."""
    with mt.no_grad():
        exact = first(model.double()(x.double())).numpy()
    model.float()
    return differ(expected.numpy(), exact)


@pytest.mark.parametrize("name", [
    name if name in CHEAP else pytest.param(name, marks=pytest.mark.slow) for name in list_models()
])  # fmt: skip
def test_a_model_runs_elsewhere_and_comes_back_with_its_gradients(name):
    model, x, expected = model_and_images(name)
    expected = first(expected)
    data = exported(model, x[:1], input_names=["x"], dynamic_axes={"x": {0: "N"}})
    allowed = 1e-4 if name not in CHAOTIC else 5 * rounding(model, x, expected)
    assert differ(runtime(data, x.numpy())[0], expected.numpy()) < allowed
    back = mt.onnx.load(io.BytesIO(data))
    del data
    if name in CHAOTIC:
        model, back, x = model.double(), back.double(), x.double()
    with mt.no_grad():
        expected = first(model(x))
    direction = mt.randn(*expected.shape)
    for module in (model, back):
        y = first(module(x))
        assert differ(y.detach().numpy(), expected.numpy()) < 1e-4
        (y * direction).sum().backward()
        del y
    others = dict(back.named_parameters())
    gradients = {n: p.grad.numpy() for n, p in model.named_parameters() if p.grad is not None}
    assert gradients and all(others[n].grad is not None for n in gradients)
    wrong = {n: differ(others[n].grad.numpy(), g) for n, g in gradients.items()}
    assert {n: share for n, share in wrong.items() if not share < 1e-3} == {}


def test_the_cheap_models_are_registered():
    assert set(CHEAP) <= set(list_models())

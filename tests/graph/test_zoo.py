"""Every registered model is captured, and its graph computes what the model does."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.graph import Free, capture, run, verify
from minitorch_cnn.models.registry import list_models, model_entry
from minitorch_cnn.nn import init

CHEAP = (
    "lenet5", "densenet_bc100_k12_cifar", "ghostnet_050", "googlenet", "mobilenet_v2_035",
    "resnet20_cifar", "shufflenet_v1_g3",
    "shufflenet_v2_x0_5", "squeezenet1_1",
)  # fmt: skip


class RepeatedNumbers:
    """A generator that draws 65,537 numbers once and repeats them, from another place for each
    array: drawing hundreds of millions of weights would take most of the time of these tests."""

    def __init__(self):
        self.rng = np.random.default_rng(0)
        self.uniform_numbers = self.rng.random(65537)
        self.normal_numbers = self.rng.standard_normal(65537)

    def random(self, shape, dtype=np.float64):
        return self.repeated(self.uniform_numbers, shape, dtype)

    def standard_normal(self, shape, dtype=np.float64):
        return self.repeated(self.normal_numbers, shape, dtype)

    def repeated(self, numbers, shape, dtype):
        return np.resize(np.roll(numbers, self.rng.integers(len(numbers))).astype(dtype), shape)

    def __getattr__(self, name):
        return getattr(self.rng, name)


@pytest.fixture(autouse=True)
def quick_weights(monkeypatch):
    rng = RepeatedNumbers()
    monkeypatch.setattr(init, "_rng", lambda generator: rng)


def graph_and_outputs(name):
    """The graph of a model at a small size, and the outputs of both, in float64."""
    entry = model_entry(name)
    mt.manual_seed(0)
    model = entry.build().double().eval()
    channels, _, whole = entry.input_shape or (3, 32, 32)
    for size in sorted({min(n, whole) for n in (32, 64, 96, 128, whole)}):
        x = mt.randn(2, channels, size, size, dtype=mt.float64)
        with mt.no_grad():
            try:
                expected = model(x)
            except (ValueError, RuntimeError):  # the model takes no images of that size
                continue
            graph = capture(model, x[:1])
            return graph, run(graph, x), expected
    raise AssertionError("the model takes no images")


@pytest.mark.parametrize("name", [
    name if name in CHEAP else pytest.param(name, marks=pytest.mark.slow) for name in list_models()
])  # fmt: skip
def test_the_graph_of_a_model_computes_what_it_does(name):
    graph, found, expected = graph_and_outputs(name)
    verify(graph)
    if isinstance(expected, tuple):
        found, expected = found[0], expected[0]
    assert graph.outputs[0].shape == (Free("N"), *expected.shape[1:])
    scale = np.abs(expected.numpy()).max() or 1  # the scores of an FCN begin as zeros
    # Untrained nets of 150 layers multiply rounding by up to a billion.
    np.testing.assert_allclose(found.numpy() / scale, expected.numpy() / scale, atol=1e-5)


def test_the_cheap_models_are_registered():
    assert set(CHEAP) <= set(list_models())

"""Every registered model is captured, and its graph computes what the model does."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.graph import Free, capture, run, verify
from minitorch_cnn.models.registry import list_models
from tests.graph.zoo import model_and_images

CHEAP = (
    "lenet5", "densenet_bc100_k12_cifar", "ghostnet_050", "googlenet", "mobilenet_v2_035",
    "resnet20_cifar", "shufflenet_v1_g3",
    "shufflenet_v2_x0_5", "squeezenet1_1",
)  # fmt: skip


def graph_and_outputs(name):
    """The graph of a model at a small size, and the outputs of both, in float64."""
    model, x, expected = model_and_images(name, mt.float64)
    with mt.no_grad():
        graph = capture(model, x[:1])
        return graph, run(graph, x), expected


@pytest.mark.parametrize("name", [
    name if name in CHEAP else pytest.param(name, marks=pytest.mark.slow) for name in list_models()
])  # fmt: skip
def test_the_graph_of_a_model_computes_what_it_does(name):
    graph, found, expected = graph_and_outputs(name)
    verify(graph)
    if isinstance(expected, tuple):
        found, expected = found[0], expected[0]
    assert graph.outputs[0].shape == (Free("N"), *expected.shape[1:])
    scale = np.abs(expected.numpy()).max()
    # Untrained nets of 150 layers multiply rounding by up to a billion.
    np.testing.assert_allclose(found.numpy() / scale, expected.numpy() / scale, atol=1e-5)


def test_the_cheap_models_are_registered():
    assert set(CHEAP) <= set(list_models())

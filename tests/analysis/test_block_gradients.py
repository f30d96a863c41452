"""Gradient norms against gradients worked out one by one."""

import numpy as np
import pytest

from minitorch_cnn import nn
from minitorch_cnn.analysis import gradient_norms
from minitorch_cnn.analysis.block_gradients import GradientNorms
from minitorch_cnn.models import create_model
from minitorch_cnn.nn import functional as F
from minitorch_cnn.tensor import Tensor

from .nets import drawn, images


def test_a_blocks_norm_is_that_of_all_its_weights_together():
    model = create_model("resnet20_cifar", width=0.25, in_channels=2).double()
    x, labels = images(side=8), np.array([1, 2, 3, 4])
    found = gradient_norms(model, x, labels)
    F.cross_entropy(model(x), Tensor(labels)).backward()
    squares = [(p.grad.array**2).sum() for p in model.layer2[0].parameters()]
    assert found.blocks[:3] == ["conv1", "bn1", "layer1.0"] and found.blocks[-1] == "fc"
    norm = found.norms[found.blocks.index("layer2.0")]
    assert norm == pytest.approx(np.sqrt(sum(squares)))
    assert drawn(found).axes[0].get_title(loc="left").startswith("Gradient of each block")


@pytest.mark.parametrize(
    "norms, expected",
    [
        ([0.31, 0.62, 0.45], ["0.4", "0.6"]),
        ([0.05, 0.4], ["0.05", "0.1", "0.2"]),
        ([3e-9, 2.0, 0.0], ["$10^{-8}$", "$10^{-6}$", "$10^{-4}$", "$10^{-2}$", "$10^{0}$"]),
    ],
)
def test_gradients_have_round_numbers_beside_them(norms, expected):
    ax = drawn(GradientNorms(["a", "b", "c"][: len(norms)], np.array(norms))).axes[0]
    shown = [text.get_text() for text in ax.get_yticklabels()]
    assert set(expected) <= set(shown) and len(shown) < 8


def test_plain_blocks_are_compared_with_residual_ones():
    names = [
        gradient_norms(
            create_model(name, width=0.25, in_channels=2).double(), images(side=8)
        ).blocks
        for name in ("plain20_cifar", "resnet20_cifar")
    ]
    assert names[0] == names[1]


def test_a_net_without_blocks_has_a_norm_for_each_layer():
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(3, 4)).double()
    assert gradient_norms(model, images()).blocks == ["0", "2"]


def test_a_model_without_weights_is_refused():
    with pytest.raises(ValueError, match="gradient_norms: model has no weights"):
        gradient_norms(nn.Flatten(), images())

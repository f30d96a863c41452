"""Iterative refinement where each block's estimate is known."""

import numpy as np
import pytest

from minitorch_cnn import nn
from minitorch_cnn.analysis import iterative_refinement
from minitorch_cnn.analysis.watch import recorded
from minitorch_cnn.models import create_model

from .nets import drawn, images, linear_residual_net


def test_blocks_that_add_nothing_have_the_last_estimate_from_the_start():
    found = iterative_refinement(linear_residual_net([0.0, 0.0, 0.0]), images())
    assert found.blocks == ["0", "1", "2"] and found.stage.tolist() == [0, 0, 0]
    for values in (found.error, found.spread, found.distance):
        assert np.array_equal(values, np.zeros(3))
    assert np.allclose(found.similarity, 1)


def test_the_distance_is_that_of_a_block_from_the_last():
    # Outputs are 2x, 4x and -4x.
    x = images()
    found = iterative_refinement(linear_residual_net([1.0, 1.0, -2.0]), x)
    assert np.allclose(found.distance, [6 / 4, 2, 0])
    assert np.allclose(found.similarity, [-1, -1, 1])
    assert np.allclose(found.error, [6 * x.array.mean(), 8 * x.array.mean(), 0])
    assert np.allclose(found.spread, [6 * x.array.std(), 8 * x.array.std(), 0])


def test_a_stage_ends_where_the_shape_changes():
    model = create_model("resnet20_cifar", width=0.25, in_channels=2).double()
    found = iterative_refinement(model, images(side=8))
    assert found.stage.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert found.blocks[3] == "layer2.0" and found.distance[[2, 5, 8]].max() == 0
    drawn(found)


def test_a_plain_net_has_its_blocks_compared_though_they_need_not_refine_anything():
    plain = create_model("plain20_cifar", width=0.25, in_channels=2).double()
    found = iterative_refinement(plain, images(side=8))
    assert found.stage.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    with recorded(plain.eval()) as outputs:
        plain(images(side=8))
    first, last = (outputs[f"layer1.{k}"].array for k in (0, 2))
    assert np.isclose(found.distance[0], np.linalg.norm(first - last) / np.linalg.norm(last))


def test_nets_without_stages_of_residual_blocks_are_refused():
    with pytest.raises(ValueError, match="iterative_refinement: Flatten has no residual blocks"):
        iterative_refinement(nn.Flatten(), images())
    with pytest.raises(ValueError, match="has no two blocks in a stage"):
        iterative_refinement(linear_residual_net([1.0]), images())

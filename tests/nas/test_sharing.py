"""Children share one set of weights, of which each takes a part."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.nas import CellSpace, LayerSpace, Supernet, Training, search_shared

SPACE = LayerSpace(layers=2, heights=(1, 3), widths=(1, 3), filters=(2, 3), strides=(1, 2))


@pytest.fixture(autouse=True)
def seed():
    mt.manual_seed(0)


def numbers(net):
    return {key: weight.detach().numpy().copy() for key, weight in net.weights.items()}


def test_a_child_has_the_first_channels_and_the_middle_of_the_window():
    net = Supernet(SPACE, 4, 1)
    whole = net.weights["conv2.conv.weight/4"].detach().numpy()
    assert whole.shape == (3, 3, 3, 3)
    small = net.child([{"kernel": [1, 3], "filters": 2, "stride": 1}] * 2)
    np.testing.assert_array_equal(small.conv2.conv.weight.detach().numpy(), whole[:2, :2, 1:2, :])
    assert small(mt.zeros(2, 1, 6, 6)).shape == (2, 4)


def test_a_step_moves_only_the_weights_of_its_child():
    net = Supernet(SPACE, 4, 1, weight_decay=0.0)
    before = numbers(net)
    x, labels = mt.randn(8, 1, 6, 6), mt.arange(8) % 4
    net.step([{"kernel": [1, 1], "filters": 2, "stride": 1}] * 2, x, labels)
    moved = numbers(net)["conv2.conv.weight/4"] != before["conv2.conv.weight/4"]
    assert moved[:2, :2, 1, 1].all() and moved.sum() == 4


def test_the_weights_of_one_child_help_the_others():
    """Trained on one child only, a child with other windows is better than chance, too."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 64)
    images = rng.standard_normal((64, 1, 6, 6)).astype(np.float32) + 2 * labels[:, None, None, None]
    batch = mt.from_numpy(images.astype(np.float32)), mt.from_numpy(labels)
    net = Supernet(SPACE, 2, 1, lr=0.1)
    large, other = ([{"kernel": k, "filters": 3, "stride": 1}] * 2 for k in ([3, 3], [3, 1]))
    for _ in range(30):
        net.step(large, *batch)
    assert net.accuracy(large, [batch]) > 0.9 and net.accuracy(other, [batch]) > 0.7


def test_cells_share_their_operations():
    space = CellSpace(nodes=2, operations=("identity", "conv_1x1", "max_pool_3x3"), filters=2)
    net, rng = Supernet(space, 3, 1), np.random.default_rng(0)
    for _ in range(12):
        sequence = [int(rng.integers(n)) for n in space.sizes]
        net.step(space.decode(sequence), mt.randn(4, 1, 8, 8), mt.arange(4) % 3)
    grouped = [p for group in net.optimizer.param_groups for p in group["params"]]
    assert len(grouped) == len(net.weights) and len({id(p) for p in grouped}) == len(grouped)


def test_a_search_by_shared_weights_is_the_same_again_and_counts_its_work():
    training = Training(images=60, batch_size=16)
    first, again = (
        search_shared(SPACE, training, rounds=2, steps=3, batch=2, drawn=3, seed=1)
        for _ in range(2)
    )
    assert first == again
    assert (first.steps, len(first.rewards)) == (6, 2)
    assert first.evaluations == 4 + len(first.samples)
    rewards = [sample.reward for sample in first.samples]
    assert rewards == sorted(rewards, reverse=True)
    assert SPACE.decode(first.samples[0].sequence) == first.samples[0].architecture


def test_numbers_below_one_are_refused():
    with pytest.raises(ValueError, match="search_shared: rounds=0 must be at least 1"):
        search_shared(SPACE, rounds=0)

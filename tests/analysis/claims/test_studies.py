"""The measurements of the other claims, on nets and images whose answer is known."""

import numpy as np
import pytest

from minitorch_cnn import functional as F
from minitorch_cnn import nn
from minitorch_cnn.analysis.claims import inception
from minitorch_cnn.analysis.claims.batch_norm import Shift
from minitorch_cnn.analysis.claims.overfitting import averaging_head, linear_head, shifted
from minitorch_cnn.analysis.claims.residual import changes, image_of
from minitorch_cnn.analysis.claims.reuse import weights_by_source
from minitorch_cnn.analysis.claims.shifts import moved_right
from minitorch_cnn.analysis.claims.speed import epochs_until
from minitorch_cnn.models.blocks import ConvReLU
from minitorch_cnn.models.densenet import Block, Layer, everything
from minitorch_cnn.models.residual import BasicBlock, PlainBlock
from minitorch_cnn.random import manual_seed
from minitorch_cnn.tensor import Tensor


def test_the_first_epoch_below_a_limit_counts_from_one_and_never_is_one_more_than_the_last():
    assert epochs_until(np.array([0.5, 0.1, 0.3, 0.05])) == 2
    assert epochs_until(np.array([0.5, 0.4])) == 3


def test_a_shift_is_the_move_of_the_mean_in_old_standard_deviations():
    conv = nn.Conv2d(1, 2, 1)
    conv.weight.array[:] = np.array([1.0, 2.0])[:, None, None, None]
    x = np.random.default_rng(0).normal(size=(9, 1, 4, 4)).astype(np.float32)
    watch = Shift(nn.Sequential(conv, nn.ReLU()), x)
    watch(0)
    conv.bias.array[:] += 3.0
    watch(1)
    deviation = x.astype(np.float64).std()
    assert watch.moved[0] == pytest.approx([(3 / deviation + 3 / (2 * deviation)) / 2], rel=1e-5)


def test_a_shifted_image_is_one_of_the_nine_that_a_move_by_a_pixel_makes():
    x = np.random.default_rng(0).normal(size=(40, 1, 5, 4))
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    moved = shifted(x, np.random.default_rng(1))
    seen = set()
    for k in range(40):
        places = [
            (i, j)
            for i in range(3)
            for j in range(3)
            if np.array_equal(moved[k], padded[k, :, i : i + 5, j : j + 4])
        ]
        assert len(places) == 1
        seen.update(places)
    assert len(seen) == 9


def test_a_move_to_the_right_repeats_the_first_column():
    x = np.arange(8.0).reshape(1, 1, 2, 4)
    assert moved_right(x, 2)[0, 0].tolist() == [[0, 0, 0, 1], [4, 4, 4, 5]]
    assert moved_right(x, 0) is x


def test_the_heads_have_the_weights_that_are_told_of_them():
    counts = [
        sum(p.numel() for p in head()[3 + 2 :].parameters())
        for head in (linear_head, averaging_head)
    ]
    assert counts == [512 * 128 + 128 + 128 * 10 + 10, 32 * 10 * 9 + 10]


def identity_block(kind, factor):
    """A block whose branch is `factor` times its input, where that is above 0."""
    block = kind(2, 2).eval()
    for conv, scale in ((block.conv1, 1.0), (block.conv2, factor)):
        nn.init.dirac_(conv.weight)
        conv.weight.array[:] *= scale
    for bn in (block.bn1, block.bn2):
        bn.eps = 0.0
    return block


def test_the_change_by_a_block_is_its_branch_and_of_a_plain_one_the_difference():
    x = abs(np.random.default_rng(0).normal(size=(3, 2, 4, 4))).astype(np.float32)
    net = nn.Sequential(identity_block(BasicBlock, 0.25), identity_block(PlainBlock, 0.25))
    assert changes(net, x) == pytest.approx({"0": 0.25, "1": 0.75}, rel=1e-5)


def test_the_image_of_a_block_is_input_branch_and_sum_of_its_largest_channel():
    x = abs(np.random.default_rng(0).normal(size=(1, 2, 3, 3))).astype(np.float32)
    x[0, 1] += 5
    picture = image_of(nn.Sequential(identity_block(BasicBlock, 0.5)), x, "0")
    between = np.full((3, 1), np.nan)
    expected = np.concatenate([x[0, 1], between, 0.5 * x[0, 1], between, 1.5 * x[0, 1]], axis=1)
    assert np.allclose(picture, expected, equal_nan=True)


def test_the_weights_of_a_dense_layer_are_told_by_their_source():
    block = Block(3, 2, 2, lambda channels: Layer(channels, 2, False, 0.0, False), everything)
    first, second = block.children()
    first.conv1.weight.array[:] = -7
    second.conv1.weight.array[:, :3] = 1
    second.conv1.weight.array[:, 3:] = -4
    found = weights_by_source(block, 3, 2)
    assert np.array_equal(found, [[1, 0.25], [np.nan, 1]], equal_nan=True)


@pytest.fixture
def googlenet():
    manual_seed(0)
    return inception.small_googlenet(ConvReLU)


def test_the_branches_of_a_module_make_its_channels_in_order(googlenet):
    module = googlenet.inception3a
    assert [(s.start, s.stop) for s in inception.slices_of(module)] == [
        (0, 8),
        (8, 24),
        (24, 28),
        (28, 32),
    ]
    x = Tensor(np.random.default_rng(0).normal(size=(1, 24, 8, 8)).astype(np.float32))
    before = module(x).array
    with inception.silenced(module, slice(8, 24)):
        after = module(x).array
    assert not after[:, 8:24].any() and before[:, 8:24].any()
    for part in (slice(0, 8), slice(24, 32)):
        assert np.array_equal(after[:, part], before[:, part])
    assert np.array_equal(module(x).array, before)


def test_the_use_of_a_branch_is_its_share_of_what_the_next_layers_read(googlenet):
    net = googlenet
    maps = np.ones((2, 32, 8, 8), np.float32)
    maps[:, 8:24] = 3
    for m in net.inception3b.modules():
        if isinstance(m, nn.Conv2d):
            m.weight.array[:] = 1
    # equal weights: 8 channels of 1, 16 of 3, 4 of 1, 4 of 1
    assert inception.used_by_next(net, "inception3a", maps) == pytest.approx(
        np.array([8, 48, 4, 4]) / 64
    )
    for m in net.inception3b.modules():
        if isinstance(m, nn.Conv2d) and m.in_channels == 32:
            m.weight.array[:, 8:24] = 0
    assert inception.used_by_next(net, "inception3a", maps) == pytest.approx([0.5, 0, 0.25, 0.25])


def test_heads_are_after_the_second_and_fourth_module_and_add_their_loss(googlenet):
    manual_seed(0)
    net = inception.small_googlenet(ConvReLU, heads=True)
    for m in net.modules():
        if isinstance(m, nn.Dropout):
            m.p = 0.0
    x = np.random.default_rng(0).normal(size=(4, 1, 8, 8)).astype(np.float32)
    labels = np.arange(4)
    norm = inception.first_gradient(net, x, labels)
    logits, first, second = net(Tensor(x))
    y = Tensor(labels)
    loss = F.cross_entropy(logits, y)
    loss = loss + 0.3 * (F.cross_entropy(first, y) + F.cross_entropy(second, y))
    loss.backward()
    gradients = [p.grad.array for p in net.inception3a.parameters()]
    assert norm == pytest.approx(
        np.sqrt(sum((g.astype(float) ** 2).sum() for g in gradients)), rel=1e-4
    )


def test_an_inception_net_without_shortcuts_has_the_same_weights():
    counts = [
        sum(p.numel() for p in inception.inception_net(r).parameters()) for r in (True, False)
    ]
    assert counts[0] == counts[1]

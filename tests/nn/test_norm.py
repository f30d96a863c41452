"""Normalisation layers: running statistics step by step, and what is refused."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.kernels.cuda.array import has_compiler

# Two channels of four values each, with mean 1 and 4, unbiased variance 4 and 8/3.
X = mt.tensor([[0.0, 2], [0, 4], [0, 4], [4, 6]], dtype=mt.float64)


@pytest.mark.parametrize(
    "momentum, mean, variance",
    [
        (0.1, [0.1, 0.4], [1.3, 1 + 0.1 * 5 / 3]),
        (1.0, [1, 4], [4, 8 / 3]),
        (0.0, [0, 0], [1, 1]),
        (None, [1, 4], [4, 8 / 3]),
    ],
)
def test_running_statistics_move_by_the_momentum_towards_mean_and_unbiased_variance(
    momentum, mean, variance
):
    bn = nn.BatchNorm1d(2, momentum=momentum, dtype=mt.float64)
    bn(X)
    np.testing.assert_allclose(bn.running_mean, mean, atol=1e-15)
    np.testing.assert_allclose(bn.running_var, variance, rtol=1e-15)
    assert bn.num_batches_tracked.item() == 1
    bn.eval()(X)
    np.testing.assert_allclose(bn.running_mean, mean, atol=1e-15)
    assert bn.num_batches_tracked.item() == 1


def test_momentum_none_averages_all_batches():
    bn = nn.BatchNorm1d(2, momentum=None, dtype=mt.float64)
    for factor in (1, 2, 6):
        bn(X * factor)
    np.testing.assert_allclose(bn.running_mean, [3, 12])
    bn.reset_running_stats()
    assert bn.num_batches_tracked.item() == 0 and bn.running_var.tolist() == [1, 1]


def test_evaluation_uses_the_running_statistics_and_training_the_batch():
    bn = nn.BatchNorm1d(2, eps=1e-20, momentum=1.0, dtype=mt.float64)
    y = bn(X)
    np.testing.assert_allclose(y.detach()[:, 0], [-(3**-0.5)] * 3 + [3**0.5])
    np.testing.assert_allclose(bn.eval()(X).detach()[:, 0], [-0.5, -0.5, -0.5, 1.5])


def test_without_running_statistics_evaluation_uses_the_batch():
    bn = nn.BatchNorm1d(2, track_running_stats=False, dtype=mt.float64)
    assert list(bn.state_dict()) == ["weight", "bias"]
    assert mt.equal(bn(X), bn.eval()(X))


def test_statistics_that_are_no_longer_tracked_stay_as_they_are():
    bn = nn.BatchNorm1d(2, dtype=mt.float64)
    bn(X)
    bn.track_running_stats = False
    bn(X)
    np.testing.assert_allclose(bn.running_mean, [0.1, 0.4])
    assert bn.num_batches_tracked.item() == 1


def test_a_checkpoint_does_not_count_its_batch_twice():
    bn = nn.BatchNorm1d(2, dtype=mt.float64)
    other = nn.BatchNorm1d(2, dtype=mt.float64)
    x = X.clone().requires_grad_()
    mt.checkpoint(bn, x).sum().backward()
    other(X)
    assert bn.num_batches_tracked.item() == 1
    np.testing.assert_array_equal(bn.running_mean, other.running_mean)


def test_a_layer_norm_ignores_the_rest_of_the_batch():
    ln = nn.LayerNorm(2, eps=1e-20)
    assert ln(mt.tensor([[0.0, 2], [10, 50]])).tolist() == [[-1, 1], [-1, 1]]


def test_local_response_norm_divides_by_the_energy_of_neighbouring_channels():
    lrn = nn.LocalResponseNorm(2, alpha=2.0, beta=1.0, k=1.0)
    x = mt.tensor([1.0, 2, 3]).reshape(1, 3, 1)
    y = lrn(x).flatten().tolist()  # the channel itself and the one before
    assert y == pytest.approx([1 / (1 + 1), 2 / (1 + 1 + 4), 3 / (1 + 4 + 9)])


@pytest.mark.parametrize(
    "act, error, words",
    [
        (lambda: nn.BatchNorm2d(0), ValueError, "BatchNorm2d: num_features=0"),
        (lambda: nn.BatchNorm2d(2)(X), ValueError, r"BatchNorm2d: input .* must be \(N, C, H, W\)"),
        (lambda: nn.BatchNorm1d(2)(mt.ones(1, 2, 3, 4)), ValueError, r"must be \(N, C\) or"),
        (lambda: nn.BatchNorm1d(3)(X.float()), ValueError, r"batch_norm: .* \(2,\)"),
        (
            lambda: nn.GroupNorm(3, 4),
            ValueError,
            "GroupNorm: num_groups=3 must divide num_channels=4",
        ),
        (lambda: nn.GroupNorm(0, 4), ValueError, "GroupNorm: num_groups=0"),
        (lambda: nn.LayerNorm((2, 0)), ValueError, "LayerNorm: normalized_shape=0"),
        (lambda: nn.LayerNorm(3)(mt.ones(2, 4)), ValueError, "layer_norm"),
        (lambda: nn.LocalResponseNorm(0), ValueError, "LocalResponseNorm: size=0"),
    ],
)
def test_settings_and_inputs_that_do_not_fit_are_refused(act, error, words):
    with pytest.raises(error, match=words):
        act()


def test_a_batch_norm_over_processes_is_one_over_the_batch():
    x = mt.tensor(np.random.default_rng(0).standard_normal((3, 4, 5, 2)).astype(np.float32))
    over, plain = nn.SyncBatchNorm(4, momentum=0.3), nn.BatchNorm2d(4, momentum=0.3)
    np.testing.assert_array_equal(over(x).detach(), plain(x).detach())
    np.testing.assert_array_equal(over.running_var, plain.running_var)
    assert over(x[:, :, 0, 0]).shape == (3, 4) and list(over.state_dict()) == list(
        plain.state_dict()
    )
    net = nn.Sequential(plain)
    assert nn.SyncBatchNorm.convert_sync_batchnorm(net) is net
    with pytest.raises(ValueError, match=r"^SyncBatchNorm: input of shape \(3,\)"):
        over(mt.zeros(3))


@pytest.mark.skipif(not has_compiler(), reason="no g++ on Linux")
@pytest.mark.parametrize("after", [nn.ReLU, nn.ReLU6])
def test_the_kernel_of_a_batch_norm_counts_the_batches_whatever_follows(after):
    x = mt.randn(4, 2, 3, 3) * 9
    layers = {device: nn.Sequential(nn.BatchNorm2d(2), after()) for device in ("cpu", "emulator")}
    results = [net.to(device)(x.to(device)).cpu() for device, net in layers.items()]
    assert np.allclose(*(y.detach().numpy() for y in results), atol=1e-5)
    for net in layers.values():
        assert net[0].num_batches_tracked.item() == 1

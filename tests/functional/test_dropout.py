"""Dropout: dropped elements, their frequency, the scale of the others, and the gradient."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import functional as F
from minitorch_cnn import random
from minitorch_cnn.autograd import gradcheck, gradgradcheck
from minitorch_cnn.kernels import philox
from minitorch_cnn.tensor.tensor import Tensor
from tests.places import KERNEL_DEVICES

DROPS = [F.dropout, F.dropout2d, F.drop_path]
SHAPE = (200, 10, 3, 3)
# the axes that live or die together
TOGETHER = {F.dropout: (), F.dropout2d: (2, 3), F.drop_path: (1, 2, 3)}


@pytest.mark.parametrize("drop", DROPS)
@pytest.mark.parametrize("p", [0.1, 0.5])
def test_a_share_p_is_dropped_and_the_rest_divided_by_1_minus_p(drop, p):
    mt.manual_seed(0)
    y = drop(Tensor(np.ones(SHAPE)), p).array
    np.testing.assert_allclose(np.unique(y), [0, 1 / (1 - p)])
    np.testing.assert_array_equal(y, np.broadcast_to(y.max(TOGETHER[drop], keepdims=True), SHAPE))
    decisions = y.size / np.prod([SHAPE[axis] for axis in TOGETHER[drop]])
    assert abs((y == 0).mean() - p) < 4 * np.sqrt(p * (1 - p) / decisions)


@pytest.mark.parametrize("drop", DROPS)
def test_the_mask_comes_from_the_generator_that_manual_seed_seeds(drop):
    x = Tensor(np.ones((8, 8, 2, 2)))
    runs = []
    for seed in (1, 1, 2):
        mt.manual_seed(seed)
        runs.append((drop(x).array, drop(x).array))
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])
    assert not np.array_equal(runs[0][0], runs[0][1])


@pytest.mark.parametrize("drop", DROPS)
def test_without_training_or_with_p_0_the_input_itself_returns(drop):
    x = Tensor(np.ones((2, 3, 4, 4)))
    assert drop(x, 0.5, training=False) is x
    assert drop(x, 0.0) is x


@pytest.mark.parametrize("drop", DROPS)
def test_p_1_drops_everything_and_stops_the_gradient(drop):
    x = Tensor(np.ones((2, 3, 4, 4)), requires_grad=True)
    y = drop(x, 1.0)
    y.sum().backward()
    assert not y.array.any() and not x.grad.array.any()


@pytest.mark.parametrize("drop", DROPS)
def test_the_gradient_passes_where_the_input_passed(drop, rng):
    x = Tensor(rng.standard_normal((4, 3, 2, 2)), requires_grad=True)

    def seeded(x):
        mt.manual_seed(3)
        return drop(x, 0.4)

    assert gradcheck(seeded, (x,))
    assert gradgradcheck(seeded, (x,))
    assert 0 < (seeded(x).array == 0).mean() < 1


@pytest.mark.parametrize("drop", DROPS)
def test_dtype_and_empty_batches_stay(drop):
    y = drop(Tensor(np.ones((0, 3, 2, 2), np.float32)))
    assert y.shape == (0, 3, 2, 2) and y.dtype == np.float32


def test_dropout2d_reads_three_axes_as_one_image_where_pytorch_still_warns():
    mt.manual_seed(0)
    y = F.dropout2d(Tensor(np.ones((100, 3, 3)))).array
    np.testing.assert_array_equal(y, np.broadcast_to(y[:, :1, :1], y.shape))
    assert 0 < (y == 0).mean() < 1


def test_dropout_keeps_one_byte_per_element():
    y = F.dropout(Tensor(np.ones((10, 10), np.float32), requires_grad=True))
    (mask,) = y._node.kept
    assert mask.dtype == bool


@pytest.mark.parametrize("drop", DROPS)
@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_p_outside_0_and_1_is_refused_also_without_training(drop, p):
    with pytest.raises(ValueError, match=rf"^{drop.__name__}: p={p} must be in \[0, 1\]"):
        drop(Tensor(np.ones((1, 1, 2, 2))), p, training=False)


def test_other_ranks_and_dtypes_are_refused():
    with pytest.raises(ValueError, match=r"^dropout2d: input of shape \(2, 3\) must be"):
        F.dropout2d(Tensor(np.ones((2, 3))))
    with pytest.raises(ValueError, match=r"^drop_path: input must have a batch axis"):
        F.drop_path(Tensor(np.ones(())))
    with pytest.raises(TypeError, match=r"^dropout: input of dtype int64"):
        F.dropout(Tensor(np.arange(3)))


@pytest.mark.parametrize("name", ["alpha_dropout", "feature_alpha_dropout"])
def test_alpha_dropout_keeps_mean_and_variance(name):
    mt.manual_seed(0)
    x = mt.randn(400, 300, dtype=mt.float64)
    y = getattr(F, name)(x, 0.3, training=True).numpy()
    assert abs(y.mean()) < 0.02 and abs(y.var() - 1) < 0.02
    assert getattr(F, name)(x, 0.3) is x
    assert not getattr(F, name)(x, 1.0, training=True).numpy().any()
    two = np.unique(getattr(F, name)(mt.ones(50, 50, dtype=mt.float64), 0.3, True).numpy())
    np.testing.assert_allclose(two, [-1.05954816, 1.31504468], rtol=1e-7)  # PyTorch's


@pytest.mark.parametrize("name, axes", [("dropout1d", 1), ("dropout3d", 3)])
def test_whole_channels_are_dropped(name, axes):
    mt.manual_seed(0)
    y = getattr(F, name)(mt.ones(20, 30, *(4,) * axes), 0.25).numpy().reshape(600, -1)
    assert (y == y[:, :1]).all()
    np.testing.assert_allclose(np.unique(y), [0, 1 / 0.75], rtol=1e-6)
    assert abs((y[:, 0] == 0).mean() - 0.25) < 0.06
    with pytest.raises(ValueError, match=f"{name}: input of shape"):
        getattr(F, name)(mt.ones(3))


@pytest.mark.parametrize("device", KERNEL_DEVICES)
def test_on_a_device_masks_are_philox_numbers_of_a_key_of_the_generator(device):
    x = mt.ones(3, 4, 5, 5, device=device)
    kinds = ((F.dropout, 300), (F.dropout2d, 12), (F.drop_path, 3))
    mt.manual_seed(7)
    found = [op(x, 0.4).cpu().numpy() for op, _ in kinds]
    keys = np.random.default_rng(7).integers(0, 2**64, 3, dtype=np.uint64)
    for y, key, (_, count) in zip(found, keys, kinds, strict=True):
        u = philox.uniform(count, np.float32, int(key), np.zeros(()))
        kept = (u >= np.float32(0.4)).reshape(*y.shape[: {300: 4, 12: 2, 3: 1}[count]])
        expected = np.broadcast_to(kept.reshape(kept.shape + (1,) * (4 - kept.ndim)), y.shape)
        np.testing.assert_array_equal(y, expected * np.float32(1 / 0.6))


@pytest.mark.parametrize("device", KERNEL_DEVICES)
def test_on_a_device_the_rows_of_a_batch_have_the_masks_of_the_whole(device):
    x = mt.ones(6, 10, device=device)
    mt.manual_seed(7)
    whole = F.dropout(x, 0.5).cpu().numpy()
    mt.manual_seed(7)
    with random.drawing_rows(random.Rows(2, 3, 6)):
        part = F.dropout(x[2:5], 0.5).cpu().numpy()
    np.testing.assert_array_equal(part, whole[2:5])

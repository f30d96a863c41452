"""Occlusion maps of nets that look at known pixels."""

import numpy as np
import pytest

from minitorch_cnn import nn
from minitorch_cnn.analysis import occlusion_map
from minitorch_cnn.tensor import Tensor

from .nets import drawn


@pytest.fixture
def one_pixel():
    """Class 1 if the pixel (2, 5) is bright; and an image in which it is."""
    linear = nn.Linear(64, 2).double()
    linear.weight.array[:], linear.bias.array[:] = 0, [0, -2]
    linear.weight.array[1, 2 * 8 + 5] = 4
    image = np.zeros((1, 8, 8))
    image[0, 2, 5] = 1
    return nn.Sequential(nn.Flatten(), linear), Tensor(image)


def test_only_squares_over_the_pixel_that_counts_change_the_probability(one_pixel):
    model, image = one_pixel
    found = occlusion_map(model, image, size=2, value=0.0)
    intact, hidden = 1 / (1 + np.exp(-2)), 1 / (1 + np.exp(2))
    expected = np.full((7, 7), intact)
    expected[1:3, 4:6] = hidden
    assert found.label == 1 and found.intact == pytest.approx(intact)
    assert np.allclose(found.probabilities, expected)
    assert found.drop[2, 5] == pytest.approx(intact - hidden) and found.drop[7, 0] == 0
    assert found.drop[1, 4] == pytest.approx((intact - hidden) / 4)
    assert "from 0.88 to 0.12" in drawn(found).get_suptitle()


def test_a_stride_leaves_places_out_and_pixels_that_no_square_covers(one_pixel):
    model, image = one_pixel
    found = occlusion_map(model, image, label=0, size=3, stride=4)
    assert found.probabilities.shape == (2, 2)
    assert np.isnan(found.drop[3]).all() and not np.isnan(found.drop[:3, :3]).any()
    drawn(found)


def test_what_does_not_fit_is_refused(one_pixel):
    model, image = one_pixel
    with pytest.raises(ValueError, match="occlusion_map: size=9 must be from 1 to 8"):
        occlusion_map(model, image, size=9)
    with pytest.raises(ValueError, match=r"occlusion_map: image of shape \(8, 8\)"):
        occlusion_map(model, image[0])

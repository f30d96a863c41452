"""Other views of an image take the place of its middle."""

import numpy as np
import pytest

from minitorch_cnn.data import transforms as T
from minitorch_cnn.training import (
    Preprocessing,
    at_scale,
    evaluation_sides,
    grid_crops,
    mirrored,
    square_crops,
    ten_crops,
    whole_image,
)


@pytest.fixture
def image():
    return np.random.default_rng(0).random((3, 60, 80), dtype=np.float32)


@pytest.fixture
def middle():
    return Preprocessing(48, 32, (0.5,), (0.25,)).transform()


def test_ten_crops_and_the_whole_image_take_the_place_of_the_middle(image, middle):
    crops, whole = ten_crops(middle)(image), whole_image(middle)(image)
    assert crops.shape == (10, 3, 32, 32) and whole.shape == (3, 48, 64)
    np.testing.assert_allclose(crops[4], middle(image), rtol=1e-6)
    assert np.array_equal(mirrored(middle)(image), middle(image)[..., ::-1])


def test_fifty_crops_are_those_of_a_grid_and_of_the_mirror_image(image, middle):
    """Oracle: a loop over the whole image, resized and normalised."""
    whole, crops = whole_image(middle)(image), grid_crops(middle)(image)
    assert crops.shape == (50, 3, 32, 32)
    expected = []
    for picture in (whole, whole[..., ::-1]):
        for top in (0, 4, 8, 12, 16):
            for left in (0, 8, 16, 24, 32):
                expected.append(picture[:, top : top + 32, left : left + 32])
    np.testing.assert_allclose(crops, np.stack(expected))


def test_the_squares_of_a_net_s_images_replace_the_resizing(image, middle):
    crops = square_crops(middle)(image)
    assert crops.shape == (144, 3, 32, 32)
    again = T.SquareCrops(32)(image)
    np.testing.assert_allclose(crops, (again - 0.5) / 0.25, rtol=1e-4, atol=1e-5)


def test_a_scale_replaces_the_shorter_side(image, middle):
    assert whole_image(at_scale(middle, 36))(image).shape == (3, 36, 48)
    assert at_scale(middle, 36)(image).shape == (3, 32, 32)
    with pytest.raises(ValueError, match="at_scale: side=31 must be at least the crop"):
        at_scale(middle, 31)


def test_the_sides_of_test_images_are_those_of_the_paper():
    """VGG's table 4: S = 256 at 224, 256, 288; S in [256, 512] at 256, 384, 512."""
    assert evaluation_sides(256) == (224, 256, 288)
    assert evaluation_sides(384) == (352, 384, 416)
    assert evaluation_sides(256, 512) == (256, 384, 512)


@pytest.mark.parametrize("look", [ten_crops, whole_image, grid_crops, square_crops])
def test_a_model_that_sees_all_of_an_image_has_no_other_looks(look):
    everything = T.Compose([T.Resize(32), T.CenterCrop(32), T.Normalize((0.5,), (0.25,))])
    with pytest.raises(ValueError, match="sees all of an image"):
        look(everything)

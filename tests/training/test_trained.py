"""A trained model gets images as its weights expect them."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.training.drawings import in_style, style_of
from minitorch_cnn.training.trained import Trained, prepare, with_weights


@pytest.fixture
def weights(tmp_path):
    """A file of weights of lenet5_relu with three classes."""
    path = tmp_path / "weights.safetensors"
    mt.interop.save(lenet().state_dict(), path)
    return path


def lenet():
    return mt.models.create_model("lenet5_relu", num_classes=3).eval()


def test_weights_of_a_file_are_taken_with_what_is_usual_or_given(weights):
    found = with_weights("lenet5_relu", lenet(), weights, (1, 32, 32))
    resize, crop, scale = found.transform.transforms
    assert (resize.size, crop.size) == (32, (32, 32))
    assert found.classes == ["class 0", "class 1", "class 2"] and not found.of_pixels
    given = {"resize": 40, "mean": [0.1], "std": [0.2]}
    found = with_weights("lenet5_relu", lenet(), weights, (1, 32, 32), ["a", "b", "c"], **given)
    resize, _, scale = found.transform.transforms
    assert (resize.size, scale.mean, scale.std) == (40, (0.1,), (0.2,))
    assert found.classes == ["a", "b", "c"]


def test_names_and_sizes_that_do_not_fit_are_refused(weights):
    shape = (1, 32, 32)
    with pytest.raises(ValueError, match=r"^with_weights: lenet5_relu has 3 outputs, .* 2 classes"):
        with_weights("lenet5_relu", lenet(), weights, shape, ["a", "b"])
    with pytest.raises(ValueError, match=r"^with_weights: lenet5_relu cannot take images of 5 x 5"):
        with_weights("lenet5_relu", lenet(), weights, shape, crop=5)


def test_a_drawing_is_prepared_like_those_that_were_learned_unless_it_is_shown_as_it_is(tmp_path):
    image_module = pytest.importorskip("PIL.Image")
    sheet = np.full((60, 40), 255, np.uint8)
    sheet[10:40, 15:20] = 0  # a dark bar on white
    image_module.fromarray(sheet).save(tmp_path / "bar.png")
    style = style_of(mt.data.datasets.Digits(size=24).images[::20])
    trained = Trained("net", mt.nn.Identity(), None, 1, lambda image: 2 * image, False, style)
    image = sheet[None].astype(np.float32) / 255
    drawn, said = in_style(image, style)
    found = prepare(tmp_path / "bar.png", trained)
    assert np.array_equal(found.x, 2 * drawn) and np.array_equal(found.image, drawn)
    assert found.said == said and said.startswith("inverted, cropped to 5 x 30")
    as_is = prepare(tmp_path / "bar.png", trained, as_is=True)
    assert (as_is.said, np.array_equal(as_is.image, image)) == ("", True)
    by_hand = prepare(tmp_path / "bar.png", trained, invert=True, as_is=True)
    assert np.array_equal(by_hand.image, 1 - image)
    other = prepare(tmp_path / "bar.png", trained._replace(style=None))
    assert (other.said, np.array_equal(other.image, image)) == ("", True)

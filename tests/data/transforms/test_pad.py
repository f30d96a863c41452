"""Borders around images."""

import numpy as np
import pytest

from minitorch_cnn.data import transforms as T


def numbered(h, w, c=1):
    """Every pixel another number, so that a pixel says where it comes from."""
    return np.arange(1, c * h * w + 1, dtype=np.float32).reshape(c, h, w)


@pytest.mark.parametrize(
    ("padding", "width"),
    [(1, ((1, 1), (1, 1))), ((1, 2), ((2, 2), (1, 1))), ((1, 2, 3, 4), ((2, 4), (1, 3)))],
)
def test_pad_puts_left_top_right_and_bottom_where_they_belong(padding, width):
    image = numbered(2, 3, c=2)
    expected = np.pad(image, ((0, 0), *width), constant_values=0.5)
    np.testing.assert_array_equal(T.Pad(padding, fill=0.5)(image), expected)


@pytest.mark.parametrize("padding", [-1, 1.5, (1, 2, 3), (1, -1), "1"])
def test_pad_refuses_other_paddings(padding):
    with pytest.raises(ValueError, match=r"^Pad: padding="):
        T.Pad(padding)
    with pytest.raises(ValueError, match=r"^RandomCrop: padding="):
        T.RandomCrop(2, padding=padding)


@pytest.mark.parametrize("mode", ["edge", "reflect", "symmetric"])
def test_the_border_repeats_or_mirrors_the_image_if_asked(mode):
    image = numbered(3, 4, c=2)
    expected = np.pad(image, ((0, 0), (2, 1), (3, 0)), mode)
    np.testing.assert_array_equal(T.Pad((3, 2, 0, 1), padding_mode=mode)(image), expected)
    if mode == "reflect":
        torch = pytest.importorskip("torch")
        theirs = torch.nn.functional.pad(torch.from_numpy(image), (3, 0, 2, 1), mode="reflect")
        np.testing.assert_array_equal(theirs.numpy(), expected)


def test_every_channel_may_have_its_own_filling():
    out = T.Pad(1, fill=(0.1, 0.2, 0.3))(np.ones((3, 2, 2), np.float32))
    np.testing.assert_allclose(out[:, 0, 0], [0.1, 0.2, 0.3], rtol=1e-6)
    assert (out[:, 1:3, 1:3] == 1).all() and out.dtype == np.float32
    with pytest.raises(ValueError, match=r"^pad: fill has 2 numbers, the image 3 channels"):
        T.Pad(1, fill=(0.1, 0.2))(np.ones((3, 2, 2), np.float32))


def test_other_settings_of_a_border_are_refused():
    with pytest.raises(
        ValueError, match=r"^Pad: padding_mode='wrap' must be one of constant, edge"
    ):
        T.Pad(1, padding_mode="wrap")
    with pytest.raises(ValueError, match=r"^Pad: fill='black' must be a number"):
        T.Pad(1, fill="black")
    with pytest.raises(ValueError, match=r"^pad: padding=\(2, 0, 2, 0\) .* less than the image"):
        T.Pad((2, 0), padding_mode="reflect")(numbered(2, 2))

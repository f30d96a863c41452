"""Pictures and arrays become images."""

import numpy as np
import pytest

from minitorch_cnn.data import transforms as T

BYTES = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)


def test_bytes_are_divided_by_255_and_channels_come_first():
    image = T.ToTensor()(BYTES)
    assert image.dtype == np.float32 and image.shape == (3, 5, 4)
    np.testing.assert_allclose(image * 255, BYTES.transpose(2, 0, 1), rtol=1e-6)
    np.testing.assert_array_equal(T.ToTensor()(BYTES[..., 0]), image[:1])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16, bool])
def test_other_numbers_stay_as_they_are(dtype):
    values = (BYTES > 99).astype(dtype) if dtype is bool else BYTES.astype(dtype)
    image = T.ToTensor()(values)
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image, values.transpose(2, 0, 1))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1"])
def test_pictures_of_pillow_are_read(mode):
    pillow = pytest.importorskip("PIL.Image")
    picture = pillow.fromarray(BYTES).convert(mode)
    colours = np.asarray(picture.convert({"P": "RGB", "1": "L"}.get(mode, mode)))
    expected = np.atleast_3d(colours).transpose(2, 0, 1) / 255
    np.testing.assert_allclose(T.ToTensor()(picture), expected, atol=1e-6)


def test_it_begins_a_chain():
    chain = T.Compose([T.ToTensor(), T.CenterCrop(2)])
    assert chain(BYTES).shape == (3, 2, 2)


@pytest.mark.parametrize(
    "image, error", [([[1]], TypeError), (np.array(["a"]), TypeError), (np.zeros(3), ValueError)]
)
def test_anything_else_is_refused(image, error):
    with pytest.raises(error, match=r"^ToTensor: image must "):
        T.ToTensor()(image)

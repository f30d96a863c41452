"""The bundled handwritten digits."""

import numpy as np
import pytest

from minitorch_cnn.data.datasets import Digits
from minitorch_cnn.data.datasets.digits import FILE


def both():
    return Digits(train=True), Digits(train=False)


def test_every_image_is_in_exactly_one_part():
    train, held_out = both()
    assert (len(train), len(held_out)) == (1442, 355)
    with np.load(FILE) as file:
        images, labels = file["images"], file["labels"]
    assert images.shape == (1797, 8, 8) and images.dtype == labels.dtype == np.uint8
    counts = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert np.bincount(labels).tolist() == counts
    for digit in range(10):
        mine = images[labels == digit] / 16
        np.testing.assert_array_equal(held_out.images[held_out.labels == digit, 0], mine[4::5])
        rest = np.delete(mine, slice(4, None, 5), axis=0)
        np.testing.assert_array_equal(train.images[train.labels == digit, 0], rest)


def test_images_are_grey_floats_between_0_and_1():
    train, _ = both()
    assert train.images.dtype == np.float32 and train.images.shape[1:] == (1, 8, 8)
    assert train.images.min() == 0 and train.images.max() == 1
    image, label = train[5]
    assert image.shape == (1, 8, 8) and train.classes[label] == str(label)


@pytest.mark.parametrize("size", [28, 32])
def test_larger_images_keep_the_digit(size):
    large, small = Digits(train=False, size=size), Digits(train=False)
    assert large.images.shape == (355, 1, size, size) and large.images.dtype == np.float32
    assert large.images.min() >= 0 and large.images.max() <= 1
    np.testing.assert_allclose(
        large.images.mean(axis=(1, 2, 3)), small.images.mean(axis=(1, 2, 3)), atol=0.03
    )


def test_the_file_is_that_of_scikit_learn():
    theirs = pytest.importorskip("sklearn.datasets").load_digits()
    with np.load(FILE) as file:
        np.testing.assert_array_equal(file["images"], theirs.images)
        np.testing.assert_array_equal(file["labels"], theirs.target)


def test_origin_and_licence_stand_beside_the_file():
    text = FILE.with_suffix(".md").read_text(encoding="utf-8")
    for word in ("Alpaydin", "Kaynak", "UCI", "CC BY 4.0", "1,797", "355", "10.24432/C50P49"):
        assert word in text
    assert FILE.stat().st_size < 60_000

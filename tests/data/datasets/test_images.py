"""The bases of the image data sets."""

import numpy as np
import pytest

from minitorch_cnn.data import sample_generator
from minitorch_cnn.data.datasets import Digits, ImageDataset, Shapes
from minitorch_cnn.data.datasets.images import find_files

SOURCE = "https://example.org"


def test_bytes_become_floats_between_0_and_1():
    images = np.array([0, 51, 255], dtype=np.uint8).reshape(3, 1, 1, 1)
    dataset = ImageDataset(images, np.array([2, 1, 0]), ["a", "b", "c"])
    assert [dataset[i][0].item() for i in range(3)] == [0.0, np.float32(0.2), 1.0]
    image, label = dataset[1]
    assert image.dtype == np.float32 and label == 1 and type(label) is int


def test_the_label_of_a_class_is_found_by_its_name():
    images = np.zeros((1, 1, 2, 2), np.float32)
    assert ImageDataset(images, np.array([1]), ["cat", "ant"]).class_to_idx == {"cat": 0, "ant": 1}


def test_images_read_backwards_are_served_as_they_read():
    images = np.arange(24, dtype=np.float32).reshape(2, 1, 3, 4)
    dataset = ImageDataset(images[::-1, :, ::-1, ::-1], np.array([0, 1]), ["a", "b"])
    np.testing.assert_array_equal(dataset[0][0], images[1, :, ::-1, ::-1])


def test_the_transform_gets_the_image_and_the_generator_of_the_sample():
    got = []

    def transform(image, rng):
        got.append((image.dtype, rng is sample_generator()))
        return image[:, :1]

    dataset = ImageDataset(np.ones((1, 1, 2, 2), dtype=np.uint8), np.array([0]), ["a"], transform)
    assert dataset[0][0].shape == (1, 1, 2)
    assert got == [(np.float32, True)]


@pytest.mark.parametrize("dataset", [Digits(train=False), Shapes(7, size=16)])
def test_an_index_beyond_the_end_raises_and_a_loop_ends(dataset):
    with pytest.raises(IndexError):
        dataset[len(dataset)]
    assert sum(1 for _ in dataset) == len(dataset)
    assert dataset[-1][1] == dataset.labels[-1]


def test_files_are_taken_from_the_first_folder_that_has_them_all(tmp_path):
    (tmp_path / "inner").mkdir()
    for name in ("a", "inner/a.gz", "inner/b"):
        (tmp_path / name).touch()
    found = find_files("Some", tmp_path, [".", "inner"], [["a", "a.gz"], ["b", "b.gz"]], SOURCE)
    assert found == [tmp_path / "inner" / "a.gz", tmp_path / "inner" / "b"]


def test_missing_files_are_named_with_where_to_get_and_where_to_put_them(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        find_files("Some", tmp_path, [".", "inner"], [["a", "a.gz"], ["b"]], SOURCE)
    text = str(caught.value)
    assert text.startswith("Some: ") and "a, b" in text and SOURCE in text
    assert str(tmp_path) in text and str(tmp_path / "inner") in text

"""Data sets are found by name, each with a part held out."""

import struct

import numpy as np
import pytest

from minitorch_cnn.training.sources import SOURCES, load_source


def mark(value):
    """A transform that leaves a mark of its own."""
    return lambda image, rng: np.full((len(image), 1, 1), value, np.float32)


MARKS = (mark(1), mark(2))


@pytest.mark.parametrize("name, channels, classes", [("digits", 1, 10), ("shapes", 3, 8)])
def test_built_in_data_have_two_parts_each_with_its_transform(name, channels, classes):
    source = load_source(name, None, 32, MARKS)
    assert source.channels == channels and len(source.classes) >= 2
    if name == "digits":
        assert (len(source.train), len(source.test), len(source.classes)) == (1442, 355, classes)
    for part, value in ((source.train, 1), (source.test, 2)):
        image, label = part[0]
        assert image.shape == (channels, 1, 1) and image.max() == value
        assert 0 <= label < len(source.classes)


def test_the_part_held_out_is_another_one_whatever_the_transforms_are():
    source = load_source("digits", None, 8, MARKS[:1] * 2)
    assert (len(source.train), len(source.test)) == (1442, 355)


def test_shapes_have_masks_for_models_that_label_pixels():
    source = load_source("shapes", None, 24, MARKS, of_pixels=True)
    assert (len(source.train), len(source.test), len(source.classes)) == (1000, 250, 7)
    for part, value in ((source.train, 1), (source.test, 2)):
        image, mask = part[0]
        assert image.max() == value and mask.shape == (24, 24) and mask.max() in range(1, 7)


def test_data_without_masks_are_refused_for_models_that_label_pixels():
    with pytest.raises(ValueError, match=r"^load_source: data 'digits' has no masks.*; shapes has"):
        load_source("digits", None, 32, MARKS, of_pixels=True)


def idx(array):
    """The bytes of an IDX file."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.mark.parametrize(
    "name, files, classes",
    [
        ("mnist", "{}", 10),
        ("fashion-mnist", "{}", 10),
        ("kmnist", "{}", 10),
        ("emnist-letters", "emnist-letters-{}", 27),
        ("emnist-balanced", "emnist-balanced-{}", 47),
    ],
)
def test_data_in_the_format_of_mnist_are_read(tmp_path, name, files, classes):
    for part, count in (("train", 5), ("test" if "emnist" in name else "t10k", 3)):
        for kind, array in (
            ("images-idx3-ubyte", np.zeros((count, 28, 28), np.uint8)),
            ("labels-idx1-ubyte", np.full(count, classes - 1, np.uint8)),
        ):
            (tmp_path / f"{files.format(part)}-{kind}").write_bytes(idx(array))
    source = load_source(name, str(tmp_path), 28, MARKS)
    assert (len(source.train), len(source.test), source.channels) == (5, 3, 1)
    assert len(source.classes) == classes and source.test[0][1] == classes - 1


@pytest.mark.parametrize("name", ["digits", "shapes"])
def test_data_that_can_have_any_size_have_the_one_asked_for(name):
    assert load_source(name, None, 24, MARKS).train.images.shape[2:] == (24, 24)


def test_a_folder_holds_out_every_fifth_image_of_each_class(tmp_path):
    image = pytest.importorskip("PIL.Image")
    for name, count in (("ape", 11), ("bee", 5)):
        (tmp_path / name).mkdir()
        for i in range(count):
            image.new("RGB", (4, 4), (i, 0, 0)).save(tmp_path / name / f"{i:02}.png")
    keep = lambda image, rng: image  # noqa: E731
    source = load_source("folder", str(tmp_path), 32, (keep, keep))
    assert (source.classes, source.channels) == (["ape", "bee"], 3)
    held_out = [(round(255 * x[0, 0, 0].item()), label) for x, label in source.test]
    assert held_out == [(4, 0), (9, 0), (4, 1)]
    assert len(source.train) == 13


def test_a_folder_of_too_few_images_is_refused(tmp_path):
    image = pytest.importorskip("PIL.Image")
    (tmp_path / "ape").mkdir()
    image.new("L", (4, 4)).save(tmp_path / "ape" / "1.png")
    with pytest.raises(ValueError, match=r"^load_source: .* has fewer than 5 images"):
        load_source("folder", str(tmp_path), 32, MARKS)


@pytest.mark.parametrize("name", sorted(SOURCES.keys() - {"digits", "shapes"}))
def test_files_that_are_missing_are_asked_for(name, tmp_path):
    with pytest.raises(FileNotFoundError):
        load_source(name, str(tmp_path), 32, MARKS)
    with pytest.raises(ValueError, match=rf"^load_source: data '{name}' needs path, .* got None"):
        load_source(name, None, 32, MARKS)


def test_a_path_that_is_not_needed_is_refused():
    with pytest.raises(ValueError, match=r"^load_source: data 'digits' takes no path"):
        load_source("digits", "somewhere", 32, MARKS)


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match=r"^load_source: name='imagenet' must be one of digits"):
        load_source("imagenet", None, 32, MARKS)

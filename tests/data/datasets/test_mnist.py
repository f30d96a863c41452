"""MNIST and Fashion-MNIST from IDX files."""

import gzip
import struct
import tracemalloc

import numpy as np
import pytest

from minitorch_cnn.data.datasets import EMNIST, KMNIST, MNIST, FashionMNIST
from minitorch_cnn.data.datasets.mnist import read_idx

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (12, 28, 28), dtype=np.uint8)
LABELS = RNG.integers(0, 10, 12, dtype=np.uint8)


def idx(array):
    """The bytes of an IDX file."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def write(folder, images=IMAGES, labels=LABELS, part="train", packed=False):
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in (
        (f"{part}-images-idx3-ubyte", images),
        (f"{part}-labels-idx1-ubyte", labels),
    ):
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
        else:
            (folder / name).write_bytes(idx(array))


@pytest.mark.parametrize("kind", [MNIST, FashionMNIST, KMNIST])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("inner", [False, True])
def test_images_and_labels_are_read(tmp_path, kind, packed, inner):
    write(tmp_path / kind.__name__ / "raw" if inner else tmp_path, packed=packed)
    dataset = kind(tmp_path)
    np.testing.assert_array_equal(dataset.images[:, 0], IMAGES)
    np.testing.assert_array_equal(dataset.labels, LABELS)
    assert dataset.labels.dtype == np.int64 and len(dataset.classes) == 10
    image, label = dataset[4]
    assert image.shape == (1, 28, 28) and image.dtype == np.float32 and label == LABELS[4]
    np.testing.assert_allclose(image[0] * 255, IMAGES[4], rtol=1e-6)


def test_the_test_part_has_files_of_its_own(tmp_path):
    write(tmp_path)
    write(tmp_path, IMAGES[:3], LABELS[:3], part="t10k", packed=True)
    assert (len(MNIST(tmp_path)), len(MNIST(tmp_path, train=False))) == (12, 3)


def test_missing_files_are_named_with_their_source(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"^FashionMNIST: get t10k-images-idx3-ubyte.*https:"
    ):
        FashionMNIST(tmp_path, train=False)


WHOLE = idx(IMAGES)
DAMAGES = {
    "empty": (b"", r"has 0 bytes"),
    "half a header": (WHOLE[:9], r"has 9 bytes; expected 16"),
    "truncated": (WHOLE[:-1], r"has 9407 bytes of values; expected 9408"),
    "trailing": (WHOLE + b"\0", r"has more bytes of values; expected 9408"),
    "wrong magic": (b"\x89PNG" + WHOLE[4:], r"begins with 0x89504e47; expected 0x00000803"),
    "wrong type": (b"\0\0\x0d\x03" + WHOLE[4:], r"begins with 0x00000d03"),
    "labels": (idx(LABELS) + b"\0" * 20, r"begins with 0x00000801; expected 0x00000803"),
    "absurd size": (b"\0\0\x08\x03" + b"\xff" * 12 + WHOLE[16:], r"says it has 79228162458924105"),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("packed", [False, True])
def test_a_damaged_file_is_refused_by_name(tmp_path, damage, packed):
    content, message = DAMAGES[damage]
    path = tmp_path / ("some-images.gz" if packed else "some-images")
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(ValueError, match=rf"^read_idx: .*some-images.* {message}"):
        read_idx(path, ndim=3)


@pytest.mark.parametrize(
    "content",
    [gzip.compress(WHOLE)[:-900], gzip.compress(WHOLE)[:500] + b"\xff" * 99, b"\x1f\x8b", b""],
    ids=["truncated", "garbled", "begun", "empty"],
)
def test_a_damaged_gzip_file_is_refused_by_name(tmp_path, content):
    path = tmp_path / "some-images.gz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"^read_idx: .*some-images.gz "):
        read_idx(path, ndim=3)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (IMAGES, LABELS[:-1], "has 11 labels; expected 12"),
        (IMAGES, LABELS + 1 + (LABELS < 9), "has the label 10; expected 0..9"),
        (IMAGES[:, :, :27], LABELS, r"has images of \(28, 27\); expected \(28, 28\)"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(tmp_path, images, labels, message):
    write(tmp_path, np.ascontiguousarray(images), labels)
    with pytest.raises(ValueError, match=f"^MNIST: .*{message}"):
        MNIST(tmp_path)


@pytest.mark.parametrize("dot", [False, True])
@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("packed", [False, True])
def test_files_are_known_by_their_content_under_all_their_names(tmp_path, dot, suffix, packed):
    for name, array in (("images-idx3-ubyte", IMAGES), ("labels-idx1-ubyte", LABELS)):
        content = gzip.compress(idx(array)) if packed else idx(array)
        name = f"train-{name.replace('-idx', '.idx') if dot else name}{suffix}"
        (tmp_path / name).write_bytes(content)
    dataset = MNIST(tmp_path)
    np.testing.assert_array_equal(dataset.images[:, 0], IMAGES)
    np.testing.assert_array_equal(dataset.labels, LABELS)


def bomb(*shape):
    """A small packed file of 50 MB, whose header says `shape`."""
    header = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
    return gzip.compress(header + bytes(50_000_000), 1)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((70_001, 28, 28), r"says it has 54880784 values, .* expected at most 54880000"),
        ((2**31, 28, 28), r"says it has 1683627180032 values"),
        ((3, 28, 28), r"has more bytes of values; expected 2352"),
    ],
)
def test_a_packed_file_is_unpacked_no_further_than_it_may_have(tmp_path, shape, message):
    write(tmp_path)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(bomb(*shape))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=message):
            MNIST(tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 2e6
    finally:
        tracemalloc.stop()


# The numbers of classes that the paper's table II and the files' mappings have, and some of them.
SPLITS = {
    "byclass": (62, {0: "0", 10: "A", 35: "Z", 36: "a", 61: "z"}),
    "bymerge": (47, {9: "9", 10: "A", 35: "Z", 36: "a", 37: "b", 38: "d", 46: "t"}),
    "balanced": (47, {36: "a", 40: "f", 41: "g", 42: "h", 43: "n", 44: "q", 45: "r", 46: "t"}),
    "letters": (27, {0: "N/A", 1: "a", 26: "z"}),
    "digits": (10, {3: "3"}),
    "mnist": (10, {9: "9"}),
}


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("folder", [".", "gzip", "EMNIST/raw"])
def test_the_letters_of_emnist_stand_upright(tmp_path, split, folder):
    count, some = SPLITS[split]
    labels = np.array([0, count - 1, *some], np.uint8)
    images = np.ascontiguousarray(IMAGES[: len(labels)].swapaxes(1, 2))
    write(tmp_path / folder, images, labels, part=f"emnist-{split}-train", packed=True)
    write(tmp_path / folder, images[:2], labels[:2], part=f"emnist-{split}-test")
    dataset = EMNIST(tmp_path, split)
    np.testing.assert_array_equal(dataset.images[:, 0], IMAGES[: len(labels)])
    np.testing.assert_array_equal(dataset.labels, labels)
    assert len(dataset.classes) == count
    assert {label: dataset.classes[label] for label in some} == some
    assert len(EMNIST(tmp_path, split, train=False)) == 2


def test_another_split_of_emnist_and_missing_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^EMNIST: split='all' must be one of byclass, bymerge"):
        EMNIST(tmp_path, "all")
    with pytest.raises(FileNotFoundError, match=r"^EMNIST: get emnist-letters-test-images-idx3-"):
        EMNIST(tmp_path, "letters", train=False)


def test_torchvisions_arguments_and_attributes(tmp_path):
    write(tmp_path)
    dataset = MNIST(tmp_path, True, None, lambda label: label + 100, download=True)
    assert dataset[4][1] == LABELS[4] + 100 and type(dataset[4][1]) is int
    np.testing.assert_array_equal(dataset.data.numpy(), IMAGES)
    np.testing.assert_array_equal(dataset.targets.numpy(), LABELS)
    assert int((dataset.targets == 3).sum()) == int((LABELS == 3).sum())
    write(tmp_path, part="emnist-digits-train")
    letters = EMNIST(tmp_path, "digits", target_transform=str, download=True)
    assert letters[0][1] == str(LABELS[0])


def test_data_and_targets_may_be_written_and_replaced(tmp_path):
    write(tmp_path)
    dataset = MNIST(tmp_path)
    assert dataset.train is True and dataset.root == tmp_path
    dataset.targets[dataset.targets == 3] = 8
    assert 3 not in {label for _, label in dataset}
    dataset.data, dataset.targets = dataset.data[:5], dataset.targets[:5]
    assert len(dataset) == 5
    np.testing.assert_array_equal(dataset.data, IMAGES[:5])

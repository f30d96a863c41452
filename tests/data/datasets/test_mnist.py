"""MNIST and Fashion-MNIST from IDX files."""

import gzip
import struct

import numpy as np
import pytest

from minitorch_cnn.data.datasets import MNIST, FashionMNIST
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


@pytest.mark.parametrize("kind", [MNIST, FashionMNIST])
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
    "trailing": (WHOLE + b"\0", r"has 9409 bytes of values; expected 9408"),
    "wrong magic": (b"\x89PNG" + WHOLE[4:], r"begins with 0x89504e47; expected 0x00000803"),
    "wrong type": (b"\0\0\x0d\x03" + WHOLE[4:], r"begins with 0x00000d03"),
    "labels": (idx(LABELS) + b"\0" * 20, r"begins with 0x00000801; expected 0x00000803"),
    "absurd size": (b"\0\0\x08\x03" + b"\xff" * 12 + WHOLE[16:], r"expected 79228162458924105"),
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
    [WHOLE, gzip.compress(WHOLE)[:-900], gzip.compress(WHOLE)[:500] + b"\xff" * 99, b""],
    ids=["not gzip", "truncated", "garbled", "empty"],
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

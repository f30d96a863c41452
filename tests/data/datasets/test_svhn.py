"""Street View House Numbers from MATLAB's files."""

import sys

import numpy as np
import pytest

from minitorch_cnn.data.datasets import SVHN

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 3, 32, 32), dtype=np.uint8)
LABELS = np.array([1, 10, 3, 9, 10])


def write(root, images=IMAGES, labels=LABELS, part="train"):
    pytest.importorskip("scipy.io").savemat(
        root / f"{part}_32x32.mat", {"X": images.transpose(2, 3, 1, 0), "y": labels[:, None]}
    )


def test_images_and_labels_are_read_and_ten_is_nought(tmp_path):
    write(tmp_path, part="extra")
    data = SVHN(tmp_path, "extra", None, lambda label: -label, download=True)
    np.testing.assert_array_equal(data.data, IMAGES)
    assert data.labels.tolist() == [1, 0, 3, 9, 0] and data.classes == list("0123456789")
    image, label = data[2]
    np.testing.assert_allclose(image, IMAGES[2] / 255, rtol=1e-6)
    assert label == -3


def test_what_is_not_there_or_not_right_is_refused(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"^SVHN: split='val' must be one of"):
        SVHN(tmp_path, "val")
    with pytest.raises(FileNotFoundError, match=r"^SVHN: get train_32x32.mat from http"):
        SVHN(tmp_path)
    (tmp_path / "train_32x32.mat").write_bytes(b"nothing")
    pytest.importorskip("scipy.io")
    with pytest.raises(ValueError, match=r"^SVHN: .*train_32x32.mat must be a MATLAB file"):
        SVHN(tmp_path)
    write(tmp_path, labels=np.array([1, 11, 3, 9, 10]))
    with pytest.raises(ValueError, match=r"^SVHN: .* has 5 labels; expected 5 in 0..10"):
        SVHN(tmp_path)
    write(tmp_path, images=IMAGES[:, :1])
    with pytest.raises(ValueError, match=r"^SVHN: .* has X uint8 of shape \(32, 32, 1, 5\)"):
        SVHN(tmp_path)
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(ImportError, match=r"^SVHN: needs SciPy \(pip install scipy\)"):
        SVHN(tmp_path)

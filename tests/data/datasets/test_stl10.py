"""STL-10 from its binary files."""

import numpy as np
import pytest

from minitorch_cnn.data.datasets import STL10

RNG = np.random.default_rng(0)
IMAGES = {part: RNG.integers(0, 256, (n, 3, 96, 96), dtype=np.uint8) for part, n in
          [("train", 6), ("test", 3), ("unlabeled", 2)]}  # fmt: skip
LABELS = {"train": np.array([0, 9, 3, 3, 5, 1]), "test": np.array([2, 2, 8])}
NAMES = [f"name{i}" for i in range(10)]


@pytest.fixture(params=["", "stl10_binary"])
def root(request, tmp_path):
    folder = tmp_path / request.param
    folder.mkdir(exist_ok=True)
    for part, images in IMAGES.items():
        images.swapaxes(2, 3).tofile(folder / f"{part}_X.bin")
        if part in LABELS:
            (LABELS[part] + 1).astype(np.uint8).tofile(folder / f"{part}_y.bin")
    (folder / "class_names.txt").write_text("\n".join(NAMES))
    (folder / "fold_indices.txt").write_text("0 2 \n" * 5 + "1 5 \n" * 5)
    return tmp_path


def test_the_parts_are_read(root):
    for part, labels in LABELS.items():
        data = STL10(root, part, download=True)
        np.testing.assert_array_equal(data.data, IMAGES[part])
        assert data.labels.tolist() == labels.tolist() and data.classes == NAMES
    assert STL10(root, "unlabeled").labels.tolist() == [-1, -1]
    both = STL10(root, "train+unlabeled", transform=lambda x: x * 2, target_transform=str)
    assert len(both) == 8 and both[7][1] == "-1"
    np.testing.assert_allclose(both[7][0], IMAGES["unlabeled"][1] / 127.5, rtol=1e-6)


def test_a_fold_is_a_part_of_those_to_train_on(root):
    data = STL10(root, "train", 7)
    np.testing.assert_array_equal(data.data, IMAGES["train"][[1, 5]])
    assert data.targets == [9, 1]


def test_what_is_not_there_or_not_right_is_refused(root, tmp_path):
    for settings, message in [(("val",), "split='val'"), (("train", 10), "folds=10")]:
        with pytest.raises(ValueError, match=f"^STL10: {message} must"):
            STL10(root, *settings)
    with pytest.raises(FileNotFoundError, match=r"^STL10: get train_X.bin"):
        STL10(tmp_path / "nowhere")
    folder = next(root.rglob("train_X.bin")).parent
    (folder / "fold_indices.txt").write_text("0 6")
    with pytest.raises(ValueError, match=r"^STL10: .*fold_indices.txt has numbers beyond"):
        STL10(root, folds=0)
    (folder / "train_y.bin").write_bytes(b"\x01\x02")
    with pytest.raises(ValueError, match=r"^STL10: .*train_y.bin has 2 labels; expected 6"):
        STL10(root)
    (folder / "test_X.bin").write_bytes(b"12345")
    with pytest.raises(ValueError, match=r"^STL10: .*test_X.bin has 5 bytes"):
        STL10(root, "test")

"""ILSVRC: the challenge's folders, and its lists of the validation images' classes."""

import pytest

from minitorch_cnn.data.datasets import ILSVRC

IDENTIFIERS = ["n00000003", "n00000007", "n00000009"]
TRUTH = [2, 0, 1, 0]  # of four validation images, by sorted identifiers


@pytest.fixture
def root(tmp_path):
    """Three classes with two images each for training, four validation images in one folder."""
    image = pytest.importorskip("PIL.Image")
    for k, name in enumerate(IDENTIFIERS):
        (tmp_path / "train" / name).mkdir(parents=True)
        for i in range(2):
            path = tmp_path / "train" / name / f"{name}_{i}.JPEG"
            image.new("RGB", (4, 3), (k, i, 0)).save(path)
    (tmp_path / "val").mkdir()
    for i in range(4):
        image.new("RGB", (5, 4)).save(tmp_path / "val" / f"ILSVRC2012_val_0000000{i + 1}.JPEG")
    return tmp_path


def write(root, name, lines):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def solution(root):
    rows = [
        f"ILSVRC2012_val_0000000{i + 1},{IDENTIFIERS[k]} 85 1 499 272 {IDENTIFIERS[k]} 1 2 3 4"
        for i, k in enumerate(TRUTH)
    ]
    write(root, "LOC_val_solution.csv", ["ImageId,PredictionString", *rows[::-1]])


def numbers(root):
    rows = [f"ILSVRC2012_val_0000000{i + 1}.JPEG {k}" for i, k in enumerate(TRUTH)]
    write(root, "val.txt", rows[::-1])


def devkit(root):
    """The challenge's order is 9, 3, 7."""
    order = [IDENTIFIERS[k] for k in (2, 0, 1)]
    write(root, "order.txt", order)
    own = [str(1 + order.index(IDENTIFIERS[k])) for k in TRUTH]
    write(root, "devkit/data/ILSVRC2012_validation_ground_truth.txt", own)


def test_the_classes_of_training_are_its_folders(root):
    data = ILSVRC(root)
    assert data.classes == data.names == IDENTIFIERS
    assert data.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert data[3][0].shape == (3, 3, 4) and data[3][1] == 1


@pytest.mark.parametrize("listed", [solution, numbers, devkit])
def test_the_classes_of_one_folder_are_in_the_lists_of_the_challenge(root, listed):
    listed(root)
    data = ILSVRC(root, "val", synsets=root / "order.txt" if listed is devkit else None)
    assert data.labels.tolist() == TRUTH and data.classes == IDENTIFIERS
    assert [path.name[-6] for path in data.paths] == ["1", "2", "3", "4"]


def test_validation_images_may_be_in_folders_too(root):
    for i, k in enumerate(TRUTH):
        name = f"ILSVRC2012_val_0000000{i + 1}.JPEG"
        (root / "val" / IDENTIFIERS[k]).mkdir(exist_ok=True)
        (root / "val" / name).rename(root / "val" / IDENTIFIERS[k] / name)
    assert ILSVRC(root, "val").labels.tolist() == sorted(TRUTH)


def test_the_words_of_a_class_are_read(root):
    lines = [
        f"{name} {word}"
        for name, word in zip(IDENTIFIERS, ("tench, fish", "ox", "ant"), strict=True)
    ]
    write(root, "LOC_synset_mapping.txt", lines[::-1])
    assert ILSVRC(root).names == ["tench, fish", "ox", "ant"]
    solution(root)
    assert ILSVRC(root, "val").labels.tolist() == TRUTH


def test_what_is_missing_or_does_not_fit_is_said(root, tmp_path):
    with pytest.raises(ValueError, match="ILSVRC: split='test' must be 'train' or 'val'"):
        ILSVRC(root, "test")
    with pytest.raises(FileNotFoundError, match="ILSVRC: there is no list of classes; expected"):
        ILSVRC(root, "val")
    devkit(root)
    with pytest.raises(ValueError, match="synsets must name a file"):
        ILSVRC(root, "val")
    write(root, "val.txt", ["ILSVRC2012_val_00000001.JPEG 2"])
    with pytest.raises(ValueError, match="has no class for ILSVRC2012_val_00000002"):
        ILSVRC(root, "val")
    write(root, "val.txt", ["ILSVRC2012_val_00000001.JPEG two"])
    with pytest.raises(ValueError, match="has 'two' instead of a number"):
        ILSVRC(root, "val")
    with pytest.raises(FileNotFoundError, match="ILSVRC: there is no folder"):
        ILSVRC(tmp_path / "nowhere")

"""The split of a folder is reproducible, and uses train and val or test if they exist."""

import shutil
from dataclasses import replace

import pytest

from minitorch_cnn.training import make_config
from minitorch_cnn.training.config import source_of
from minitorch_cnn.training.folders import parts_within


def fill(root, classes=("ant", "bee"), count=10):
    image = pytest.importorskip("PIL.Image")
    for k, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for i in range(count):
            image.new("RGB", (4, 4), (40 * k, i, 0)).save(root / name / f"{i:02}.png")
    return root


def config_of(root, **settings):
    return make_config("lenet5_relu", "folder", str(root), **settings)


def names(part):
    return [str(part.dataset.paths[i]) for i in part.indices]


def labels(part):
    return [part[i][1] for i in range(len(part))]


def test_what_was_learned_is_never_tested_and_what_changed_is_told(tmp_path):
    root = fill(tmp_path / "photos")
    config = config_of(root)
    before = source_of(config)
    learned, held_out = names(before.train), names(before.test)
    assert config.classes == ["ant", "bee"] and before.note == ""
    assert config.parts["test"] == ["ant/04.png", "ant/09.png", "bee/04.png", "bee/09.png"]
    (root / "ant" / "03.png").unlink()
    (root / "bee" / "09.png").unlink()
    shutil.copy(root / "bee" / "00.png", root / "bee" / "000.png")
    (root / "ant" / "02.png").rename(root / "ant" / "renamed.png")
    now = source_of(config)
    assert names(now.train) == [n for n in learned if n[-10:-4] not in ("ant/03", "ant/02")]
    assert names(now.test) == [n for n in held_out if not n.endswith("bee/09.png")]
    assert now.note == (
        f"{root}: 2 of the 16 images that were learned from are gone, 1 of the 4 images that were "
        "held out is gone, 2 are new and left out"
    )


def test_a_root_without_any_image_of_a_part_is_refused(tmp_path):
    root = fill(tmp_path / "photos", count=5)
    config = config_of(root)
    for name in ("ant", "bee"):
        (root / name / "04.png").rename(root / name / "other.png")
    with pytest.raises(ValueError, match=r"has none of the images that were held out$"):
        source_of(config)


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda root: fill(root, ["aaa"]), "'aaa' new"),
        (lambda root: shutil.rmtree(root / "ant"), "'ant' gone"),
        (lambda root: (root / "ant").rename(root / "wasp"), "'ant' gone and 'wasp' new"),
    ],
)
@pytest.mark.parametrize("old", [False, True])
def test_other_classes_than_the_runs_are_refused(change, words, old, tmp_path):
    root = fill(tmp_path / "photos")
    config = config_of(root)
    if old:  # as runs were described before they recorded their images
        config = replace(config, parts=None, test_path=None)
        assert len(source_of(config).test) == 4
    change(root)
    with pytest.raises(ValueError, match=rf"no longer has the classes of the run: {words}"):
        source_of(config)


@pytest.mark.parametrize("held_out", ["val", "valid", "validation", "test", "Val"])
def test_the_parts_of_a_root_are_those_of_the_run(held_out, tmp_path):
    fill(tmp_path / "train", ("ant", "bee", "cow"))
    fill(tmp_path / held_out, ("ant", "cow"), 3)
    config = config_of(tmp_path)
    source = source_of(config)
    assert config.classes == source.classes == ["ant", "bee", "cow"]
    assert (len(source.train), labels(source.test)) == (30, [0] * 3 + [2] * 3)
    (tmp_path / "train" / "ant" / "05.png").unlink()
    shutil.copy(tmp_path / "train/bee/00.png", tmp_path / held_out / "cow" / "new.png")
    source = source_of(config)
    assert (len(source.train), len(source.test)) == (29, 6)
    assert "1 of the 30 images that were learned from is gone, 1 is new and left out" in source.note


def test_val_comes_before_test(tmp_path):
    for name in ("train", "test", "val"):
        fill(tmp_path / name, count=1)
    assert parts_within(tmp_path) == (tmp_path / "train", tmp_path / "val")


def test_parts_whose_classes_do_not_match_are_refused(tmp_path):
    fill(tmp_path / "train", count=2)
    fill(tmp_path / "val", ("Ant", "bee"), 2)
    with pytest.raises(ValueError, match=r"has no class 'Ant'; these differ .* 'ant' for 'Ant'"):
        config_of(tmp_path)


def test_parts_without_classes_are_no_classes(tmp_path):
    fill(tmp_path, ("train", "val"))
    with pytest.raises(ValueError, match=r"which are no classes, and needs both train and val"):
        config_of(tmp_path)
    with pytest.raises(ValueError, match=r"which are no classes"):
        config_of(fill(tmp_path / "one" / "train").parent)


def test_classes_may_have_such_names(tmp_path):
    assert config_of(fill(tmp_path, ("train", "bus"))).classes == ["bus", "train"]


def test_a_folder_of_images_to_test_with_is_taken(tmp_path):
    root = fill(tmp_path / "photos")
    other = fill(tmp_path / "others", ("bee",), 2)
    config = config_of(root, test_path=str(other))
    source = source_of(config)
    assert (len(source.train), names(source.test)[0]) == (20, str(other / "bee" / "00.png"))
    assert labels(source.test) == [1, 1]
    with pytest.raises(ValueError, match=r"^load_source: test_path=.* must be another folder"):
        config_of(root, test_path=str(root))
    with pytest.raises(ValueError, match=r"^load_source: data 'digits' takes no test_path"):
        source_of(make_config("lenet5", test_path=str(other)))


def test_images_in_arrays_that_changed_are_refused(tmp_path, monkeypatch):
    config = make_config("lenet5")
    source = source_of(config)
    from minitorch_cnn.training.sources import parts_of

    parts = parts_of("digits", source)
    assert source_of(replace(config, parts=parts)).classes == source.classes
    parts["test"] = {**parts["test"], "images": 3}
    with pytest.raises(ValueError, match=r"digits is no longer what it was .* other .* in test$"):
        source_of(replace(config, parts=parts))

"""ImageFolder: image files, one folder per class."""

import os
import sys

import numpy as np
import pytest

from minitorch_cnn.data import transforms
from minitorch_cnn.data.datasets import IMAGE_ENDINGS, DatasetFolder, ImageFolder, find_images
from minitorch_cnn.data.datasets.folder import default_loader

COLOUR = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)  # (H, W, C)


@pytest.fixture
def image():
    return pytest.importorskip("PIL.Image")


@pytest.fixture
def root(tmp_path, image):
    """Two classes; one has an image in an inner folder, beside a file that is none."""
    for name in ("zebra", "ape/inner", ".hidden"):
        (tmp_path / name).mkdir(parents=True)
    image.fromarray(COLOUR).save(tmp_path / "zebra" / "b.png")
    image.fromarray(COLOUR[::-1].copy()).save(tmp_path / "zebra" / "a.PNG")
    image.fromarray(COLOUR[:, :, 0].copy()).save(tmp_path / "ape" / "inner" / "grey.bmp")
    (tmp_path / "ape" / "notes.txt").write_text("no image")
    (tmp_path / "readme.md").write_text("no folder")
    return tmp_path


def test_classes_and_files_are_sorted_by_name(root):
    folder = ImageFolder(root)
    assert folder.classes == ["ape", "zebra"]
    assert [path.name for path in folder.paths] == ["grey.bmp", "a.PNG", "b.png"]
    assert folder.labels.tolist() == [0, 1, 1] and folder.labels.dtype == np.int64
    assert repr(folder).endswith("3 images, 2 classes)")


def test_images_are_floats_in_the_order_channel_row_column(root):
    pixels, label = ImageFolder(root)[2]
    assert pixels.dtype == np.float32 and label == 1
    np.testing.assert_allclose(pixels * 255, COLOUR.transpose(2, 0, 1), rtol=1e-6)


def test_grey_files_become_colour_and_colour_files_grey_as_asked(root):
    grey = ImageFolder(root)[0][0]
    assert grey.shape == (3, 5, 4)
    np.testing.assert_array_equal(grey[0], grey[2])
    single = ImageFolder(root, channels=1)
    np.testing.assert_allclose(single[0][0][0] * 255, COLOUR[:, :, 0], rtol=1e-6)
    weighted = COLOUR @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(single[2][0][0] * 255, weighted, atol=1)


def test_the_transform_is_applied(root):
    folder = ImageFolder(root, transform=transforms.Resize((8, 8)))
    assert folder[1][0].shape == (3, 8, 8)


def test_missing_folders_and_images_are_named(root, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^ImageFolder: .*nowhere has no folders"):
        ImageFolder(tmp_path / "nowhere")
    (root / "empty").mkdir()
    with pytest.raises(
        FileNotFoundError, match=r"^ImageFolder: .*empty has no images; expected \.apng"
    ):
        ImageFolder(root)


def test_other_numbers_of_channels_are_refused(root):
    with pytest.raises(ValueError, match=r"^ImageFolder: channels=4 must be 1 or 3"):
        ImageFolder(root, channels=4)


def names(folder):
    return [path.name for path in folder.paths]


@pytest.mark.skipif(sys.platform == "win32", reason="links")
def test_what_is_hidden_or_no_file_is_no_image(root):
    ape = root / "ape"
    for folder in (".ipynb_checkpoints", "__MACOSX", "inner/.cache", "x.jpg"):
        (ape / folder).mkdir()
    for name in (".ipynb_checkpoints/a.png", "__MACOSX/b.png", "inner/.cache/c.png", ".d.png"):
        (ape / name).write_bytes(b"")
    (root / "__MACOSX").mkdir()
    os.symlink("/nowhere", ape / "dangling.png")
    os.symlink(ape / "loop.png", ape / "loop.png")
    os.symlink(root / "nothing", root / "dangling")
    os.symlink(root / "round", root / "round")
    os.mkfifo(ape / "pipe.png")
    folder = ImageFolder(root)
    assert folder.classes == ["ape", "zebra"] and names(folder) == ["grey.bmp", "a.PNG", "b.png"]
    assert [folder[i][1] for i in range(3)] == [0, 1, 1]


@pytest.mark.skipif(sys.platform == "win32", reason="links")
def test_links_to_files_and_folders_are_followed_and_those_back_up_end(root, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "cat").mkdir()
    (root / "zebra" / "b.png").rename(elsewhere / "cat" / "far.png")
    os.symlink(elsewhere / "cat", root / "cat")
    os.symlink(elsewhere / "cat" / "far.png", root / "zebra" / "b.png")
    os.symlink(root / "ape", root / "ape" / "inner" / "up")
    folder = ImageFolder(root)
    assert folder.class_to_idx == {"ape": 0, "cat": 1, "zebra": 2}
    assert names(folder) == ["grey.bmp", "far.png", "a.PNG", "b.png"]


def test_the_images_of_a_folder_are_known_by_their_endings(tmp_path):
    for ending in IMAGE_ENDINGS:
        (tmp_path / f"small{ending}").touch()
        (tmp_path / f"BIG{ending.upper()}").touch()
    for name in ("notes.txt", "png", "a.png.part", "b.eps", "c.psd"):
        (tmp_path / name).touch()
    found = find_images(tmp_path)
    assert len(found) == 2 * len(IMAGE_ENDINGS) and found == sorted(found)
    assert {".jfif", ".avif", ".webp", ".pnm"} <= set(IMAGE_ENDINGS)


def test_extensions_or_a_function_say_what_an_image_is(root):
    assert names(ImageFolder(root, extensions=(".BMP", ".png"))) == ["grey.bmp", "a.PNG", "b.png"]
    only = ImageFolder(root, extensions=".png", allow_empty=True)
    assert names(only) == ["a.PNG", "b.png"] and only.classes == ["ape", "zebra"]
    assert only.labels.tolist() == [1, 1]
    chosen = ImageFolder(root, is_valid_file=lambda path: not path.endswith("b.png"))
    assert names(chosen) == ["grey.bmp", "notes.txt", "a.PNG"]
    for wrong in ("png", (), (3,)):
        with pytest.raises(ValueError, match=r"^ImageFolder: extensions="):
            ImageFolder(root, extensions=wrong)
    with pytest.raises(ValueError, match=r"^ImageFolder: extensions and is_valid_file exclude"):
        ImageFolder(root, extensions=[".png"], is_valid_file=bool)


def test_an_empty_class_is_refused_unless_it_is_allowed(root):
    (root / "bee").mkdir()
    with pytest.raises(FileNotFoundError, match=r"^ImageFolder: .*bee has no images"):
        ImageFolder(root)
    folder = ImageFolder(root, allow_empty=True)
    assert folder.classes == ["ape", "bee", "zebra"] and folder.labels.tolist() == [0, 2, 2]


def test_broken_images_are_named_or_left_out_at_once_if_asked(root):
    (root / "zebra" / "c.png").write_bytes(b"no image")
    (root / "ape" / "d.jpg").write_bytes(b"")
    assert len(ImageFolder(root)) == 5
    with pytest.raises(ValueError, match=r"^ImageFolder: 2 of 5 images .*d\.jpg .*; .*c\.png "):
        ImageFolder(root, broken="refuse")
    with pytest.warns(UserWarning, match=r"^ImageFolder: 2 of 5 images .*d\.jpg .*; .*c\.png "):
        folder = ImageFolder(root, broken="skip")
    assert names(folder) == ["grey.bmp", "a.PNG", "b.png"] and folder.labels.tolist() == [0, 1, 1]
    with pytest.raises(ValueError, match=r"^ImageFolder: broken='drop' must be None, 'refuse' or"):
        ImageFolder(root, broken="drop")


def test_an_image_with_more_pixels_than_allowed_is_refused(root):
    assert ImageFolder(root, max_pixels=20)[2][0].shape == (3, 5, 4)
    with pytest.raises(ValueError, match=r"b\.png .* 4 x 5 pixels, more than max_pixels=19"):
        ImageFolder(root, max_pixels=19)[2]


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes")
def test_names_in_any_letters_are_read(root):
    (root / "猫").mkdir()
    (root / "zebra" / "b.png").rename(root / "猫" / "ä.png")
    odd = os.fsencode(root) + b"/ape/\xff.png"
    os.rename(root / "zebra" / "a.PNG", odd)
    (root / "zebra").rmdir()
    folder = ImageFolder(root)
    assert folder.classes == ["ape", "猫"]
    assert {os.fsencode(path) for path in folder.paths} >= {odd, os.fsencode(root / "猫" / "ä.png")}
    assert [folder[i][1] for i in range(3)] == [0, 0, 1]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_a_folder_that_may_not_be_read_is_named(root):
    (root / "ape" / "inner").chmod(0)
    try:
        with pytest.raises(PermissionError, match="inner"):
            ImageFolder(root)
    finally:
        (root / "ape" / "inner").chmod(0o700)


def test_torchvisions_arguments_stand_in_its_order(root, image):
    read = []

    def loader(path):
        read.append(path)
        with image.open(path) as file:
            return file.convert("L")

    chain = transforms.Compose([transforms.ToTensor()])
    folder = ImageFolder(root, chain, lambda label: label * 10, loader)
    pixels, label = folder[2]
    grey = np.asarray(image.fromarray(COLOUR).convert("L"))
    np.testing.assert_allclose(pixels.numpy()[0] * 255, grey, atol=1e-4)
    assert label == 10 and read == [str(folder.paths[2])]
    assert ImageFolder(root, chain)[1][0].shape == (3, 5, 4)
    for name in ("transform", "target_transform"):
        with pytest.raises(TypeError, match=rf"^ImageFolder: {name}=3 must be a function"):
            ImageFolder(root, **{name: 3})


def test_samples_and_targets_are_lists(root):
    folder = ImageFolder(root)
    assert folder.targets == [0, 1, 1]
    assert (
        folder.samples == folder.imgs == list(zip(map(str, folder.paths), [0, 1, 1], strict=True))
    )


def test_what_is_written_to_samples_is_read(root):
    folder = ImageFolder(root)
    folder.samples[2] = (folder.samples[0][0], 7)
    assert folder[2][1] == 7 and folder.imgs[2][1] == 7 and folder.labels.tolist() == [0, 1, 7]
    np.testing.assert_array_equal(folder[2][0], folder[0][0])
    folder.samples = folder.samples[:1]
    assert len(folder) == 1


def test_any_files_are_sorted_into_classes(root):
    folder = DatasetFolder(root, lambda path: path[-9:], ".txt", allow_empty=True)
    assert folder[0] == ("notes.txt", 0) and len(folder) == 1
    assert folder.class_to_idx == {"ape": 0, "zebra": 1} and folder.targets == [0]
    assert repr(folder).endswith("1 samples, 2 classes)")
    chosen = DatasetFolder(
        root, str, None, len, lambda label: label + 5, lambda path: path.endswith("b.png"), True
    )
    assert chosen[0] == (len(chosen.samples[0][0]), 6)
    with pytest.raises(FileNotFoundError, match=r"^DatasetFolder: .*zebra has no samples; exp"):
        DatasetFolder(root, str, (".txt",))
    for arguments in ({}, {"extensions": ".txt", "is_valid_file": bool}):
        with pytest.raises(ValueError, match=r"^DatasetFolder: either extensions="):
            DatasetFolder(root, str, **arguments)
    with pytest.raises(TypeError, match=r"^DatasetFolder: loader=3 must be a function"):
        DatasetFolder(root, 3, ".txt")


def test_classes_and_samples_may_be_found_in_another_way(root):
    class Zebras(ImageFolder):
        def find_classes(self, directory):
            return ["zebra"], {"zebra": 0}

    assert names(Zebras(root)) == ["a.PNG", "b.png"]
    assert ImageFolder.make_dataset(root, {"ape": 4}, ".bmp") == [
        (str(root / "ape" / "inner" / "grey.bmp"), 4)
    ]


def test_the_default_loader_gives_a_picture(root):
    folder = ImageFolder(root, loader=default_loader)
    assert folder[0][0].mode == "RGB" and folder[0][0].size == (4, 5)

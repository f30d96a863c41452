"""ImageFolder: image files, one folder per class."""

import sys

import numpy as np
import pytest

from minitorch_cnn.data import transforms
from minitorch_cnn.data.datasets import ImageFolder, read_image

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


@pytest.mark.parametrize("content", [b"", b"no image", "half", "broken"])
def test_a_file_that_cannot_be_decoded_is_refused_by_name(root, content):
    path = root / "zebra" / "b.png"
    whole = path.read_bytes()
    damaged = {"half": whole[: len(whole) // 2], "broken": whole[:40] + b"\xff" * 20 + whole[60:]}
    path.write_bytes(damaged.get(content, content))
    with pytest.raises(ValueError, match=r"^read_image: .*b\.png cannot be decoded"):
        ImageFolder(root)[2]


def test_missing_folders_and_images_are_named(root, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"^ImageFolder: .*nowhere has no folders"):
        ImageFolder(tmp_path / "nowhere")
    (root / "empty").mkdir()
    with pytest.raises(
        FileNotFoundError, match=r"^ImageFolder: .*empty has no images; expected \.bmp"
    ):
        ImageFolder(root)
    with pytest.raises(FileNotFoundError):
        read_image(root / "zebra" / "gone.png")


def test_other_numbers_of_channels_are_refused(root):
    with pytest.raises(ValueError, match=r"^ImageFolder: channels=4 must be 1 or 3"):
        ImageFolder(root, channels=4)


def test_without_pillow_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"^read_image: needs Pillow"):
        read_image(tmp_path / "a.png")


def test_an_image_is_upright_as_the_camera_was_held(tmp_path):
    image_module = pytest.importorskip("PIL.Image")
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[0] = 255  # white above
    image, exif = image_module.fromarray(pixels), image_module.Exif()
    exif[0x0112] = 6  # turned by a quarter
    image.save(tmp_path / "a.png", exif=exif)
    upright = read_image(tmp_path / "a.png", 1)
    assert upright.shape == (1, 6, 4) and (upright[0, :, -1] == 1).all() and upright.sum() == 6


def test_sixteen_bits_are_scaled_and_not_cut_off(tmp_path):
    image_module = pytest.importorskip("PIL.Image")
    levels = np.array([[0, 256 * 64], [256 * 128, 65535]], np.uint16)
    image_module.fromarray(levels).save(tmp_path / "a.png")
    for channels in (1, 3):
        found = read_image(tmp_path / "a.png", channels)
        np.testing.assert_allclose(found, np.tile(levels / 65535, (channels, 1, 1)), atol=1 / 255)


@pytest.mark.parametrize("mode", ["RGBA", "P", "LA", "1", "CMYK"])
def test_every_kind_of_picture_has_the_channels_asked_for(tmp_path, mode):
    image_module = pytest.importorskip("PIL.Image")
    picture = image_module.new("RGB", (5, 4), (255, 0, 0)).convert(mode)
    suffix = "tif" if mode == "CMYK" else "png"
    picture.save(tmp_path / f"a.{suffix}")
    colour = read_image(tmp_path / f"a.{suffix}", 3)
    assert colour.shape == (3, 4, 5) and read_image(tmp_path / f"a.{suffix}", 1).shape == (1, 4, 5)
    if mode in ("RGBA", "P", "CMYK"):
        assert (colour[0] > 0.9).all() and (colour[1:] < 0.1).all()

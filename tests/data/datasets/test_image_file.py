"""One image file of any format as an array."""

import struct
import sys
import warnings
import zlib

import numpy as np
import pytest

from minitorch_cnn.data.datasets import read_image
from minitorch_cnn.data.datasets.image_file import FORMATS

COLOUR = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)  # (H, W, C)
INK = np.zeros((8, 8), bool)  # where something is drawn on a transparent ground
INK[2:6, 3:5] = True


@pytest.fixture
def image():
    return pytest.importorskip("PIL.Image")


@pytest.mark.parametrize("content", [b"", b"no image", "half", "broken"])
def test_a_file_that_cannot_be_decoded_is_refused_by_name(tmp_path, image, content):
    path = tmp_path / "b.png"
    image.fromarray(COLOUR).save(path)
    whole = path.read_bytes()
    damaged = {"half": whole[: len(whole) // 2], "broken": whole[:40] + b"\xff" * 20 + whole[60:]}
    path.write_bytes(damaged.get(content, content))
    with pytest.raises(ValueError, match=r"^read_image: .*b\.png cannot be decoded"):
        read_image(path)


def test_other_numbers_of_channels_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^read_image: channels=4 must be 1 or 3"):
        read_image(tmp_path / "a.png", 4)


def test_a_missing_file_stays_a_missing_file(tmp_path, image):
    with pytest.raises(FileNotFoundError):
        read_image(tmp_path / "gone.png")


def test_without_pillow_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"^read_image: needs Pillow"):
        read_image(tmp_path / "a.png")


def test_an_image_is_upright_as_the_camera_was_held(tmp_path, image):
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[0] = 255  # white above
    exif = image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    upright = read_image(tmp_path / "a.png", 1)
    assert upright.shape == (1, 6, 4) and (upright[0, :, -1] == 1).all() and upright.sum() == 6


def test_sixteen_bits_are_scaled_and_not_cut_off(tmp_path, image):
    levels = np.array([[0, 256 * 64], [256 * 128, 65535]], np.uint16)
    image.fromarray(levels).save(tmp_path / "a.png")
    for channels in (1, 3):
        found = read_image(tmp_path / "a.png", channels)
        np.testing.assert_allclose(found, np.tile(levels / 65535, (channels, 1, 1)), atol=1 / 255)


@pytest.mark.parametrize("mode", ["RGBA", "P", "LA", "1", "CMYK"])
def test_every_kind_of_picture_has_the_channels_asked_for(tmp_path, image, mode):
    picture = image.new("RGB", (5, 4), (255, 0, 0)).convert(mode)
    suffix = "tif" if mode == "CMYK" else "png"
    picture.save(tmp_path / f"a.{suffix}")
    colour = read_image(tmp_path / f"a.{suffix}", 3)
    assert colour.shape == (3, 4, 5) and read_image(tmp_path / f"a.{suffix}", 1).shape == (1, 4, 5)
    if mode in ("RGBA", "P", "CMYK"):
        assert (colour[0] > 0.9).all() and (colour[1:] < 0.1).all()


# ------------------------------------------------------------------- what a camera wrote beside it


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(tmp_path, image, orientation, kind):
    stored = np.kron([[0, 90, 180], [250, 40, 130]], np.ones((16, 16))).astype(np.uint8)
    exif = image.Exif()
    exif[0x0112] = orientation
    image.fromarray(stored).save(tmp_path / "a", kind, exif=exif, quality=95)
    # EXIF 2.3, table of tag 0112: which side of the scene the first row and column are.
    upright = {
        1: stored,
        2: np.fliplr(stored),
        3: np.rot90(stored, 2),
        4: np.flipud(stored),
        5: stored.T,
        6: np.rot90(stored, -1),
        7: np.rot90(stored, 2).T,
        8: np.rot90(stored),
    }[orientation]
    found = read_image(tmp_path / "a", 1)
    np.testing.assert_allclose(found[0] * 255, upright, atol=8)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning")  # Pillow's own
@pytest.mark.parametrize("exif", [b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"Exif\0\0junk", b""])
def test_a_picture_with_damaged_exif_is_read(tmp_path, image, exif):
    image.fromarray(COLOUR).save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg").shape == (3, 5, 4)


# ------------------------------------------------------------------------------------- transparency


def drawn(image, mode, ink):
    """A picture with `ink`, a level of grey, on nothing; and how to save it."""
    grey = np.where(INK, ink, 0).astype(np.uint8)
    alpha = np.where(INK, 255, 0).astype(np.uint8)
    if mode == "RGBA":
        return image.fromarray(np.dstack([grey] * 3 + [alpha]), "RGBA"), {}
    if mode == "LA":
        return image.fromarray(np.dstack([grey, alpha]), "LA"), {}
    picture = image.fromarray(INK.astype(np.uint8), "P")  # what is drawn has the index 1
    picture.putpalette([0] * 3 + [ink] * 3)
    return picture, {"transparency": bytes([0, 255]) if mode == "P" else 0}


@pytest.mark.filterwarnings("ignore:.*mode.*parameter:DeprecationWarning")
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("ink, ground", [(0, 255), (100, 255), (255, 0)])
@pytest.mark.parametrize(
    "mode, kind",
    [("RGBA", kind) for kind in ("PNG", "TIFF", "WEBP", "JPEG2000")]
    + [("LA", kind) for kind in ("PNG", "TIFF")]
    + [(mode, kind) for mode in ("P", "one index") for kind in ("PNG", "GIF")],
)
def test_what_is_drawn_on_nothing_is_seen(tmp_path, image, mode, kind, ink, ground, channels):
    picture, settings = drawn(image, mode, ink)
    if kind == "WEBP":
        settings["lossless"] = True
    if kind == "GIF":
        settings["transparency"] = 0
    picture.save(tmp_path / "a", kind, **settings)
    found = read_image(tmp_path / "a", channels)
    want = np.where(INK, ink, ground) / 255
    np.testing.assert_allclose(found, np.tile(want, (channels, 1, 1)), atol=1e-6)


@pytest.mark.parametrize("mode, hidden", [("L", 9), ("RGB", (9, 9, 9)), ("1", 0), ("I;16", 9)])
def test_a_transparent_colour_is_nothing(tmp_path, image, mode, hidden):
    level = {"1": 1, "I;16": 65535}.get(mode, 255)
    picture = image.new(mode, (8, 8), hidden)
    picture.paste((level,) * 3 if mode == "RGB" else level, (3, 2, 5, 6))
    picture.save(tmp_path / "a.png", transparency=hidden)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", 1)[0], INK)  # white on black


def test_a_grey_picture_of_16_bits_without_a_visible_pixel_has_its_colours(tmp_path, image):
    image.new("I;16", (8, 8), 65535).save(tmp_path / "a.png", transparency=65535)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", 1), np.ones((1, 8, 8)))


def test_half_transparent_colours_are_mixed_with_the_ground(tmp_path, image):
    image.new("RGBA", (2, 2), (200, 0, 0, 51)).save(tmp_path / "a.png")
    found = read_image(tmp_path / "a.png")[:, 0, 0] * 255
    np.testing.assert_allclose(found, [255 - 0.2 * 55, 255 * 0.8, 255 * 0.8], atol=1)


def test_a_picture_without_a_visible_pixel_has_its_colours(tmp_path, image):
    alpha = np.zeros((5, 4, 1), np.uint8)
    image.fromarray(np.concatenate([COLOUR, alpha], 2)).save(tmp_path / "a.png")
    np.testing.assert_allclose(
        read_image(tmp_path / "a.png") * 255, COLOUR.transpose(2, 0, 1), atol=1e-4
    )


# -------------------------------------------------------------------------------- depth and colours


DEEP = {
    "32 bits of 8": (np.arange(256, dtype=np.int32), 255),
    "32 bits of 16": (np.arange(256, dtype=np.int32) * 257, 65535),
    "16 bits": (np.arange(256, dtype=np.uint16) * 100, 65535),
    "floats to 1": (np.arange(256, dtype=np.float32) / 256, 1),
    "floats to 255": (np.arange(256, dtype=np.float32) * 0.9, 255),
    "floats to 65535": (np.arange(256, dtype=np.float32) * 200, 65535),
}


@pytest.mark.parametrize("values, full", DEEP.values(), ids=DEEP)
@pytest.mark.parametrize("channels", [1, 3])
def test_deep_grey_is_scaled_by_what_it_can_hold(tmp_path, image, values, full, channels):
    values = values.reshape(16, 16)
    image.fromarray(values).save(tmp_path / "a.tif")
    found = read_image(tmp_path / "a.tif", channels)
    assert found.dtype == np.float32 and found.shape == (channels, 16, 16)
    np.testing.assert_allclose(found, np.tile(values / full, (channels, 1, 1)), rtol=1e-6)


@pytest.mark.parametrize("kind", ["PNG", "PPM"])
def test_dark_pictures_of_16_bits_stay_dark(tmp_path, image, kind):
    image.fromarray(np.full((2, 2), 200, np.uint16)).save(tmp_path / "a", kind)
    np.testing.assert_allclose(read_image(tmp_path / "a", 1), 200 / 65535, rtol=1e-5)


@pytest.mark.parametrize(
    "values", [np.int32(-1), np.int32(70000), np.float32("nan"), np.float32(-0.5)]
)
def test_values_that_fit_no_scale_are_refused(tmp_path, image, values):
    image.fromarray(np.full((2, 2), values)).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match=r"a\.tif .* its values are .* expected 0\.\.65535"):
        read_image(tmp_path / "a.tif")


def test_lab_is_read_as_the_colour_it_is(tmp_path, image):
    pytest.importorskip("PIL.ImageCms")
    image.new("LAB", (4, 3), (255, 128, 128)).save(tmp_path / "white.tif")
    image.new("LAB", (4, 3), (136, 208, 195)).save(tmp_path / "red.tif")  # L 53, a 80, b 67
    np.testing.assert_allclose(read_image(tmp_path / "white.tif"), 1, atol=0.01)
    red = read_image(tmp_path / "red.tif")[:, 0, 0]
    np.testing.assert_allclose(red, [1, 0, 0], atol=0.05)


def test_of_an_animation_the_first_picture_is_read(tmp_path, image):
    pictures = [image.new("RGB", (4, 4), colour) for colour in ("red", "blue", "green")]
    for kind in ("GIF", "PNG", "WEBP", "TIFF"):
        pictures[0].save(tmp_path / "a", kind, save_all=True, append_images=pictures[1:])
        np.testing.assert_allclose(read_image(tmp_path / "a")[:, 1, 1], [1, 0, 0], atol=0.02)


# ---------------------------------------------------------------------- which files, and how large


def test_what_a_file_is_its_content_says_and_not_its_name(tmp_path, image):
    image.fromarray(COLOUR).save(tmp_path / "a.jpg", "PNG")
    np.testing.assert_allclose(
        read_image(tmp_path / "a.jpg") * 255, COLOUR.transpose(2, 0, 1), rtol=1e-5
    )


@pytest.mark.parametrize("kind", ["EPS", "PCX", "TGA", "ICO"])
def test_other_formats_are_not_tried_whatever_their_name(tmp_path, image, kind):
    image.new("RGB", (16, 16)).save(tmp_path / "a.png", kind)
    assert kind not in FORMATS
    with pytest.raises(ValueError, match=r"a\.png cannot be decoded: it is none of AVIF"):
        read_image(tmp_path / "a.png")


def black_png(width: int, height: int) -> bytes:
    """A whole PNG of few bytes and many pixels of one bit."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">2I5B", width, height, 1, 0, 0, 0, 0)
    packed = zlib.compress(bytes((width // 8 + 2) * height))
    parts = (b"IHDR", header), (b"IDAT", packed), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


@pytest.mark.parametrize("size", [(12900, 13000), (40_000, 5_000)])
def test_a_small_file_of_many_pixels_is_refused_before_they_are_made(tmp_path, image, size):
    path = tmp_path / "a.png"
    path.write_bytes(black_png(*size))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Pillow warns of the one size and raises for the other
        with pytest.raises(ValueError, match=rf"it has {size[0]} x {size[1]} pixels, more than "):
            read_image(path)


def test_a_larger_limit_reads_what_pillow_refuses(tmp_path, image, monkeypatch):
    monkeypatch.setattr(image, "MAX_IMAGE_PIXELS", 100)
    path = tmp_path / "a.png"
    path.write_bytes(black_png(40, 30))
    assert read_image(path, 1).shape == (1, 30, 40)
    assert image.MAX_IMAGE_PIXELS == 100
    with pytest.raises(ValueError, match="more than max_pixels=1199; give a larger max_pixels"):
        read_image(path, 1, max_pixels=1199)

"""Pictures and arrays become images."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.data import transforms as T

BYTES = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)


def test_bytes_are_divided_by_255_and_channels_come_first():
    image = T.ToTensor()(BYTES)
    assert image.dtype == np.float32 and image.shape == (3, 5, 4)
    np.testing.assert_allclose(image * 255, BYTES.transpose(2, 0, 1), rtol=1e-6)
    np.testing.assert_array_equal(T.ToTensor()(BYTES[..., 0]), image[:1])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16, np.int64, bool])
def test_other_numbers_keep_their_values_and_their_dtype(dtype):
    values = (BYTES > 99).astype(dtype) if dtype is bool else BYTES.astype(dtype)
    image = T.ToTensor()(values)
    assert image.dtype == dtype
    np.testing.assert_array_equal(image, values.transpose(2, 0, 1))
    np.testing.assert_array_equal(T.ToTensor()(values[..., 1]), values[None, ..., 1])


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "1", "CMYK"])
def test_pictures_of_pillow_are_read(mode):
    pillow = pytest.importorskip("PIL.Image")
    drawn = pillow.fromarray(BYTES).convert(mode)
    values = np.atleast_3d(np.asarray(drawn)).transpose(2, 0, 1)
    expected = values.astype(np.float64) * (255 if mode == "1" else 1)
    image = T.ToTensor()(drawn)
    assert image.dtype == np.float32
    np.testing.assert_allclose(image, expected / 255, atol=1e-6)
    levels = T.PILToTensor()(drawn)
    assert levels.dtype == np.uint8
    np.testing.assert_array_equal(levels, expected)


@pytest.mark.parametrize(("mode", "dtype"), [("I", np.int32), ("F", np.float32)])
def test_pictures_of_wider_numbers_keep_them(mode, dtype):
    pillow = pytest.importorskip("PIL.Image")
    drawn = pillow.fromarray(BYTES[..., 0]).convert(mode)
    for read in (T.ToTensor(), T.PILToTensor()):
        assert read(drawn).dtype == dtype
        np.testing.assert_array_equal(read(drawn)[0], BYTES[..., 0])


def test_the_default_dtype_is_that_of_bytes():
    mt.set_default_dtype(mt.float64)
    try:
        image = T.ToTensor()(BYTES)
    finally:
        mt.set_default_dtype(mt.float32)
    np.testing.assert_array_equal(image, BYTES.transpose(2, 0, 1) / 255)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_picture_is_made_of_an_array_and_of_a_tensor(channels):
    pytest.importorskip("PIL.Image")
    values = np.random.default_rng(1).integers(0, 256, (6, 7, channels), dtype=np.uint8)
    planes = values.transpose(2, 0, 1)
    modes = {1: ["L"], 2: ["LA"], 3: ["RGB", "HSV", "YCbCr"], 4: ["RGBA", "CMYK", "RGBX"]}[channels]
    for source in (values, mt.tensor(planes), mt.tensor(planes / np.float32(255))):
        for mode in [None, *modes]:
            drawn = T.ToPILImage(mode)(source)
            assert drawn.mode == (mode or modes[0]) and drawn.size == (7, 6)
            np.testing.assert_array_equal(np.atleast_3d(np.asarray(drawn)), values)
    floats = np.random.default_rng(2).random((channels, 6, 7))
    drawn = T.ToPILImage()(mt.tensor(floats))
    np.testing.assert_array_equal(  # rounded down, as in torchvision
        np.atleast_3d(np.asarray(drawn)), np.floor(floats * 255).transpose(1, 2, 0)
    )


@pytest.mark.parametrize(
    ("dtype", "mode"), [(np.int16, "I;16"), (np.uint16, "I;16"), (np.int32, "I"), (np.float32, "F")]
)
def test_a_picture_of_wider_numbers_is_made(dtype, mode):
    pytest.importorskip("PIL.Image")
    values = (np.random.default_rng(1).random((6, 7)) * 300).astype(dtype)
    drawn = T.ToPILImage()(values)
    assert drawn.mode == mode
    np.testing.assert_array_equal(np.asarray(drawn), values)
    if dtype is np.uint16:
        np.testing.assert_array_equal(T.ToTensor()(drawn)[0], values)
        assert T.PILToTensor()(drawn).dtype == np.int32
        return
    tensor = T.ToPILImage("F" if mode == "F" else None)(mt.tensor(values))
    assert tensor.mode == mode and (np.asarray(tensor) == values).all()


def test_a_picture_is_made_of_what_a_data_set_gives():
    pytest.importorskip("PIL.Image")
    image = BYTES.transpose(2, 0, 1) / np.float32(255)
    np.testing.assert_array_equal(np.asarray(T.ToPILImage()(image)), BYTES)


@pytest.mark.parametrize(
    ("source", "mode", "error"),
    [
        ([[1]], None, TypeError),
        (np.zeros((4, 4, 5), np.uint8), None, ValueError),
        (np.zeros((4, 4, 3), np.float64), None, TypeError),
        (np.zeros((4, 4, 3), np.uint8), "L", ValueError),
        (np.zeros((4, 4, 1), np.int32), "L", ValueError),
        (np.zeros((2, 4, 4, 3), np.uint8), None, ValueError),
        (mt.zeros(2, 3, 4, 4), None, ValueError),
    ],
)
def test_what_is_no_picture_is_refused(source, mode, error):
    pytest.importorskip("PIL.Image")
    with pytest.raises(error, match=r"^to_pil_image: (image|mode)"):
        T.ToPILImage(mode)(source)
    with pytest.raises(TypeError, match=r"^PILToTensor: image must be a Pillow image"):
        T.PILToTensor()(source)


@pytest.mark.parametrize(
    ("source", "dtype", "expected"),
    [
        (np.array([0, 1, 255], np.uint8), np.float32, [0, 1 / 255, 1]),
        (np.array([0, 1, 255], np.uint8), np.float64, [0, 1 / 255, 1]),
        (np.array([0, 0.5, 1], np.float32), np.uint8, [0, 127, 255]),
        (np.array([0, 0.5, 1], np.float32), np.float64, [0, 0.5, 1]),
        (np.array([0, 255], np.uint8), np.int16, [0, 255 * 128]),
        (np.array([0, 300, 32767], np.int16), np.uint8, [0, 2, 255]),
        (np.array([0, 32767], np.int16), np.float32, [0, 1]),
    ],
)
def test_white_stays_white_in_another_dtype(source, dtype, expected):
    image = T.ConvertImageDtype(dtype)(mt.tensor(source))
    assert image.dtype == dtype
    np.testing.assert_allclose(image, expected, rtol=1e-6)


def test_dtypes_that_cannot_hold_an_image_are_refused():
    for source, dtype in [(mt.zeros(3), np.int32), (mt.zeros(3).double(), np.int64)]:
        with pytest.raises(TypeError, match=r"^convert_image_dtype: float.* cannot become"):
            T.ConvertImageDtype(dtype)(source)
    with pytest.raises(TypeError, match=r"^convert_image_dtype: image must be a Tensor of numbers"):
        T.ConvertImageDtype(mt.float32)(np.zeros((3, 4, 4)))


def test_it_begins_a_chain():
    chain = T.Compose([T.ToTensor(), T.CenterCrop(2)])
    assert chain(BYTES).shape == (3, 2, 2)


@pytest.mark.parametrize(
    "image, error", [([[1]], TypeError), (np.array(["a"]), TypeError), (np.zeros(3), ValueError)]
)
def test_anything_else_is_refused(image, error):
    with pytest.raises(error, match=r"^ToTensor: image must "):
        T.ToTensor()(image)

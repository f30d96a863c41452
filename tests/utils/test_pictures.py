"""Image grids."""

import io

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.utils import make_grid, save_image


def sheet(x, columns, padding, value):
    """The grid by NumPy: every picture framed at its upper left, and a frame at the end."""
    n, c, h, w = x.shape
    rows = -(-n // columns)
    out = np.full((c, rows * (h + padding) + padding, columns * (w + padding) + padding), value)
    for i in range(n):
        at = i // columns * (h + padding) + padding, i % columns * (w + padding) + padding
        out[:, at[0] : at[0] + h, at[1] : at[1] + w] = x[i]
    return out


@pytest.mark.parametrize("n, nrow, columns", [(5, 2, 2), (4, 8, 4), (6, 3, 3)])
@pytest.mark.parametrize("padding", [0, 1, 2])
def test_pictures_stand_in_rows_with_a_frame(n, nrow, columns, padding):
    x = np.random.default_rng(0).normal(size=(n, 3, 4, 5))
    got = make_grid(mt.tensor(x), nrow=nrow, padding=padding, pad_value=0.25)
    np.testing.assert_array_equal(got.numpy(), sheet(x, columns, padding, 0.25))
    again = make_grid([mt.tensor(image) for image in x], nrow, padding, pad_value=0.25)
    assert again.equal(got)


def test_one_channel_becomes_three_and_a_single_picture_has_no_frame():
    x = np.arange(6.0).reshape(2, 3)
    for shape in ((2, 3), (1, 2, 3), (1, 1, 2, 3)):
        assert make_grid(mt.tensor(x.reshape(shape))).numpy().tolist() == [x.tolist()] * 3
    assert make_grid(mt.zeros(2, 1, 4, 4)).shape == (3, 8, 14)


@pytest.mark.parametrize("scale_each", [False, True])
@pytest.mark.parametrize("value_range", [None, (-1.0, 2.0)])
def test_normalize_maps_a_range_to_one(scale_each, value_range):
    x = np.random.default_rng(1).normal(size=(3, 3, 2, 2)) * [[[[1]]], [[[2]]], [[[3]]]]
    got = make_grid(mt.tensor(x), 3, 0, True, value_range, scale_each).numpy()
    parts = x if scale_each else [x]
    low = np.array([value_range[0] if value_range else p.min() for p in parts]).reshape(-1, 1, 1, 1)
    high = np.array([value_range[1] if value_range else p.max() for p in parts]).reshape(low.shape)
    want = (np.clip(x, low, high) - low) / (high - low)
    np.testing.assert_allclose(got, np.concatenate(want, axis=2), rtol=1e-12)
    assert np.isfinite(make_grid(mt.ones(2, 3, 2, 2), normalize=True).numpy()).all()


def test_the_input_is_not_changed_and_nothing_is_recorded():
    x = mt.ones(2, 3, 2, 2, requires_grad=True)
    assert not make_grid(x * 3, normalize=True, value_range=(0, 2)).requires_grad
    assert x.tolist() == mt.ones(2, 3, 2, 2).tolist()


@pytest.mark.parametrize("value", [mt.zeros(3), mt.zeros(0, 3, 2, 2), mt.zeros(1, 1, 1, 1, 1)])
def test_other_shapes_are_refused(value):
    with pytest.raises(ValueError, match=r"^make_grid: tensor of shape .* must be"):
        make_grid(value)


def test_settings_that_cannot_be_meant_are_refused():
    for value in (np.zeros((2, 3, 2, 2)), [], [1]):
        with pytest.raises(TypeError, match=r"^make_grid: tensor must be"):
            make_grid(value)
    with pytest.raises(ValueError, match=r"^make_grid: nrow=0 must be"):
        make_grid(mt.zeros(2, 3, 2, 2), nrow=0)
    with pytest.raises(TypeError, match=r"^make_grid: value_range=1 must be"):
        make_grid(mt.zeros(2, 3, 2, 2), normalize=True, value_range=1)


@pytest.mark.parametrize("to_file", [False, True])
def test_a_sheet_is_written_with_rounded_values(to_file, tmp_path):
    Image = pytest.importorskip("PIL.Image")
    x = mt.linspace(-0.2, 1.2, 2 * 3 * 4 * 4).reshape(2, 3, 4, 4)
    where = io.BytesIO() if to_file else tmp_path / "sheet.PNG"
    save_image(x, where, format="png" if to_file else None, nrow=1, padding=1)
    with Image.open(where) as image:
        got = np.asarray(image)
    want = sheet(x.numpy().astype(np.float64), 1, 1, 0.0)
    np.testing.assert_array_equal(
        got, np.clip(want * 255 + 0.5, 0, 255).astype(int).transpose(1, 2, 0)
    )


def test_a_picture_that_cannot_be_written_leaves_no_file(tmp_path):
    pytest.importorskip("PIL")
    for name in ("sheet", "sheet.xyz"):
        with pytest.raises(ValueError, match=r"^save_image: fp=.* must name a format"):
            save_image(mt.zeros(3, 2, 2), tmp_path / name)
    with pytest.raises(ValueError, match=r"^save_image: format=None must name a format"):
        save_image(mt.zeros(3, 2, 2), io.BytesIO())
    with pytest.raises(ValueError, match=r"^save_image: fp=.* cannot hold this image"):
        save_image(mt.zeros(4, 2, 2), tmp_path / "a.jpg")
    with pytest.raises(ValueError, match=r"^save_image: images of 5 channels"):
        save_image(mt.zeros(5, 2, 2), tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"^save_image: tensor has NaN"):
        save_image(mt.full((3, 2, 2), float("nan")), tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []

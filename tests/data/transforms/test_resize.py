"""Bilinear resizing."""

import numpy as np
import pytest

from minitorch_cnn.data import transforms as T

SIZES = [(1, 1), (3, 5), (8, 6), (16, 12), (7, 31), (20, 2)]


def resize_by_loops(image, oh, ow):
    """image (H, W) -> (oh, ow), pixel by pixel from the definition."""
    h, w = image.shape
    out = np.zeros((oh, ow))
    for i in range(oh):
        for j in range(ow):
            total = 0.0
            for a in range(h):
                for b in range(w):
                    rows = 1 - abs(a + 0.5 - (i + 0.5) * h / oh) / max(h / oh, 1)
                    columns = 1 - abs(b + 0.5 - (j + 0.5) * w / ow) / max(w / ow, 1)
                    weight = max(rows, 0) * max(columns, 0)
                    out[i, j] += weight * image[a, b]
                    total += weight
            out[i, j] /= total
    return out


@pytest.mark.parametrize("size", SIZES)
def test_resize_agrees_with_the_definition(size):
    image = np.random.default_rng(0).standard_normal((8, 6))
    np.testing.assert_allclose(T.resize(image, size), resize_by_loops(image, *size), atol=1e-12)


@pytest.mark.parametrize("size", SIZES)
def test_resize_agrees_with_torch(size):
    torch = pytest.importorskip("torch")
    image = np.random.default_rng(0).standard_normal((2, 3, 8, 6)).astype(np.float32)
    theirs = torch.nn.functional.interpolate(
        torch.from_numpy(image), size, mode="bilinear", align_corners=False, antialias=True
    )
    ours = T.resize(image, size)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs.numpy(), atol=2e-6)


def test_every_pixel_counts_however_small_the_output():
    image = np.zeros((1, 64, 64))
    image[0, 13, 41] = 64 * 64
    assert np.isclose(T.resize(image, 4).mean(), 1.0, rtol=0.2) and (T.resize(image, 1) > 0).all()


def test_resize_to_the_same_size_changes_nothing():
    image = np.random.default_rng(0).random((1, 4, 5))
    np.testing.assert_array_equal(T.resize(image, (4, 5)), image)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((3, 40, 60), (20, 30)),
        ((3, 60, 40), (30, 20)),
        ((1, 30, 31), (20, 20)),
        ((1, 9, 9), (20, 20)),
    ],
)
def test_an_integer_is_the_length_of_the_shorter_side(shape, expected):
    image = np.zeros(shape, dtype=np.float32)
    assert T.Resize(20)(image).shape == (shape[0], *expected)


def test_a_pair_is_the_new_size():
    assert T.Resize((2, 7))(np.zeros((3, 4, 4), dtype=np.float32)).shape == (3, 2, 7)


def test_bad_input_is_refused():
    with pytest.raises(TypeError, match=r"^resize: images must be floats, got uint8"):
        T.resize(np.zeros((4, 4), dtype=np.uint8), 2)
    with pytest.raises(ValueError, match=r"^resize: images must have the shape \(\.\.\., H, W\)"):
        T.resize(np.zeros(4), 2)
    with pytest.raises(ValueError, match=r"^resize: size=0"):
        T.resize(np.zeros((4, 4)), 0)
    for size in (0, -3, (4,), (4, 0), 2.5, (1, 2, 3)):
        with pytest.raises(ValueError, match=r"^Resize: size="):
            T.Resize(size)

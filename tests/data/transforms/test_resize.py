"""Resizing."""

import time
import tracemalloc

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


@pytest.fixture(params=[False, True], ids=["whole", "in parts"])
def in_parts(request, monkeypatch):
    """As for images of ordinary sizes, and with the parts that large ones are resized in."""
    if request.param:
        monkeypatch.setitem(T.resize.__globals__, "LARGEST_MATRIX", 0)
        monkeypatch.setitem(T.resize.__globals__, "PART", 24)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "nearest", "nearest-exact"])
@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("dtype, atol", [(np.float32, 3e-6), (np.float64, 1e-13)])
def test_resize_agrees_with_torch(in_parts, interpolation, antialias, dtype, atol):
    torch = pytest.importorskip("torch")
    how = {"mode": interpolation}
    if not interpolation.startswith("nearest"):
        how.update(align_corners=False, antialias=antialias)
    for shape in [(8, 6), (1, 9), (50, 3)]:
        image = np.random.default_rng(0).random((2, 3, *shape)).astype(dtype)
        for size in [*SIZES, (1, 100), (33, 47)]:
            theirs = torch.nn.functional.interpolate(torch.from_numpy(image), size, **how)
            ours = T.resize(image, size, interpolation, antialias)
            assert ours.dtype == dtype
            np.testing.assert_allclose(ours, theirs.numpy(), atol=atol)


FILTERS = {"bilinear": 2, "bicubic": 3, "nearest-exact": 0, "box": 4, "hamming": 5, "lanczos": 1}


@pytest.mark.parametrize("interpolation", FILTERS)
def test_resize_agrees_with_pillow(interpolation):
    pillow = pytest.importorskip("PIL.Image")
    image = np.random.default_rng(0).random((37, 50)).astype(np.float32)
    for size in [(12, 20), (64, 81), (37, 5)]:
        theirs = pillow.fromarray(image).resize(size[::-1], FILTERS[interpolation])
        for antialias in [True, interpolation in ("bilinear", "bicubic")]:
            ours = T.resize(image, size, T.InterpolationMode(interpolation), antialias)
            np.testing.assert_allclose(ours, np.asarray(theirs), atol=2e-6)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_parts_give_what_the_whole_gives(interpolation, monkeypatch):
    image = np.random.default_rng(0).random((3, 90, 7))
    sizes = [(400, 300), (13, 2), (89, 8)]
    whole = [T.resize(image, size, interpolation) for size in sizes]
    monkeypatch.setitem(T.resize.__globals__, "LARGEST_MATRIX", 0)
    monkeypatch.setitem(T.resize.__globals__, "PART", 500)
    for size, want in zip(sizes, whole, strict=True):
        np.testing.assert_allclose(T.resize(image, size, interpolation), want, atol=1e-13)


@pytest.mark.parametrize(
    "shape, size",
    [((1, 1, 500), (40, 20_000)), ((1, 300_000, 2), (64, 4)), ((1, 3, 3), (2, 10**5))],
)
def test_thin_images_take_little_time_and_memory(shape, size):
    image = np.random.default_rng(0).random(shape, dtype=np.float32)
    T.resize(image, size)
    tracemalloc.start()
    began = time.perf_counter()
    out = T.resize(image, size)
    took, peak = time.perf_counter() - began, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * out.nbytes + 2 * image.nbytes + 20e6 and took < 2
    np.testing.assert_allclose(out.mean(), image.mean(), rtol=0.05)


def test_every_pixel_counts_however_small_the_output():
    image = np.zeros((1, 64, 64))
    image[0, 13, 41] = 64 * 64
    assert np.isclose(T.resize(image, 4).mean(), 1.0, rtol=0.2) and (T.resize(image, 1) > 0).all()


def test_resize_to_the_same_size_changes_nothing():
    image = np.random.default_rng(0).random((1, 4, 5))
    np.testing.assert_array_equal(T.resize(image, (4, 5)), image)


@pytest.mark.parametrize("shape, size", [((3, 1, 5), (10**6, 7)), ((3, 5, 1), (7, 10**6))])
def test_a_side_of_one_pixel_is_repeated_without_memory(shape, size):
    image = np.random.default_rng(0).random(shape)
    out = T.resize(image, size)
    assert out.shape == (3, *size)
    small = T.resize(image, tuple(min(n, 7) for n in size))
    np.testing.assert_array_equal(out[:, -7:, -7:], small)
    assert out.base.nbytes < 10_000


@pytest.mark.parametrize(
    "shape, limit, expected",
    [
        ((3, 40, 60), None, (20, 30)),
        ((3, 60, 40), None, (30, 20)),
        ((1, 30, 31), None, (20, 20)),
        ((1, 9, 9), None, (20, 20)),
        ((3, 40, 60), 40, (20, 30)),
        ((3, 10, 60), 40, (6, 40)),
        ((3, 900, 1), 40, (40, 1)),
        ((1, 9, 9), 40, (20, 20)),
    ],
)
def test_an_integer_is_the_length_of_the_shorter_side_and_the_longer_may_have_a_limit(
    shape, limit, expected
):
    image = np.zeros(shape, dtype=np.float32)
    assert T.Resize(20, max_size=limit)(image).shape == (shape[0], *expected)


def test_the_interpolation_is_that_of_resize():
    image = np.random.default_rng(0).random((3, 20, 30), dtype=np.float32)
    for settings in ({"interpolation": "bicubic"}, {"antialias": False}, {}):
        np.testing.assert_array_equal(
            T.Resize(10, **settings)(image), T.resize(image, (10, 15), **settings)
        )


def test_a_pair_is_the_new_size():
    assert T.Resize((2, 7))(np.zeros((3, 4, 4), dtype=np.float32)).shape == (3, 2, 7)


def test_bad_input_is_refused():
    with pytest.raises(TypeError, match=r"^resize: images must be floats, got uint8"):
        T.resize(np.zeros((4, 4), dtype=np.uint8), 2)
    with pytest.raises(ValueError, match=r"^resize: images must have the shape \(\.\.\., H, W\)"):
        T.resize(np.zeros(4), 2)
    with pytest.raises(ValueError, match=r"^resize: size=0"):
        T.resize(np.zeros((4, 4)), 0)
    for size in (0, -3, (), (4, 0), 2.5, (1, 2, 3)):
        with pytest.raises(ValueError, match=r"^Resize: size="):
            T.Resize(size)
    for call in (T.Resize, lambda *a: T.resize(np.zeros((4, 4)), *a)):
        with pytest.raises(ValueError, match=r"esize: interpolation='cubic' must be one of bilin"):
            call(2, "cubic")
    for settings in ({"size": (2, 2), "max_size": 9}, {"size": 9, "max_size": 9}):
        with pytest.raises(ValueError, match=r"^Resize: max_size=9 must be above size="):
            T.Resize(**settings)

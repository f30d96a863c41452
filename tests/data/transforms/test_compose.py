"""Chains of transforms."""

import tracemalloc

import numpy as np
import pytest

from minitorch_cnn.data import transforms as T


def picture(seed=0, shape=(3, 8, 10)):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def rng(seed=1):
    return np.random.default_rng(seed)


def test_compose_applies_in_order_and_hands_on_one_generator():
    image, generator = picture(), rng()
    chain = T.Compose([T.RandomCrop(6), T.RandomHorizontalFlip(), T.Cutout(2)])
    expected = image
    for transform in chain.transforms:
        expected = transform(expected, generator)
    np.testing.assert_array_equal(chain(image, rng()), expected)


def test_compose_takes_functions_too():
    chain = T.Compose([lambda image, rng: image + 1, T.CenterCrop(2)])
    assert chain(np.zeros((1, 4, 4), dtype=np.float32)).tolist() == [[[1, 1], [1, 1]]]


def test_compose_shows_its_steps():
    text = repr(T.Compose([T.Resize(2), T.RandomHorizontalFlip(p=0.25)]))
    assert text == (
        "Compose([\n    Resize(size=2, interpolation='bilinear', max_size=None, antialias=True),\n"
        "    RandomHorizontalFlip(p=0.25),\n])"
    )


@pytest.fixture(params=[False, True], ids=["small", "large"])
def large(request, monkeypatch):
    """As for images of ordinary sizes, and as for those of which only a part is made."""
    if request.param:
        for name in ("LARGEST_WHOLE", "LARGEST_MATRIX"):
            monkeypatch.setitem(T.resize.__globals__, name, 0)
        monkeypatch.setitem(T.resize.__globals__, "PART", 30)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "nearest", "nearest-exact"])
@pytest.mark.parametrize("shape", [(3, 9, 40), (3, 33, 1), (1, 1, 30), (3, 16, 16)])
@pytest.mark.parametrize("antialias", [True, False])
def test_the_middle_of_a_resized_image_is_that_of_the_whole(large, shape, interpolation, antialias):
    image = picture(shape=shape)
    for size, crop in [(16, 13), (16, (16, 9)), ((20, 31), (3, 31)), (5, 4)]:
        to_size = T.Resize(size, interpolation, antialias=antialias)
        chain = T.Compose([to_size, T.CenterCrop(crop), T.Normalize([0.0], [1.0])])
        whole = T.resize(image, to_size.size_of(shape), interpolation, antialias)
        np.testing.assert_allclose(chain(image), T.CenterCrop(crop)(whole), atol=1e-6)


def test_a_crop_larger_than_the_resized_image_is_padded():
    image = picture()
    expected = T.CenterCrop(12)(T.Resize(8)(image))
    np.testing.assert_array_equal(T.Compose([T.Resize(8), T.CenterCrop(12)])(image), expected)
    with pytest.raises(TypeError, match=r"^Resize: image must be a float32 array"):
        T.Compose([T.Resize(8), T.CenterCrop(4)])(image.astype(np.float64))


def test_a_jitter_of_scale_cuts_what_it_would_cut_of_the_whole(large):
    image, draws = picture(shape=(3, 9, 40)), rng()
    size = T.Resize(int(draws.integers(20, 31))).size_of(image.shape)
    top, left = int(draws.integers(size[0] - 15)), int(draws.integers(size[1] - 15))
    expected = T.resize(image, size)[:, top : top + 16, left : left + 16]
    np.testing.assert_allclose(T.ScaleJitter(16, 20, 30)(image, rng()), expected, atol=1e-6)


@pytest.mark.parametrize("shape", [(3, 3, 20_000), (3, 20_000, 2), (3, 7, 90_000)])
@pytest.mark.parametrize(
    "chain",
    [T.Compose([T.Resize(256), T.CenterCrop(224)]), T.ScaleJitter(224, 256, 512)],
    ids=["middle", "anywhere"],
)
def test_of_the_thinnest_images_no_more_is_made_than_is_taken(chain, shape):
    image = picture(shape=shape)
    chain(image, rng())
    tracemalloc.start()
    assert chain(image, rng()).shape == (3, 224, 224)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6

"""What holds for every transform."""

import pickle

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.data import transforms as T

ALL = [
    T.Pad(2),
    T.CenterCrop((5, 4)),
    T.RandomCrop(6, padding=1),
    T.RandomHorizontalFlip(),
    T.Resize((9, 7)),
    T.RandomResizedCrop(5),
    T.ScaleJitter(6, 8, 12),
    T.Cutout(4),
    T.TenCrop(4),
    T.Normalize((0.4, 0.5, 0.6), (0.2, 0.3, 0.4)),
    T.ColorJitter(0.4, 0.4, 0.4),
    T.ColorJitter(hue=0.5),
    T.CenterCrop(12),
    T.RandomCrop(12, pad_if_needed=True, padding_mode="reflect"),
    T.RandomVerticalFlip(),
    T.RandomGrayscale(0.5),
    T.Grayscale(3),
    T.RandomRotation(30, "bilinear"),
    T.PCALighting(),
]
every = pytest.mark.parametrize("transform", ALL, ids=lambda transform: type(transform).__name__)


def picture(seed=0, shape=(3, 8, 10)):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def rng(seed=1):
    return np.random.default_rng(seed)


@every
def test_an_image_stays_float32_and_is_never_written_to(transform):
    image = picture()
    image.flags.writeable = False
    out = transform(image, rng())
    assert out.dtype == np.float32
    assert out.shape[-3] == 3
    np.testing.assert_array_equal(image, picture())


@every
def test_the_same_generator_gives_the_same_image(transform):
    np.testing.assert_array_equal(transform(picture(), rng()), transform(picture(), rng()))


@every
def test_a_view_with_negative_strides_gives_what_its_copy_gives(transform):
    view = picture()[::-1, ::-1, ::-1]
    result, expected = transform(view, rng()), transform(view.copy(), rng())
    np.testing.assert_allclose(result, expected, rtol=1e-6)  # a sum is added up by strides


@every
def test_without_a_generator_manual_seed_decides(transform):
    images = []
    for _ in range(2):
        mt.manual_seed(7)
        images.append(transform(picture()))
    np.testing.assert_array_equal(*images)


@every
def test_anything_but_a_float32_image_is_refused_by_name(transform):
    name = type(transform).__name__
    with pytest.raises(TypeError, match=f"^{name}: image must be a float32 array .*float64"):
        transform(picture().astype(np.float64))
    with pytest.raises(TypeError, match=f"^{name}: .*uint8"):
        transform(np.zeros((3, 8, 8), dtype=np.uint8))
    with pytest.raises(TypeError, match=f"^{name}: .*list"):
        transform([[0.0]])
    for shape in [(8, 10), (2, 3, 8, 10), (3, 0, 10)]:
        with pytest.raises(ValueError, match=rf"^{name}: image must have the shape \(C, H, W\)"):
            transform(np.zeros(shape, dtype=np.float32))


@every
def test_a_transform_reads_as_the_call_that_makes_it_and_travels_to_processes(transform):
    assert eval(repr(transform), vars(T)) == transform
    assert pickle.loads(pickle.dumps(transform)) == transform


def test_a_transform_of_ones_own_needs_only_apply():
    class Invert(T.Transform):
        def apply(self, image, rng):
            return 1 - image

    assert Invert()(np.zeros((1, 1, 1), dtype=np.float32)).item() == 1
    with pytest.raises(NotImplementedError, match=r"^Transform: apply"):
        T.Transform()(picture())

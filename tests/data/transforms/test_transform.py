"""Properties of all transforms."""

import pickle

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.data import transforms as T
from minitorch_cnn.data.transforms import functional as TF

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
    T.FiveCrop(4),
    T.AutoAugment(T.AutoAugmentPolicy.CIFAR10),
    T.RandAugment(3, 5),
    T.TrivialAugmentWide(),
    T.GaussianBlur(3, (0.5, 1.0)),
    T.RandomAdjustSharpness(2.0),
    T.RandomAffine(20, (0.1, 0.1), (0.8, 1.2), (-5, 5, -5, 5)),
    T.RandomAutocontrast(),
    T.RandomEqualize(),
    T.RandomErasing(),
    T.RandomInvert(),
    T.RandomPerspective(),
    T.RandomPosterize(3),
    T.RandomSolarize(0.5),
]
IF_AT_ALL = [
    (T.RandomHorizontalFlip(1.0), TF.hflip),
    (T.RandomVerticalFlip(1.0), TF.vflip),
    (T.RandomGrayscale(1.0), lambda image: TF.rgb_to_grayscale(image, 3)),
    (T.RandomAdjustSharpness(2.0, 1.0), lambda image: TF.adjust_sharpness(image, 2.0)),
    (T.RandomAutocontrast(1.0), TF.autocontrast),
    (T.RandomEqualize(1.0), TF.equalize),
    (T.RandomInvert(1.0), TF.invert),
    (T.RandomPosterize(3, 1.0), lambda image: TF.posterize(image, 3)),
    (T.RandomSolarize(0.5, 1.0), lambda image: TF.solarize(image, 0.5)),
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


@pytest.mark.parametrize(
    ("transform", "function"), IF_AT_ALL, ids=lambda value: type(value).__name__
)
def test_what_happens_by_chance_is_what_the_function_does(transform, function):
    np.testing.assert_array_equal(transform(picture()), function(picture()))
    never = type(transform)(**{**vars(transform), "p": 0.0})
    np.testing.assert_array_equal(never(picture()), picture())
    sometimes = type(transform)(**{**vars(transform), "p": 0.3})
    changed = [not np.array_equal(sometimes(picture(), rng(s)), picture()) for s in range(200)]
    assert 35 < sum(changed) < 90
    with pytest.raises(ValueError, match=rf"^{type(transform).__name__}: p=1.5 must be in"):
        type(transform)(**{**vars(transform), "p": 1.5})


def test_parameters_can_be_drawn_for_several_images():
    image = picture(shape=(3, 20, 30))
    for _ in range(20):
        top, left, h, w = T.RandomCrop.get_params(image, output_size=(7, 9))
        assert TF.crop(image, top, left, h, w).shape == (3, 7, 9)
        top, left, h, w = T.RandomResizedCrop.get_params(image, (0.2, 0.5), (0.5, 2.0))
        assert 0.15 < h * w / 600 < 0.55 and top + h <= 20 and left + w <= 30
        assert -9 <= T.RandomRotation.get_params([-9, 9]) <= 9
        angle, shift, scale, shear = T.RandomAffine.get_params(
            (-5, 5), (0.1, 0.2), (0.5, 2.0), (-3, 3, 4, 5), (30, 20)
        )
        assert abs(angle) <= 5 and abs(shift[0]) <= 3 and abs(shift[1]) <= 4
        assert 0.5 <= scale <= 2 and abs(shear[0]) <= 3 and 4 <= shear[1] <= 5
        order, b, c, s, h = T.ColorJitter.get_params((0.5, 1.5), None, (1, 2), (-0.1, 0.1))
        assert sorted(order) == [0, 1, 2, 3] and 0.5 <= b <= 1.5 and c is None
        assert 1 <= s <= 2 and abs(h) <= 0.1
        assert 0.1 <= T.GaussianBlur.get_params(0.1, 2.0) <= 2
        start, end = T.RandomPerspective.get_params(30, 20, 0.5)
        assert start == [[0, 0], [29, 0], [29, 19], [0, 19]]
        assert max(abs(np.subtract(start, end)).max(0)) <= 7
        i, j, h, w, v = T.RandomErasing.get_params(mt.tensor(image), (0.1, 0.2), (0.5, 2), [0.0])
        assert i + h <= 20 and j + w <= 30 and v.shape == (1, 1, 1)


def test_a_picture_stays_a_picture_and_a_batch_a_batch():
    pillow = pytest.importorskip("PIL.Image")
    drawn = pillow.fromarray((picture(shape=(8, 10, 3)) * 255).astype(np.uint8))
    batch = mt.tensor(np.stack([picture(), picture(1)]))
    for transform in ALL:
        if isinstance(transform, (T.TenCrop, T.FiveCrop)):
            assert {type(crop) for crop in transform(drawn)} == {pillow.Image}
            continue
        if not isinstance(transform, (T.Normalize, T.RandomErasing)):
            if isinstance(transform, T.RandomSolarize):
                transform = T.RandomSolarize(100)
            assert transform(drawn, rng()).mode == "RGB"
        one, two = transform(batch[0], rng()), transform(batch, rng())
        assert isinstance(two, mt.Tensor) and two.shape[1:] == one.shape
        if not isinstance(transform, T.RandomErasing):
            np.testing.assert_allclose(two[0], one, atol=1e-6)
        np.testing.assert_allclose(one, transform(picture(), rng()), atol=1e-6)


def test_a_transform_of_ones_own_needs_only_apply():
    class Invert(T.Transform):
        def apply(self, image, rng):
            return 1 - image

    assert Invert()(np.zeros((1, 1, 1), dtype=np.float32)).item() == 1
    with pytest.raises(NotImplementedError, match=r"^Transform: apply"):
        T.Transform()(picture())

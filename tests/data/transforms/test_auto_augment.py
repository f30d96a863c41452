"""Augmentation by operations drawn from a list."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.data import transforms as T
from minitorch_cnn.data.transforms import functional as TF
from minitorch_cnn.data.transforms.policies import POLICIES

KINDS = [T.AutoAugment, T.RandAugment, T.TrivialAugmentWide]


def picture(seed=0, shape=(3, 16, 20)):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def rng(seed):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_keeps_its_form_shape_and_range(kind):
    pillow = pytest.importorskip("PIL.Image")
    drawn = pillow.fromarray(picture().transpose(1, 2, 0))
    floats = picture() / np.float32(255)
    found = set()
    for seed in range(60):
        got = kind()(floats, rng(seed))
        assert got.dtype == np.float32 and got.shape == floats.shape
        assert got.min() >= 0 and got.max() <= 1
        found.add(got.tobytes())
        bytes_ = kind()(mt.tensor(picture()), rng(seed))
        assert bytes_.dtype == np.uint8
        in_picture = kind()(drawn, rng(seed))
        assert in_picture.mode == "RGB"
        np.testing.assert_array_equal(TF.pil_to_tensor(in_picture), bytes_)
    assert len(found) > 20


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_generator_gives_the_same_image(kind):
    for seed in range(10):
        image = picture() / np.float32(255)
        np.testing.assert_array_equal(kind()(image, rng(seed)), kind()(image, rng(seed)))


def test_one_operation_of_the_strongest_magnitude_is_one_of_fourteen():
    image = mt.tensor(picture())
    possible = [image, TF.autocontrast(image), TF.equalize(image), TF.solarize(image, 0)]
    possible += [TF.posterize(image, 4)]
    for sign in (-1, 1):
        shear = np.degrees(np.arctan(0.3)) * sign
        for s in [(shear, 0), (0, shear)]:
            possible.append(TF.affine(image, 0, (0, 0), 1, s, center=(0, 0)))
        for shift in [(int(150 / 331 * 20), 0), (0, int(150 / 331 * 16))]:
            possible.append(TF.affine(image, 0, [sign * n for n in shift], 1, 0))
        possible.append(TF.rotate(image, 30 * sign))
        for adjust in (TF.adjust_brightness, TF.adjust_saturation, TF.adjust_contrast):
            possible.append(adjust(image, 1 + 0.9 * sign))
        possible.append(TF.adjust_sharpness(image, 1 + 0.9 * sign))
    wanted = {p.numpy().tobytes() for p in possible}
    one = T.RandAugment(1, 30)
    assert {one(image, rng(seed)).numpy().tobytes() for seed in range(400)} == wanted


def test_the_policies_are_25_of_two_steps():
    for policies in POLICIES.values():
        assert len(policies) == 25
        for name, chance, level in (step for policy in policies for step in policy):
            assert name in T.auto_augment.MOVES or name in T.auto_augment.COLOURS
            assert 0 <= chance <= 1
            assert (level is None) == (name in ("Equalize", "AutoContrast", "Invert"))
    assert POLICIES["cifar10"][1] == (("Rotate", 0.7, 2), ("TranslateX", 0.3, 9))


def test_other_settings_are_refused():
    for make, message in [
        (lambda: T.RandAugment(-1), "RandAugment: num_ops=-1"),
        (lambda: T.RandAugment(2, 31), r"RandAugment: magnitude=31 must be in 0..30"),
        (lambda: T.TrivialAugmentWide(1), "TrivialAugmentWide: num_magnitude_bins=1"),
        (lambda: T.AutoAugment("mnist"), "AutoAugment: policy='mnist'"),
        (lambda: T.RandAugment(interpolation="box"), "RandAugment: interpolation='box'"),
    ]:
        with pytest.raises(ValueError, match=f"^{message}"):
            make()

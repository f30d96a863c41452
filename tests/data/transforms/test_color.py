"""Transforms that change values but not geometry."""

import colorsys

import numpy as np
import pytest

from minitorch_cnn.data import TensorDataset
from minitorch_cnn.data import transforms as T


def picture(seed=0, shape=(3, 6, 5)):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def rng(seed=1):
    return np.random.default_rng(seed)


def test_normalize_takes_each_channel_to_its_own_scale():
    image = picture()
    out = T.Normalize((0.1, 0.2, 0.3), (0.5, 1.0, 2.0))(image)
    for c, (mean, std) in enumerate([(0.1, 0.5), (0.2, 1.0), (0.3, 2.0)]):
        np.testing.assert_allclose(out[c], (image[c] - mean) / std, rtol=1e-5)
    single = T.Normalize([0.5], [0.25])(image)
    np.testing.assert_allclose(single, (image - 0.5) * 4, rtol=1e-5)


@pytest.mark.parametrize(
    ("mean", "std"),
    [
        ((0.5,), (0.0,)),
        ((0.5,), (-1.0,)),
        ((0.5,), (float("inf"),)),
        ((0.5,), (1e-50,)),  # 0 in float32
        ((float("inf"),), (1.0,)),
        ((float("nan"),), (1.0,)),
        ((1e40,), (1.0,)),  # infinite in float32
        ((0.5, 0.5), (1.0,)),
        ((), ()),
    ],
)
def test_normalize_refuses_what_it_cannot_take_off_or_divide_by(mean, std):
    with pytest.raises(ValueError, match=r"^Normalize: (mean|std)="):
        T.Normalize(mean, std)


def test_normalize_refuses_another_number_of_channels():
    with pytest.raises(ValueError, match=r"^Normalize: mean has 2 numbers, the image 3 channels"):
        T.Normalize((0.5, 0.5), (1.0, 1.0))(picture())


def solve_factor(out, image, towards):
    """The f of out = f image + (1 - f) towards, from the pixels that were not clipped."""
    free = (out > 0) & (out < 1)
    factors = ((out - towards) / (image - towards))[free & (abs(image - towards) > 0.05)]
    assert np.ptp(factors) < 1e-3
    return float(np.median(factors))


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation"])
def test_jitter_blends_towards_black_mean_or_grey_by_a_factor_within_range(name):
    image = picture()
    grey = 0.299 * image[0] + 0.587 * image[1] + 0.114 * image[2]
    towards = {
        "brightness": np.zeros_like(image),
        "contrast": np.full_like(image, grey.mean()),
        "saturation": np.broadcast_to(grey, image.shape),
    }[name]
    jitter = T.ColorJitter(**{name: 0.5})
    factors = [solve_factor(jitter(image, rng(seed)), image, towards) for seed in range(100)]
    assert 0.5 <= min(factors) < 0.55 and 1.45 < max(factors) <= 1.5


def turned(image, turn):
    """The hue of each pixel turned, by Python's own colorsys."""
    out = np.empty(image.shape)
    for i, j in np.ndindex(image.shape[1:]):
        h, s, v = colorsys.rgb_to_hsv(*map(float, image[:, i, j]))
        out[:, i, j] = colorsys.hsv_to_rgb((h + turn) % 1, s, v)
    return out


@pytest.mark.parametrize("turn", [-0.5, -0.3, -1 / 6, -0.01, 0.0, 0.1, 1 / 3, 0.5])
def test_the_hue_is_turned_as_in_colorsys(turn):
    image = picture(shape=(3, 9, 8))
    image[:, 0] = [
        [0, 1, 0, 0, 1, 1, 0, 0.5],
        [0, 0, 1, 0, 1, 0, 1, 0.5],
        [0, 0, 0, 1, 1, 1, 1, 0.5],
    ]
    image[0, 1] = image[1, 1]  # two channels alike, the largest or the smallest
    image[2, 2] = image[1, 2]
    out = T.ColorJitter(hue=(turn, turn))(image)
    np.testing.assert_allclose(out, turned(image, turn), atol=2e-6)


def test_the_turn_of_the_hue_is_drawn_within_its_range():
    red = np.zeros((3, 1, 1), np.float32)
    red[0] = 1
    for hue, low, high in [(0.1, -0.1, 0.1), ((0.2, 0.3), 0.2, 0.3)]:
        turns = []
        for seed in range(200):
            h = colorsys.rgb_to_hsv(*T.ColorJitter(hue=hue)(red, rng(seed)).ravel().tolist())[0]
            turns.append(h - round(h))
        assert low <= min(turns) < low + 0.01 and high - 0.01 < max(turns) <= high + 1e-6


def test_a_jitter_without_hue_draws_what_it_always_drew():
    out = T.ColorJitter(0.4, 0.4, 0.4)(picture(), rng())
    draws, expected = rng(), picture()
    for name in draws.permutation(["brightness", "contrast", "saturation"]):
        f = np.float32(draws.uniform(0.6, 1.4))
        grey = np.tensordot([0.299, 0.587, 0.114], expected, 1)
        towards = {"brightness": 0, "contrast": grey.mean(), "saturation": grey[None]}[name]
        expected = np.clip(f * expected + (1 - f) * towards, 0, 1)
    np.testing.assert_allclose(out, expected, atol=1e-6)


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation"])
def test_a_pair_is_the_range_of_the_factor(name):
    same = T.ColorJitter(**{name: (1.0, 1.0)})(picture())
    np.testing.assert_array_equal(same, picture())
    ours = T.ColorJitter(**{name: (0.7, 1.3)})(picture(), rng())
    np.testing.assert_allclose(ours, T.ColorJitter(**{name: 0.3})(picture(), rng()), atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hue": 0.6}, "hue=0.6 must be at least 0 and at most 0.5"),
        ({"hue": -0.1}, "hue=-0.1"),
        ({"hue": (-0.6, 0)}, r"hue=\(-0.6, 0\) must be \(low, high\) within -0.5..0.5"),
        ({"hue": (0.2, 0.1)}, r"hue=\(0.2, 0.1\)"),
        ({"brightness": (-0.1, 1)}, r"brightness=\(-0.1, 1\)"),
        ({"contrast": (0.1,)}, r"contrast=\(0.1,\)"),
        ({"saturation": float("nan")}, "saturation=nan"),
    ],
)
def test_jitter_refuses_factors_out_of_range(settings, message):
    with pytest.raises(ValueError, match=f"^ColorJitter: {message}"):
        T.ColorJitter(**settings)


def test_grey_is_the_weighted_sum_of_the_colours():
    image = picture()
    expected = np.tensordot([0.299, 0.587, 0.114], image, 1)
    np.testing.assert_allclose(T.Grayscale()(image)[0], expected, atol=1e-6)
    assert T.Grayscale()(image).shape == (1, 6, 5)
    np.testing.assert_allclose(T.Grayscale(3)(image), [expected] * 3, atol=1e-6)
    np.testing.assert_array_equal(T.Grayscale(3)(image[:1]), np.repeat(image[:1], 3, axis=0))
    outs = [T.RandomGrayscale(0.3)(image, rng(seed)) for seed in range(300)]
    grey = [np.array_equal(out[0], out[1]) for out in outs]
    assert 60 < sum(grey) < 120 and all(out.shape == (3, 6, 5) for out in outs)
    for make, message in [
        (lambda: T.Grayscale(2), "Grayscale: num_output_channels=2 must be 1 or 3"),
        (lambda: T.RandomGrayscale(2), "RandomGrayscale: p=2"),
        (lambda: T.Grayscale()(picture(shape=(2, 3, 3))), "Grayscale: the image has 2 channels"),
    ]:
        with pytest.raises(ValueError, match=f"^{message}"):
            make()


def test_jitter_keeps_values_within_0_and_1():
    outs = [T.ColorJitter(2.0, 2.0, 2.0)(picture(), rng(seed)) for seed in range(50)]
    assert min(out.min() for out in outs) == 0 and max(out.max() for out in outs) == 1


def test_jitter_of_nothing_changes_nothing():
    np.testing.assert_array_equal(T.ColorJitter()(picture()), picture())


def test_a_grey_image_has_no_saturation():
    image = picture(shape=(1, 4, 4))
    np.testing.assert_allclose(T.ColorJitter(saturation=0.9)(image), image, atol=1e-6)
    assert not np.allclose(T.ColorJitter(contrast=0.9)(image, rng()), image)


def test_jitter_refuses_negative_strengths_and_other_channels():
    with pytest.raises(ValueError, match=r"^ColorJitter: contrast=-1 must be at least 0"):
        T.ColorJitter(contrast=-1)
    with pytest.raises(ValueError, match=r"^ColorJitter: the image has 2 channels"):
        T.ColorJitter(0.1)(picture(shape=(2, 4, 4)))


def test_lighting_shifts_all_pixels_alike_along_the_principal_components():
    image = picture()
    vectors, values = np.linalg.qr(rng().standard_normal((3, 3)))[0], np.array([0.5, 0.2, 0.1])
    lighting = T.PCALighting(0.1, vectors.tolist(), values.tolist())
    shifts = np.array([lighting(image, rng(seed)) - image for seed in range(2000)])
    np.testing.assert_allclose(
        shifts, np.broadcast_to(shifts[..., :1, :1], shifts.shape), atol=1e-6
    )
    parts = (
        shifts[:, :, 0, 0] @ vectors
    )  # along the components: normal, std 0.1 times the eigenvalue
    np.testing.assert_allclose(parts.std(axis=0), 0.1 * values, rtol=0.06)
    np.testing.assert_allclose(parts.mean(axis=0), 0, atol=0.006)
    np.testing.assert_allclose(np.corrcoef(parts.T), np.eye(3), atol=0.08)


def test_the_eigenvectors_of_imagenet_are_orthonormal_and_mostly_grey():
    vectors = np.array(T.PCALighting().eigenvectors)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(3), atol=2e-3)
    assert np.ptp(vectors[:, 0]) < 0.02


def test_lighting_refuses_other_shapes():
    with pytest.raises(ValueError, match=r"^PCALighting: .*\(2, 2\)"):
        T.PCALighting(0.1, ((1.0, 0.0), (0.0, 1.0)), (1.0, 1.0))
    with pytest.raises(ValueError, match=r"^PCALighting: std=-1"):
        T.PCALighting(-1)
    with pytest.raises(ValueError, match=r"^PCALighting: the image has 1 channels"):
        T.PCALighting()(picture(shape=(1, 4, 4)))


def test_pixel_pca_finds_the_covariance_of_the_pixels():
    images = (
        picture(shape=(5, 3, 6, 4)) * np.array([1.0, 0.5, 0.1], dtype=np.float32)[:, None, None]
    )
    vectors, values = T.pixel_pca(TensorDataset(images))
    pixels = images.transpose(1, 0, 2, 3).reshape(3, -1).astype(np.float64)
    np.testing.assert_allclose(
        vectors @ np.diag(values) @ vectors.T, np.cov(pixels, bias=True), atol=1e-9
    )
    assert values[0] > values[1] > values[2] > 0
    assert T.PCALighting(0.1, vectors, values)(images[0]).shape == (3, 6, 4)


def test_pixel_pca_refuses_grey_images_and_no_images():
    with pytest.raises(ValueError, match=r"^pixel_pca: image 0 has 1 channels"):
        T.pixel_pca(TensorDataset(picture(shape=(2, 1, 4, 4))))
    with pytest.raises(ValueError, match=r"^pixel_pca: the data set is empty"):
        T.pixel_pca(TensorDataset(np.zeros((0, 3, 4, 4))))

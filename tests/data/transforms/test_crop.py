"""Transforms that take a part of an image."""

import numpy as np
import pytest

from minitorch_cnn.data import transforms as T


def numbered(h, w, c=1):
    """Every pixel another number, so that a pixel says where it comes from."""
    return np.arange(1, c * h * w + 1, dtype=np.float32).reshape(c, h, w)


def rngs(count=200):
    return [np.random.default_rng(seed) for seed in range(count)]


def test_center_crop_takes_the_middle():
    assert T.CenterCrop((2, 2))(numbered(4, 6)).tolist() == [[[9, 10], [15, 16]]]


@pytest.mark.parametrize("size", [(6, 8), (7, 3), (2, 9), (5, 4), (5, 7)])
def test_a_center_crop_lays_a_smaller_image_in_the_middle_of_zeros(size):
    image = numbered(4, 6)
    (oh, ow), (h, w) = size, (4, 6)
    # torchvision's center_crop: padding first, rounded down at the left and up at the right.
    left, top = max(ow - w, 0) // 2, max(oh - h, 0) // 2
    whole = np.zeros((1, max(h, oh), max(w, ow)), np.float32)
    whole[:, top : top + h, left : left + w] = image
    down, right = round((whole.shape[1] - oh) / 2), round((whole.shape[2] - ow) / 2)
    expected = whole[:, down : down + oh, right : right + ow]
    np.testing.assert_array_equal(T.CenterCrop(size)(image), expected)


def test_a_random_crop_pads_a_smaller_image_if_asked():
    image = numbered(3, 4)
    crop = T.RandomCrop((5, 6), pad_if_needed=True, fill=-1.0)
    pieces = {crop(image, rng).tobytes() for rng in rngs(500)}
    whole = np.pad(image[0], ((2, 2), (2, 2)), constant_values=-1)
    windows = np.lib.stride_tricks.sliding_window_view(whole, (5, 6)).reshape(-1, 30)
    assert pieces == {window.tobytes() for window in windows}
    # Only the side that lacks pixels is padded, after the padding that is asked for anyway.
    assert T.RandomCrop((7, 4), 1, True)(image).shape == (1, 7, 4)
    np.testing.assert_array_equal(T.RandomCrop((3, 4), pad_if_needed=True)(image), image)
    with pytest.raises(ValueError, match=r"^RandomCrop: pad_if_needed=0.5 must be a bool"):
        T.RandomCrop(4, 0, 0.5)


@pytest.mark.parametrize("kind", [T.RandomHorizontalFlip, T.RandomVerticalFlip])
def test_flips_mirror_along_their_axis(kind):
    image = numbered(3, 4, 2)
    axis = 2 if kind is T.RandomHorizontalFlip else 1
    np.testing.assert_array_equal(kind(1)(image), np.flip(image, axis))
    np.testing.assert_array_equal(kind(0)(image), image)
    with pytest.raises(ValueError, match=rf"^{kind.__name__}: p=1.5 must be in \[0, 1\]"):
        kind(1.5)


def test_random_crops_reach_every_place_and_only_those():
    places = {T.RandomCrop((2, 3))(numbered(4, 5), rng)[0, 0, 0] for rng in rngs()}
    assert places == {1, 2, 3, 6, 7, 8, 11, 12, 13}


def test_a_random_crop_is_a_piece_of_the_padded_image():
    image = numbered(4, 4)
    padded = np.pad(image, ((0, 0), (2, 2), (2, 2)))
    pieces = np.lib.stride_tricks.sliding_window_view(padded[0], (4, 4)).reshape(-1, 16).tolist()
    got = {tuple(T.RandomCrop(4, padding=2)(image, rng).ravel()) for rng in rngs(400)}
    assert got == {tuple(piece) for piece in pieces}


def test_flips_mirror_left_to_right_in_their_share_of_cases():
    image = numbered(2, 3)
    outcomes = [T.RandomHorizontalFlip(p=0.3)(image, rng) for rng in rngs(1000)]
    mirrored = [out.tolist() == [[[3, 2, 1], [6, 5, 4]]] for out in outcomes]
    assert all(m or np.array_equal(out, image) for m, out in zip(mirrored, outcomes, strict=True))
    assert 240 < sum(mirrored) < 360
    assert T.RandomHorizontalFlip(p=1.0)(image).tolist() == [[[3, 2, 1], [6, 5, 4]]]
    np.testing.assert_array_equal(T.RandomHorizontalFlip(p=0.0)(image), image)


def spread(image):
    """(height, width) that a crop of the image of coordinates covers, in pixels."""
    rows, columns = image
    return np.ptp(rows), np.ptp(columns)


def coordinates(h, w):
    return np.mgrid[:h, :w].astype(np.float32)


def test_resized_crops_keep_to_their_scale_and_ratio():
    # Resized to its own size or more, a crop of h pixels spans h - 1; sizes round to whole pixels.
    crop = T.RandomResizedCrop(200, scale=(0.2, 0.5), ratio=(0.9, 2.0))
    areas, ratios = [], []
    for rng in rngs(100):
        h, w = (side + 1 for side in spread(crop(coordinates(120, 160), rng)))
        areas.append(h * w / (120 * 160))
        ratios.append(w / h)
    assert 0.19 < min(areas) < 0.25 and 0.42 < max(areas) < 0.51
    assert 0.88 < min(ratios) < 1.0 and 1.7 < max(ratios) < 2.05


def test_a_resized_crop_that_never_fits_takes_the_middle():
    # Of 100 x 10 pixels no square has 90 % of the area.
    crop = T.RandomResizedCrop((10, 10), scale=(0.9, 1.0), ratio=(1.0, 1.0))
    out = crop(coordinates(100, 10))
    assert out[0].min() == 45 and out[0].max() == 54
    assert out[1].min() == 0 and out[1].max() == 9


def test_scale_jitter_resizes_the_shorter_side_within_its_range_and_crops():
    jitter = T.ScaleJitter(16, smallest=16, largest=64)
    outs = [jitter(coordinates(32, 64), rng) for rng in rngs(300)]
    assert all(out.shape == (2, 16, 16) for out in outs)
    # A crop of 16 out of S pixels covers 15/S of 32.
    scales = [
        round(15 * 32 / float(out[0, -1, 5] - out[0, 0, 5])) for out in outs if out[0].min() > 0
    ]
    assert min(scales) < 20 and max(scales) > 60
    fixed = T.ScaleJitter(8, 8, 8)(coordinates(16, 16))
    np.testing.assert_array_equal(fixed, T.Resize(8)(coordinates(16, 16)))


def test_scale_jitter_draws_every_size_from_the_smallest_to_the_largest():
    jitter, image = T.ScaleJitter(10, smallest=10, largest=13), coordinates(240, 240)
    # Resized to S, rows that follow each other are 240/S apart.
    outs = [jitter(image, rng)[0] for rng in rngs(60)]
    assert {round(240 / float(out[5, 5] - out[4, 5])) for out in outs} == {10, 11, 12, 13}


def test_a_resized_crop_resizes_as_asked():
    image = np.random.default_rng(0).random((3, 20, 30), dtype=np.float32)
    crop = T.RandomResizedCrop((8, 9), (1, 1), (1.5, 1.5), "bicubic")
    np.testing.assert_allclose(crop(image), T.resize(image, (8, 9), "bicubic"), atol=1e-6)
    plain = T.RandomResizedCrop((8, 9), (1, 1), (1.5, 1.5), antialias=False)
    np.testing.assert_allclose(plain(image), T.resize(image, (8, 9), antialias=False), atol=1e-6)
    with pytest.raises(ValueError, match=r"^RandomResizedCrop: interpolation='cubic' must be"):
        T.RandomResizedCrop(8, interpolation="cubic")


def test_cutout_blanks_one_square_that_may_lie_partly_outside():
    image, areas, rows = numbered(8, 8, c=2), set(), set()
    for rng in rngs(400):
        gone = T.Cutout(4, fill=-1.0)(image, rng) == -1
        np.testing.assert_array_equal(gone[0], gone[1])
        h, w = gone[0].any(axis=1).sum(), gone[0].any(axis=0).sum()
        assert gone[0].sum() == h * w
        areas.add((int(h), int(w)))
        rows.update(np.flatnonzero(gone[0].any(axis=1)).tolist())
    assert areas == {(h, w) for h in (2, 3, 4) for w in (2, 3, 4)}
    assert rows == set(range(8))


def test_ten_crops_are_corners_and_middle_then_those_of_the_mirror_image():
    image = numbered(3, 3)
    crops = T.TenCrop((1, 1))(image)
    assert crops.shape == (10, 1, 1, 1)
    assert crops.ravel().tolist() == [1, 3, 7, 9, 5, 3, 1, 9, 7, 5]
    whole = T.TenCrop(3)(image)
    for i in range(5):
        np.testing.assert_array_equal(whole[i], image)
        np.testing.assert_array_equal(whole[5 + i], image[:, :, ::-1])


@pytest.mark.parametrize("kind", [T.RandomCrop, T.TenCrop])
def test_a_crop_larger_than_the_image_is_refused(kind):
    with pytest.raises(ValueError, match=rf"^{kind.__name__}: size=\(5, 3\) must fit .* 4 x 4"):
        kind((5, 3))(numbered(4, 4))
    for size in (0, (2, -1), 1.5):
        with pytest.raises(ValueError, match=f"^{kind.__name__}: size="):
            kind(size)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: T.RandomHorizontalFlip(1.5), "RandomHorizontalFlip: p=1.5"),
        (lambda: T.RandomResizedCrop(0), "RandomResizedCrop: size=0"),
        (
            lambda: T.RandomResizedCrop(4, scale=(0.5, 0.2)),
            r"RandomResizedCrop: scale=\(0.5, 0.2\)",
        ),
        (lambda: T.RandomResizedCrop(4, scale=0.5), r"RandomResizedCrop: scale=0.5 must be \("),
        (lambda: T.RandomResizedCrop(4, ratio=(0, 1)), r"RandomResizedCrop: ratio=\(0, 1\)"),
        (lambda: T.ScaleJitter(16, 8, 32), "ScaleJitter: smallest=8"),
        (lambda: T.ScaleJitter(16, 40, 32), "ScaleJitter: smallest=40"),
        (lambda: T.Cutout(0), "Cutout: size="),
    ],
)
def test_settings_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        make()

"""Random erasing."""

import numpy as np
import pytest

from minitorch_cnn.data import transforms as T


def erased(transform, seed, shape=(3, 40, 30)):
    """Where the image of ones was changed, and what it became there."""
    out = transform(np.ones(shape, np.float32), np.random.default_rng(seed))
    return (out != 1).any(0), out


def test_a_rectangle_of_random_area_ratio_and_place_is_filled():
    transform = T.RandomErasing(1.0, scale=(0.1, 0.3), ratio=(0.5, 2))
    areas, ratios, corners = [], [], set()
    for seed in range(300):
        where, out = erased(transform, seed)
        rows, columns = np.nonzero(where.any(1))[0], np.nonzero(where.any(0))[0]
        high, wide = len(rows), len(columns)
        assert where.sum() == high * wide and not out[:, where].any()
        assert (np.diff(rows) == 1).all() and (np.diff(columns) == 1).all()
        areas.append(high * wide / 1200)
        ratios.append(high / wide)
        corners.add((rows[0], columns[0]))
    assert 0.08 < min(areas) < 0.12 and 0.27 < max(areas) < 0.33
    assert 0.4 < min(ratios) < 0.6 and 1.7 < max(ratios) < 2.4
    assert len(corners) > 100


def test_it_happens_with_its_probability():
    count = sum(erased(T.RandomErasing(0.3), seed)[0].any() for seed in range(400))
    assert 80 < count < 160


def test_the_filling_is_a_number_one_for_each_channel_or_noise():
    where, out = erased(T.RandomErasing(1.0, value=(0.1, 0.2, 0.3)), 0)
    np.testing.assert_allclose(out[:, where][:, 0], [0.1, 0.2, 0.3])
    where, out = erased(T.RandomErasing(1.0, scale=(0.3, 0.3), value="random"), 0)
    noise = out[:, where]
    assert abs(noise.mean()) < 0.2 and abs(noise.std() - 1) < 0.2
    image = np.ones((1, 8, 8), np.float32)
    T.RandomErasing(1.0)(image)
    assert image.all()  # what was given stays


def test_what_does_not_fit_leaves_the_image():
    where, _ = erased(T.RandomErasing(1.0, scale=(1, 1)), 0)
    assert not where.any()


@pytest.mark.parametrize(
    "settings, rule",
    [
        ({"p": 1.5}, "p=1.5 must be in"),
        ({"scale": (0.5, 0.1)}, r"scale=\(0.5, 0.1\) must be fractions"),
        ({"ratio": (0, 1)}, r"ratio=\(0, 1\) must be"),
        ({"value": "black"}, "value='black' must be numbers or 'random'"),
    ],
)
def test_other_settings_are_refused(settings, rule):
    with pytest.raises(ValueError, match=f"^RandomErasing: {rule}"):
        T.RandomErasing(**settings)
    with pytest.raises(ValueError, match="value has 2 numbers, the image 3 channels"):
        T.RandomErasing(1.0, value=(1, 2))(np.ones((3, 8, 8), np.float32))

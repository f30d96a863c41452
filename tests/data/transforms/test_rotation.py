"""Images turned by any angle."""

import math

import numpy as np
import pytest

from minitorch_cnn.data import transforms as T


def picture(shape=(3, 9, 12)):
    return np.random.default_rng(0).random(shape, dtype=np.float32)


@pytest.mark.parametrize("side", [6, 7])
@pytest.mark.parametrize("quarters", [-2, -1, 0, 1, 2, 3])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_quarters_of_a_turn_lose_nothing(side, quarters, interpolation):
    image = picture((2, side, side))
    turn = T.RandomRotation((90 * quarters, 90 * quarters), interpolation)
    np.testing.assert_allclose(turn(image), np.rot90(image, quarters, (1, 2)), atol=1e-6)


@pytest.mark.parametrize("degrees", [-75.0, -10.0, 17.0, 133.0])
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_rotation_agrees_with_torch(degrees, mode):
    torch = pytest.importorskip("torch")
    image = picture()
    _, h, w = image.shape
    a = math.radians(degrees)
    # Places in -1..1 along both axes, of which one is longer.
    theta = [
        [math.cos(a), -math.sin(a) * h / w, 0],
        [math.sin(a) * w / h, math.cos(a), 0],
    ]
    grid = torch.nn.functional.affine_grid(
        torch.tensor([theta], dtype=torch.float64), (1, 3, h, w), align_corners=False
    )
    theirs = torch.nn.functional.grid_sample(
        torch.from_numpy(image[None]).double(), grid, mode, "zeros", align_corners=False
    )
    ours = T.RandomRotation((degrees, degrees), mode)(image)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs[0].numpy(), atol=2e-6)


def test_rotation_agrees_with_pillow():
    pillow = pytest.importorskip("PIL.Image")
    image = picture((1, 40, 30))
    theirs = np.asarray(pillow.fromarray(image[0]).rotate(25, fillcolor=0.5))
    ours = T.RandomRotation((25, 25), fill=0.5)(image)[0]
    assert (ours == theirs).mean() > 0.99


def test_the_angle_is_drawn_within_its_range():
    image = np.zeros((1, 101, 101), np.float32)
    image[0, 50, 90] = 1  # at the right of the middle
    for degrees, low, high in [(30, -30, 30), ((40, 60), 40, 60)]:
        angles = []
        for seed in range(100):
            out = T.RandomRotation(degrees, "bilinear")(image, np.random.default_rng(seed))[0]
            y, x = (np.average(n, weights=out) for n in np.mgrid[:101, :101])
            angles.append(math.degrees(math.atan2(50 - y, x - 50)))
        assert low - 1 < min(angles) < low + 3 and high - 3 < max(angles) < high + 1


@pytest.mark.parametrize("degrees", [-1, (2, 1), (1,), float("nan"), (0, float("inf"))])
def test_other_angles_and_interpolations_are_refused(degrees):
    with pytest.raises(ValueError, match=r"^RandomRotation: degrees="):
        T.RandomRotation(degrees)
    with pytest.raises(ValueError, match=r"^RandomRotation: interpolation='cubic'"):
        T.RandomRotation(1, "cubic")

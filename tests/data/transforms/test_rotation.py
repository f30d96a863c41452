"""Images rotated by any angle."""

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


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_frame_that_grows_holds_the_whole_turned_image(quarters):
    image = picture((2, 5, 8))
    turn = T.RandomRotation((90 * quarters, 90 * quarters), expand=True)
    np.testing.assert_array_equal(turn(image), np.rot90(image, quarters, (1, 2)))


@pytest.mark.parametrize("degrees", [10, 33, 45, 80])
def test_the_grown_frame_is_pillows_to_a_pixel(degrees):
    pillow = pytest.importorskip("PIL.Image")
    theirs = pillow.new("L", (40, 30)).rotate(degrees, expand=True).size
    ours = T.RandomRotation((degrees, degrees), expand=True)(picture((1, 30, 40))).shape
    assert abs(ours[2] - theirs[0]) <= 1 and abs(ours[1] - theirs[1]) <= 1


def test_an_image_turns_about_the_center_that_is_given():
    image = np.zeros((1, 9, 9), np.float32)
    image[0, 2, 3] = 1
    half = T.RandomRotation((180, 180), center=(4.5, 2.5))(image)  # the middle of the pixel (2, 4)
    assert half[0, 2, 5] == 1 and half.sum() == 1


def test_each_channel_has_a_filling_of_its_own():
    corner = T.RandomRotation((45, 45), fill=(0.1, 0.2, 0.3))(picture())[:, 0, 0]
    np.testing.assert_allclose(corner, [0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match="fill has 2 numbers, the image 3 channels"):
        T.RandomRotation(45, fill=(0.1, 0.2))(picture())


# ------------------------------------------------------------------------------------ affine maps


def matrix(angle, scale, shear):
    """The linear part of an affine map: rotation, shear along y, shear along x, scale."""
    a, x, y = map(math.radians, (angle, *shear))
    turn = np.array([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]])
    along_y = np.array([[1, 0], [-math.tan(y), 1]])
    along_x = np.array([[1, -math.tan(x)], [0, 1]])
    return scale * turn @ along_y @ along_x


@pytest.mark.parametrize(
    "angle, scale, shear",
    [(0, 1, (0, 0)), (25, 1, (0, 0)), (0, 1.43, (0, 0)), (0, 0.73, (20, 0)), (-40, 1.2, (10, -15))],
)
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_affine_maps_agree_with_torch(angle, scale, shear, mode):
    torch = pytest.importorskip("torch")
    image = picture()
    _, h, w = image.shape
    inverse = np.linalg.inv(matrix(angle, scale, shear))
    inverse[0, 1] *= h / w  # places go from -1 to 1 along both axes
    inverse[1, 0] *= w / h
    theta = torch.tensor(np.concatenate([inverse, [[0], [0]]], 1))[None]
    grid = torch.nn.functional.affine_grid(theta, (1, 3, h, w), align_corners=False)
    theirs = torch.nn.functional.grid_sample(
        torch.from_numpy(image[None]).double(), grid, mode, "zeros", align_corners=False
    )
    shears = (shear[0], shear[0], shear[1], shear[1])
    ours = T.RandomAffine((angle, angle), None, (scale, scale), shears, mode)(image)
    np.testing.assert_allclose(ours, theirs[0].numpy(), atol=2e-6)


def test_a_shift_moves_whole_pixels_within_its_shares():
    image = np.zeros((1, 20, 10), np.float32)
    image[0, 10, 5] = 1
    places = set()
    for seed in range(200):
        moved = T.RandomAffine(0, translate=(0.3, 0.1))(image, np.random.default_rng(seed))
        places.add(tuple(int(i[0]) for i in np.nonzero(moved[0])))
    rows, columns = ({p[axis] for p in places} for axis in (0, 1))
    assert rows == {8, 9, 10, 11, 12} and columns == {2, 3, 4, 5, 6, 7, 8}


@pytest.mark.parametrize(
    "settings, rule",
    [
        ({"degrees": -3}, "degrees=-3 must be a number >= 0"),
        ({"degrees": 0, "translate": (0.1, 2)}, r"translate=\(0.1, 2\) must be two numbers"),
        ({"degrees": 0, "scale": (0, 1)}, r"scale=\(0, 1\) must be \(low, high\) above 0"),
        ({"degrees": 0, "shear": (1, 2, 3)}, r"shear=\(1, 2, 3\) must be"),
        ({"degrees": 0, "interpolation": "cubic"}, "interpolation='cubic' must be"),
        ({"degrees": 0, "center": (1,)}, r"center=\(1,\) must be \(x, y\)"),
    ],
)
def test_what_is_no_affine_map_is_refused(settings, rule):
    with pytest.raises(ValueError, match=f"^RandomAffine: {rule}"):
        T.RandomAffine(**settings)

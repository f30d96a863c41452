"""The 50 crops of VGG and the 144 of GoogLeNet, beside loops over their definitions."""

import numpy as np
import pytest

from minitorch_cnn.data import transforms as T


def numbered(h, w):
    """Every pixel another number, so that a pixel says where it comes from."""
    return np.arange(h * w, dtype=np.float32).reshape(1, h, w)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_a_grid_of_crops_reaches_from_corner_to_corner(count):
    image = numbered(13, 21)
    crops = T.GridCrop((5, 9), count)(image)
    assert crops.shape == (2 * count * count, 1, 5, 9)
    corners = crops[[0, count - 1, -count - count * count, count * count - 1], 0, 0, 0]
    assert corners.tolist() == [0, 12, 8 * 21, 8 * 21 + 12]
    half = count * count
    mirrored = np.stack([c[..., ::-1] for c in crops[half:]])
    # The mirror image's grid, read from the right, is the grid itself.
    for i in range(count):
        for j in range(count):
            ours = mirrored[i * count + count - 1 - j]
            assert abs(ours - crops[i * count + j]).max() <= 1


@pytest.mark.parametrize("shape", [(30, 45), (45, 30), (32, 32)])
def test_the_144_crops_are_those_of_the_paper(shape):
    """4 scales, 3 squares, 4 corners and the middle and the whole, 2 mirror images; by a loop.

    At a side equal to the image's, resizing changes nothing: the crops are slices.
    """
    side, size = min(shape), 16
    image = numbered(*shape)
    crops = T.SquareCrops(size, sides=(side,))(image)
    assert crops.shape == (36, 1, size, size)
    long = max(shape) - side
    for k, start in enumerate((0, round(long / 2), long)):
        square = (
            image[:, start : start + side]
            if shape[0] > shape[1]
            else (image[:, :, start : start + side])
        )
        r, m = side - size, round((side - size) / 2)
        for i, (top, left) in enumerate([(0, 0), (0, r), (r, 0), (r, r), (m, m)]):
            expected = square[:, top : top + size, left : left + size]
            np.testing.assert_array_equal(crops[12 * k + i], expected)
            np.testing.assert_array_equal(crops[12 * k + 6 + i], expected[..., ::-1])
        whole = crops[12 * k + 5]
        assert whole.mean() == pytest.approx(square.mean(), rel=1e-4)
        np.testing.assert_array_equal(crops[12 * k + 11], whole[..., ::-1])
    assert T.SquareCrops(size)(image).shape == (144, 1, size, size)
    assert T.SquareCrops(224).sides == (256, 288, 320, 352)


def test_crops_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="GridCrop: count=1 must be an integer from 2 on"):
        T.GridCrop(4, 1)
    with pytest.raises(ValueError, match=r"GridCrop: size=.* must fit into the image"):
        T.GridCrop(9)(numbered(8, 12))
    with pytest.raises(ValueError, match=r"SquareCrops: sides=.* must be at least size=32"):
        T.SquareCrops(32, (31, 40))
    with pytest.raises(ValueError, match=r"SquareCrops: size=.* must be a square"):
        T.SquareCrops((4, 5))

"""The convolution along rows of large planes, which the implementation test lacks."""

import numpy as np
import pytest

from minitorch_cnn.kernels import use
from minitorch_cnn.kernels.conv2d import conv2d_forward, conv2d_weight_grad
from minitorch_cnn.kernels.window import Window
from tests.kernels.conv2d.test_direct import results

pytest.importorskip("numba")

# groups, channels and outputs a group, size, window: tiles of one row and of four, parts of tiles
# and vectors, many strips, padding on all sides, on none, and more than the kernel reaches
LAYERS = [
    (20, 1, 1, (90, 131), Window(3, padding=1)),
    (9, 4, 4, (40, 90), Window(3)),
    (5, 1, 2, (7, 40), Window((7, 5), 1, 3)),
    (3, 8, 3, (17, 23), Window((1, 2), 1, ((2, 0), (0, 3)), 2)),
    (3, 2, 8, (200, 300), Window(1)),
    (4, 1, 4, (3, 16), Window(2, padding=((0, 4), (5, 0)))),
]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
@pytest.mark.parametrize(("dtype", "error"), [(np.float32, 5e-6), (np.float64, 1e-12)])
def test_all_directions_agree_with_numpy(layer, dtype, error):
    exact = results("numpy", *layer)
    for got, want in zip(results("rows", *layer, dtype=dtype), exact, strict=True):
        assert got.dtype == dtype
        np.testing.assert_allclose(got, want, rtol=0, atol=error * np.abs(want).max())


def test_old_contents_of_scratch_memory_do_not_affect_results():
    results("rows", 4, 1, 1, (40, 90), Window(3, padding=1))
    x, gy = np.ones((1, 1, 20, 20)), np.ones((1, 1, 18, 18))
    with use("rows"):
        gw = conv2d_weight_grad(x, gy, Window(3))
    assert np.array_equal(gw, np.full((1, 1, 3, 3), 18.0**2))


@pytest.mark.parametrize("groups", [1, 8])
def test_bias_and_relu_are_applied_and_nan_stays_nan(groups):
    rng, window = np.random.default_rng(1), Window(3, padding=1)
    x, w = rng.standard_normal((2, 8, 9, 35)), rng.standard_normal((8, 8 // groups, 3, 3))
    bias = rng.standard_normal(8)
    x[0, 2, 4, 20] = np.nan
    found = {}
    for implementation in ("rows", "numpy"):
        with use(implementation):
            found[implementation] = conv2d_forward(x, w, window, groups, bias, True)
    assert np.isnan(found["rows"]).any() and (found["rows"] == 0).any()
    np.testing.assert_allclose(found["rows"], found["numpy"], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("window", "size"), [(Window(3, 2, 1), (40, 40)), (Window(3, padding=1), (40, 15))]
)
def test_other_layers_are_refused(window, size):
    with use("rows"), pytest.raises(RuntimeError, match="implementation 'rows' cannot do"):
        conv2d_forward(np.zeros((1, 4, *size)), np.zeros((4, 1, 3, 3)), window, 4)

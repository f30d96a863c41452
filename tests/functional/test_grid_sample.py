"""Spatial transformers: images at the places of a grid."""

import itertools

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.nn import functional as F


def test_the_identity_map_gives_the_image_back(rng):
    x = mt.tensor(rng.standard_normal((2, 3, 4, 5)))
    theta = mt.tensor([[[1.0, 0, 0], [0, 1, 0]]] * 2, dtype=mt.float64)
    for align_corners in (True, False):
        grid = F.affine_grid(theta, (2, 3, 4, 5), align_corners=align_corners)
        y = F.grid_sample(x, grid, align_corners=align_corners)
        np.testing.assert_allclose(y.numpy(), x.numpy(), atol=1e-12)


def test_a_transposing_map_swaps_height_and_width(rng):
    x = mt.tensor(rng.standard_normal((1, 2, 3, 5)))
    theta = mt.tensor([[[0.0, 1, 0], [1, 0, 0]]], dtype=mt.float64)
    y = F.grid_sample(x, F.affine_grid(theta, (1, 2, 5, 3)))
    np.testing.assert_allclose(y.numpy(), x.numpy().swapaxes(2, 3), atol=1e-12)


def test_places_without_a_number_are_the_first_and_far_ones_are_outside():
    x = mt.arange(6.0).reshape(1, 1, 2, 3) + 1
    grid = mt.tensor([[[[np.nan, np.nan], [1e30, 0], [-np.inf, 0], [np.inf, np.nan]]]])
    y = F.grid_sample(x, grid, align_corners=True).reshape(-1)
    assert y.tolist() == [1, 0, 0, 0]
    assert F.grid_sample(x, grid, "nearest", "border").reshape(-1).tolist()[0] == 1


MODES = [
    (mode, padding, align)
    for mode, padding, align in itertools.product(
        ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection"), (True, False)
    )
]


@pytest.mark.parametrize("mode, padding, align", MODES)
@pytest.mark.parametrize("size, out, wide", [
    ((3, 2, 4, 5), (3, 4), 1.3), ((2, 1, 1, 3), (3, 4), 20), ((2, 2, 3, 4, 5), (3, 4, 2), 1.2),
    ((0, 2, 3, 4), (2, 2), 1),
])  # fmt: skip
def test_values_and_gradients_are_pytorchs(rng, mode, padding, align, size, out, wide):
    torch = pytest.importorskip("torch")
    if mode == "bicubic" and len(out) == 3:
        pytest.skip("of two axes")
    arrays = rng.standard_normal(size), rng.standard_normal((size[0], *out, len(out))) * wide
    found = []
    for library, f in ((mt, F.grid_sample), (torch, torch.nn.functional.grid_sample)):
        xs = [library.tensor(a, requires_grad=True) for a in arrays]
        y = f(*xs, mode, padding, align)
        (y * library.tensor(np.cos(np.arange(y.numel())).reshape(y.shape))).sum().backward()
        grads = [np.zeros(x.shape) if x.grad is None else x.grad.numpy() for x in xs]
        found.append([y.detach().numpy(), *grads])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-9)


@pytest.mark.filterwarnings("ignore:Since version 1.3.0")
@pytest.mark.parametrize("align", [True, False])
def test_grids_are_pytorchs(rng, align):
    torch = pytest.importorskip("torch")
    for size in ((2, 3, 4, 5), (1, 1, 1, 1), (2, 1, 3, 1, 2)):
        theta = rng.standard_normal((size[0], len(size) - 2, len(size) - 1))
        y = F.affine_grid(mt.tensor(theta), size, align)
        z = torch.nn.functional.affine_grid(torch.tensor(theta), size, align)
        np.testing.assert_allclose(y.numpy(), z.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("mode, padding", [
    ("bilinear", "zeros"), ("bilinear", "reflection"), ("bicubic", "border"),
])  # fmt: skip
def test_gradients_of_both_orders_are_slopes(rng, mode, padding):
    x = mt.tensor(rng.standard_normal((1, 2, 3, 4)), requires_grad=True)
    # Between the pixels' centres, where the slope is one.
    grid = mt.tensor(rng.choice([-0.8, -0.37, 0.12, 0.55], (1, 2, 2, 2)), requires_grad=True)
    assert mt.gradcheck(lambda x, g: F.grid_sample(x, g, mode, padding), (x, grid))
    assert mt.gradgradcheck(lambda x, g: F.grid_sample(x, g, mode, padding), (x, grid))


@pytest.mark.parametrize("call, message", [
    (lambda x, g: F.grid_sample(x, g[..., :1]), r"grid of shape \(1, 2, 2, 1\)"),
    (lambda x, g: F.grid_sample(x[0], g), r"input of shape \(1, 3, 3\)"),
    (lambda x, g: F.grid_sample(mt.cat([x, x]), g), "grid of 1 images .* batch size 2"),
    (lambda x, g: F.grid_sample(x, g, "linear"), "mode='linear' must be one of"),
    (lambda x, g: F.grid_sample(x, g, padding_mode="same"), "padding_mode='same'"),
    (lambda x, g: F.grid_sample(x[:, :, :0], g), "empty axis"),
    (lambda x, g: F.affine_grid(g, (1, 1, 2, 2)), r"theta of shape \(1, 2, 2, 2\) must be"),
    (lambda x, g: F.affine_grid(g[0], (2, 1, 0, 2)), r"size=\(2, 1, 0, 2\)"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(mt.zeros(1, 1, 3, 3), mt.zeros(1, 2, 2, 2))

"""Initialisation: the moments and bounds of every distribution, and the fans that scale them."""

import math

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.nn import functional as F
from minitorch_cnn.nn import init

SHAPE = (64, 16, 5, 4)  # fan_in 320; with groups=4 fan_out 16 * 20 = 320 too, without 1280
ROOT = math.sqrt


def test_fans_count_the_groups_of_a_convolution():
    depthwise = nn.Conv2d(32, 64, (3, 5), groups=32).weight
    assert init.fans(depthwise, groups=32) == (15, 2 * 15)
    assert init.fans(nn.Conv2d(8, 6, 3).weight) == (8 * 9, 6 * 9)
    assert init.fans(nn.Linear(7, 3).weight) == (7, 3)


def test_fan_out_differs_from_pytorchs_by_the_groups():
    torch = pytest.importorskip("torch")
    theirs = torch.nn.init.kaiming_normal_(torch.empty(512, 1, 3, 3), mode="fan_out").std().item()
    ours = mt.empty(512, 1, 3, 3)
    init.kaiming_normal_(ours, mode="fan_out", groups=512)
    assert ours.std().item() == pytest.approx(theirs * ROOT(512), rel=0.1)
    init.kaiming_normal_(ours, mode="fan_out")
    assert ours.std().item() == pytest.approx(theirs, rel=0.1)


# name, settings, variance of the result, whether it is uniform
@pytest.mark.parametrize(
    "name, settings, variance, uniform",
    [
        ("lecun_uniform_", {}, 1 / 320, True),
        ("lecun_normal_", {}, 1 / 320, False),
        ("torch_legacy_", {}, 1 / (3 * 320), True),
        ("xavier_uniform_", {}, 2 / (320 + 1280), True),
        ("xavier_normal_", {"gain": 2.0}, 4 * 2 / (320 + 1280), False),
        ("xavier_normal_", {"groups": 4}, 2 / (320 + 320), False),
        ("kaiming_uniform_", {"nonlinearity": "relu"}, 2 / 320, True),
        ("kaiming_uniform_", {"a": ROOT(5)}, 1 / (3 * 320), True),
        ("kaiming_normal_", {}, 2 / 320, False),
        ("kaiming_normal_", {"mode": "fan_out"}, 2 / 1280, False),
        ("kaiming_normal_", {"mode": "fan_out", "groups": 4, "a": 1}, 1 / 320, False),
        ("normal_", {"std": 3.0}, 9, False),
        ("uniform_", {"a": -1.0, "b": 1.0}, 1 / 3, True),
        ("trunc_normal_", {}, 0.7737413, False),  # 1 - 2 * 2 phi(2) / (Phi(2) - Phi(-2))
        ("trunc_normal_", {"a": -1.0, "b": 1.0}, 0.2911251, False),
    ],
)
def test_values_have_the_variance_and_bounds_of_their_formula(name, settings, variance, uniform):
    w = mt.empty(*SHAPE)
    assert getattr(init, name)(w, **settings) is w
    values = w.numpy().astype(float)
    assert abs(values.mean()) < 5 * ROOT(variance / values.size)
    assert values.var() == pytest.approx(variance, rel=0.03)
    reach = np.abs(values).max() / ROOT(variance)
    assert (0.99 * ROOT(3) < reach <= 1.0001 * ROOT(3)) == uniform


@pytest.mark.parametrize("dtype", [mt.float16, mt.float32, mt.float64])
def test_every_dtype_and_rank_is_filled(dtype):
    for shape in ((), (0,), (3,), (2, 3)):
        w = mt.zeros(shape, dtype=dtype)
        for fill in (init.uniform_, init.normal_, init.trunc_normal_, init.ones_):
            assert fill(w).shape == shape and w.dtype == dtype


def test_constants_are_what_they_say():
    w = mt.empty(2, 3)
    assert init.constant_(w, 4).tolist() == [[4] * 3] * 2
    assert init.zeros_(w).sum() == 0 and init.ones_(w).sum() == 6
    assert init.eye_(w).tolist() == [[1, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize("a, b", [(6.0, 1e9), (-1e9, -6.0), (0.1, 0.2), (3.0, 3.5), (-5.0, 0.5)])
def test_a_truncated_normal_is_a_normal_between_its_bounds_wherever_they_are(a, b):
    scipy_stats = pytest.importorskip("scipy.stats")
    w = init.trunc_normal_(mt.empty(5000, dtype=mt.float64), mean=0.5, std=1.5, a=a, b=b).numpy()
    assert a <= w.min() and w.max() <= b
    expected = scipy_stats.truncnorm((a - 0.5) / 1.5, (b - 0.5) / 1.5, 0.5, 1.5)
    assert scipy_stats.kstest(w, expected.cdf).pvalue > 1e-3


@pytest.mark.parametrize("shape", [(8, 3, 2, 1), (4, 12), (12, 4)])
def test_an_orthogonal_weight_has_orthonormal_rows_or_columns(shape):
    w = init.orthogonal_(mt.empty(*shape, dtype=mt.float64), gain=3).numpy().reshape(shape[0], -1)
    gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(gram, 9 * np.eye(len(gram)), atol=1e-12)


def test_orthogonal_weights_lean_to_no_sign():
    signs = [init.orthogonal_(mt.empty(3, 3)).numpy()[0, 0] > 0 for _ in range(200)]
    assert 60 < sum(signs) < 140


@pytest.mark.parametrize("groups", [1, 2])
def test_a_dirac_convolution_copies_its_input(rng, groups):
    w = init.dirac_(mt.empty(4, 4 // groups, 3, 5), groups)
    x = mt.tensor(rng.standard_normal((2, 4, 6, 7)).astype(np.float32))
    assert mt.equal(F.conv2d(x, w, padding="same", groups=groups), x)


def test_a_bilinear_transposed_convolution_draws_straight_lines_between_points(rng):
    x = rng.standard_normal((1, 2, 5, 4))
    w = init.bilinear_(mt.empty(2, 2, 4, 8, dtype=mt.float64))
    y = F.conv_transpose2d(mt.tensor(x), w, stride=(2, 4)).numpy()
    rows, columns = np.arange(2, 10), np.arange(4, 16)  # between the first point and the last
    for channel in range(2):
        at = [np.interp((columns - 3.5) / 4, range(4), row) for row in x[0, channel]]
        expected = [np.interp((rows - 1.5) / 2, range(5), column) for column in np.transpose(at)]
        np.testing.assert_allclose(y[0, channel][2:10, 4:16], np.transpose(expected), atol=1e-12)


@pytest.mark.parametrize("size, line", [(4, [1, 3, 3, 1]), (3, [2, 4, 2]), (1, [4])])
def test_a_bilinear_kernel_is_a_product_of_triangles_from_a_channel_to_itself(size, line):
    w = init.bilinear_(mt.ones(2, 2, size, size))
    assert np.array_equal(16 * w.array[1, 1], np.outer(line, line))
    assert np.array_equal(w.array[0, 0], w.array[1, 1]) and not w.array[[0, 1], [1, 0]].any()


def test_numbers_come_from_the_generator_given_or_from_the_seeded_one():
    def drawn(**settings):
        return init.kaiming_normal_(mt.empty(3, 4), **settings).tolist()

    assert drawn(generator=np.random.default_rng(5)) == drawn(generator=np.random.default_rng(5))
    mt.manual_seed(5)
    first = drawn()
    mt.manual_seed(5)
    assert drawn() == first == drawn(generator=np.random.default_rng(5))


def test_a_weight_filled_between_forward_and_backward_is_noticed():
    layer = nn.Linear(2, 2)
    y = layer(mt.ones(1, 2, requires_grad=True)).sum()
    init.zeros_(layer.weight)
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


def test_gains_are_pytorchs():
    torch = pytest.importorskip("torch")
    for name in init.GAINS:
        assert init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name))
    for slope in (None, 0.0, 0.3, 1):
        expected = torch.nn.init.calculate_gain("leaky_relu", slope)
        assert init.calculate_gain("leaky_relu", slope) == pytest.approx(expected)


@pytest.mark.parametrize(
    "act, words",
    [
        (lambda: init.fans(mt.empty(3)), r"tensor of shape \(3,\) must have at least 2 axes"),
        (lambda: init.fans(mt.empty(4, 2), 3), "groups=3 must be .* divide the 4"),
        (lambda: init.calculate_gain("swish"), "nonlinearity='swish' must be one of"),
        (lambda: init.kaiming_normal_(mt.empty(2, 2), mode="fan"), "mode='fan' must be"),
        (lambda: init.trunc_normal_(mt.empty(2), a=1, b=1), "a=1 below b=1"),
        (lambda: init.trunc_normal_(mt.empty(2), std=0), "std=0 must be positive"),
        (lambda: init.eye_(mt.empty(2)), "eye_: tensor of shape"),
        (lambda: init.dirac_(mt.empty(2, 2)), "3, 4 or 5 axes"),
        (lambda: init.dirac_(mt.empty(4, 2, 3), 3), "groups=3"),
        (lambda: init.bilinear_(mt.empty(2, 3, 4, 4)), r"\(2, 3, 4, 4\) must be \(C, C, KH, KW\)"),
        (lambda: init.bilinear_(mt.empty(2, 2, 4)), "bilinear_: tensor of shape"),
        (lambda: init.orthogonal_(mt.empty(2)), "orthogonal_: tensor of shape"),
    ],
)
def test_what_cannot_be_initialised_is_refused(act, words):
    with pytest.raises(ValueError, match=words):
        act()


def test_a_sparse_matrix_has_its_zeros_in_every_column():
    w = nn.init.sparse_(mt.empty(10, 300), 0.25, std=2.0)
    zeros = (w.numpy() == 0).sum(0)
    assert (zeros == 3).all() and abs(w.numpy()[w.numpy() != 0].std() - 2) < 0.15
    assert len(np.unique((w.numpy() == 0).argmax(0))) > 3  # not the same rows
    with pytest.raises(ValueError, match=r"sparse_: tensor of shape \(2,\) must have 2 axes"):
        nn.init.sparse_(mt.empty(2), 0.1)
    with pytest.raises(ValueError, match=r"sparsity=1\.5"):
        nn.init.sparse_(mt.empty(2, 2), 1.5)


@pytest.mark.parametrize("name, args", [
    ("uniform", (2.0, 3.0)), ("normal", (1.0, 2.0)), ("constant", (4.0,)), ("eye", ()),
    ("xavier_uniform", ()), ("xavier_normal", (2.0,)), ("kaiming_uniform", ()),
    ("kaiming_normal", (0.1,)), ("orthogonal", ()), ("sparse", (0.5,)),
])  # fmt: skip
def test_the_older_names_do_the_same_and_warn(name, args):
    filled = []
    for call in (f"{name}_", name):
        mt.manual_seed(0)
        if call == name:
            with pytest.warns(FutureWarning, match=f"{name} is an old name; use {name}_"):
                filled.append(getattr(nn.init, call)(mt.empty(4, 3), *args))
        else:
            filled.append(getattr(nn.init, call)(mt.empty(4, 3), *args))
    assert mt.equal(*filled)


def test_layers_written_for_pytorch_find_their_fans():
    w = mt.empty(6, 4, 3, 3)
    assert nn.init._calculate_fan_in_and_fan_out(w) == (36, 54)
    assert nn.init._calculate_correct_fan(w, "FAN_OUT") == 54
    with pytest.raises(ValueError, match="mode='fan'"):
        nn.init._calculate_correct_fan(w, "fan")

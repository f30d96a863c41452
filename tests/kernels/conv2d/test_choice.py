"""The choice of an implementation for a convolution, which must not affect the result."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from minitorch_cnn.kernels import Window, explain, set_num_threads, use
from minitorch_cnn.kernels.conv2d import (
    OPERATOR,
    Case,
)
from minitorch_cnn.kernels.dispatch import NUMBA
from tests.kernels.conv2d.products import products

LOOPS_LIMIT = 100_000  # multiply-adds: beyond, "numpy" in float64 stands in, which agrees with them
TOLERANCE = {np.float32: 5e-5, np.float64: 1e-10}  # of the largest result
DIRECTIONS = ("conv2d_forward", "conv2d_input_grad", "conv2d_weight_grad")


@st.composite
def layers(draw, channels, kernels, strides, dilations, groups, sides):
    """(x shape, w shape, window, groups): any that the lists of choices allow."""
    pick = lambda values: draw(st.sampled_from(values))  # noqa: E731
    g = pick(groups)
    C, O = g * pick(channels), g * pick(channels)
    kernel, dilation = (pick(kernels), pick(kernels)), (pick(dilations), pick(dilations))
    padding = tuple((draw(st.integers(0, 3)), draw(st.integers(0, 3))) for _ in range(2))
    window = Window(kernel, (pick(strides), pick(strides)), padding, dilation)
    size = pick(sides), pick(sides)
    spans = (d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    for n, pads, span in zip(size, padding, spans, strict=True):
        assume(n + sum(pads) >= span)
    return (draw(st.integers(1, 5)), C, *size), (O, C // g, *kernel), window, g


ANY = layers([1, 2, 3, 5], [1, 2, 3, 5], [1, 2, 3], [1, 2], [1, 2, 3], [3, 4, 7, 10])
DENSE = layers([16, 20, 33], [1, 3, 5], [1, 2, 3], [1, 2], [1, 2], [12, 15, 20])
SQUARE = layers([16, 19, 33, 50], [3], [1], [1], [1], [4, 7, 13, 18])
THIN = layers([1, 2, 3, 4], [1, 2, 3, 5], [1, 2, 3], [1, 2], [2, 8, 17, 32], [9, 14, 20])
WIDE = layers([1, 2, 3, 4], [1, 2, 3, 5], [1], [1, 2], [8, 17], [14, 16, 30, 49])


def case_of(function, layer, dtype):
    x, w, window, groups = layer
    return Case(function, np.ndarray, np.dtype(dtype), x, w, window, groups)


def arrays(layer, dtype, seed=0):
    rng = np.random.default_rng(seed)
    x, w, window, _ = layer
    shapes = x, w, (x[0], w[0], *window.output_size(*x[2:]))
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def results(layer, x, w, gy):
    return products(x, w, gy, *layer[2:])


def check(layer, dtype, implementation):
    cases = [case_of(function, layer, dtype) for function in DIRECTIONS]
    chosen = {OPERATOR.preferred(case).name for case in cases}
    assume(implementation is None or implementation in chosen)
    x, w, gy = arrays(layer, dtype)
    found = results(layer, x, w, gy)
    with use("loops" if cases[0].macs <= LOOPS_LIMIT else "numpy"):
        expected = results(layer, *(a.astype(np.float64) for a in (x, w, gy)))
    for function, got, want in zip(DIRECTIONS, found, expected, strict=True):
        assert got.dtype == dtype and got.shape == want.shape
        error = np.abs(got - want).max() / max(np.abs(want).max(), 1e-300)
        assert error <= TOLERANCE[dtype], f"{function} of {layer}: {error:.1e}, by {chosen}"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(layer=ANY)
@settings(max_examples=30, deadline=None)
def test_the_chosen_implementation_agrees_with_the_loops(dtype, layer):
    check(layer, dtype, None)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("implementation", "drawn"),
    [("numba", DENSE), ("winograd", SQUARE), ("direct", THIN), ("direct", WIDE)],
)
def test_every_implementation_that_is_chosen_agrees(implementation, drawn, dtype):
    pytest.importorskip("numba")

    @given(layer=drawn)
    @settings(max_examples=15, deadline=None)
    def test(layer):
        check(layer, dtype, implementation)

    test()


LAYERS = [
    ((4, 32, 17, 13), (48, 32, 3, 3), Window(3, padding=1), 1),
    ((2, 16, 7, 7), (64, 16, 3, 3), Window(3, padding=1), 1),
    ((4, 32, 16, 13), (48, 16, 3, 3), Window(3, 2, 1), 2),
    ((4, 40, 17, 13), (24, 40, 1, 1), Window(1), 1),
    ((4, 32, 17, 13), (32, 1, 5, 5), Window(5, 1, 2), 32),
    ((4, 32, 40, 47), (64, 1, 3, 3), Window(3, 1, 1), 32),
]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_results_are_bitwise_independent_of_thread_count_and_alignment(layer):
    x, w, gy = arrays(layer, np.float32)
    found = []
    for count, shift in ((1, 0), (2, 1), (5, 3)):
        set_num_threads(count)
        moved = [np.empty(a.size + shift, a.dtype)[shift:].reshape(a.shape) for a in (x, w, gy)]
        for to, a in zip(moved, (x, w, gy), strict=True):
            to[...] = a
        found.append(results(layer, *moved))
    for others in zip(*found, strict=True):
        assert all(np.array_equal(others[0], other) for other in others[1:])


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_half_a_batch_gives_half_the_result_up_to_rounding(layer):
    x, w, gy = arrays(layer, np.float32)
    y, gx, gw = results(layer, x, w, gy)
    halves = [results(layer, x[part], w, gy[part]) for part in (slice(0, 1), slice(1, None))]
    parts = [np.concatenate([half[k] for half in halves]) for k in (0, 1)]
    for whole, other in ((y, parts[0]), (gx, parts[1]), (gw, halves[0][2] + halves[1][2])):
        np.testing.assert_allclose(whole, other, rtol=0, atol=2e-5 * np.abs(whole).max())


def test_explain_says_which_implementation_runs_and_why(capsys):
    pytest.importorskip("numba")
    explain((8, 64, 56, 56), (64, 64, 3, 3), padding=1)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [[d, "winograd"] for d in DIRECTIONS]
    assert all("a quarter of the multiplications" in line for line in lines)
    explain((8, 64, 112, 112), (64, 64, 1, 1))
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ["numba"] * 3
    explain((8, 256, 28, 28), (256, 256, 3, 3), stride=2, padding=1)
    found = [line.split()[1] for line in capsys.readouterr().out.splitlines()]
    assert found == ["channels", "channels", "numba"]
    explain((1, 1, 8, 8), (4, 1, 3, 3))
    assert "numpy" in capsys.readouterr().out


LARGE = (8, 64, 56, 56), (64, 64, 3, 3)  # 925 million multiply-adds


def explained(capsys, *shapes, **settings):
    """[(function, implementation, why)] as printed."""
    explain(*shapes, **settings)
    return [line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines()]


def test_explain_says_what_is_missing_without_numba(capsys, monkeypatch):
    need = NUMBA._replace(is_met=lambda: False)
    for name, implementation in OPERATOR.implementations.items():
        if implementation.needs is NUMBA:
            monkeypatch.setitem(OPERATOR.implementations, name, implementation._replace(needs=need))
    for direction, (function, implementation, why) in zip(
        DIRECTIONS, explained(capsys, *LARGE, padding=1), strict=True
    ):
        assert (function, implementation) == (direction, "numpy")
        assert "Numba is not installed (pip install numba); with it" in why
        assert "winograd: down to a quarter of the multiplications" in why
    for _, implementation, why in explained(capsys, (1, 1, 8, 8), (4, 1, 3, 3)):
        assert implementation == "numpy" and "roofline: 1,296 multiply-adds: " in why


@pytest.mark.parametrize(
    "shapes, why",
    [
        (((1, 1, 8, 8), (4, 1, 3, 3)), "1,296 multiply-adds: too few"),
        (((0, 64, 56, 56), (64, 64, 3, 3)), "0 multiply-adds: too few"),
        (((1, 4, 5, 5), (4, 4, 1, 1)), "400 multiply-adds: too few"),
    ],
)
def test_explain_says_why_no_compiled_implementation_is_faster(capsys, shapes, why):
    for _, implementation, said in explained(capsys, *shapes):
        assert implementation == "numpy" and re.search(f" % of the roofline: {why}", said)


def test_explain_honours_use(capsys):
    for name in ("loops", "numpy"):
        with use(name):
            for _, implementation, why in explained(capsys, *LARGE, padding=1):
                assert implementation == name and why.endswith(f': use("{name}") forces it')
    with use("winograd"), pytest.raises(RuntimeError, match="conv2d: implementation 'winograd' "):
        explain((1, 3, 8, 8), (4, 3, 5, 5))


def test_explain_names_a_dtype_that_is_not_compiled(capsys):
    for _, implementation, why in explained(capsys, *LARGE, padding=1, dtype=np.float16):
        assert implementation == "numpy"
        assert why.endswith(": kernels are compiled for float32 and float64, not for float16")


@pytest.fixture
def no_choices():
    """Nothing is remembered before a test, nor after it."""
    OPERATOR.forget_choices()
    yield
    OPERATOR.forget_choices()


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_the_implementation_that_explain_names_runs(capsys, monkeypatch, layer, no_choices):
    x, w, window, groups = layer
    ran, nothing = [], SimpleNamespace(**dict.fromkeys(DIRECTIONS, lambda *_: None))
    monkeypatch.setattr(type(OPERATOR), "load", lambda _, name: ran.append(name) or nothing)
    results(layer, *arrays(layer, np.float32))
    settings = {"stride": window.stride, "padding": window.padding[0][0], "groups": groups}
    assert [implementation for _, implementation, _ in explained(capsys, x, w, **settings)] == ran


def test_explain_refuses_invalid_convolutions():
    with pytest.raises(ValueError, match="explain: groups=3 must divide out_channels=4"):
        explain((1, 3, 8, 8), (4, 1, 3, 3), groups=3)
    with pytest.raises(ValueError, match=r"explain: x of shape .* has in_channels=2"):
        explain((1, 2, 8, 8), (4, 3, 3, 3))
    with pytest.raises(ValueError, match="explain: groups=0 must be at least 1"):
        explain((1, 3, 8, 8), (4, 1, 3, 3), groups=0)
    with pytest.raises(TypeError, match="explain: dtype=int64 must be floating point"):
        explain((1, 3, 8, 8), (4, 3, 3, 3), dtype=int)
    with pytest.raises(ValueError, match="explain: x_shape"):
        explain((3, 8, 8), (4, 3, 3, 3))

"""The cost model of convolutions: its units, its order, and what it counts."""

import numpy as np
import pytest

from minitorch_cnn.kernels import Window
from minitorch_cnn.kernels.conv2d import OPERATOR, Case, cost
from minitorch_cnn.kernels.conv2d.cost import SPEEDS, WORK, Work, seconds
from minitorch_cnn.kernels.machine import KNOWN, Cache

FUNCTIONS = ("conv2d_forward", "conv2d_input_grad", "conv2d_weight_grad")
HOST = KNOWN["avx2"]


def case(function="conv2d_forward", N=2, C=32, H=16, O=48, K=3, groups=1, dtype="f4", **window):
    w = O, C // groups, K, K
    return Case(function, np.ndarray, np.dtype(dtype), (N, C, H, H), w, Window(K, **window), groups)


def test_arithmetic_takes_cycles_at_the_rate_of_one_core():
    speed = SPEEDS["avx2"]
    second = Work(speed.hertz * speed.operations, 1.0, 0, 0, 0)
    assert seconds(second, 4, HOST) == pytest.approx(1)
    assert seconds(second._replace(share=0.5), 4, HOST) == pytest.approx(2)
    assert seconds(second, 8, HOST) == pytest.approx(2)  # half as many float64 in a vector
    assert seconds(second._replace(start=3), 4, HOST) == pytest.approx(4)


def test_bytes_take_cycles_at_the_rate_of_the_cache_that_holds_them():
    host = HOST._replace(l2=Cache(1000, 8), l3=Cache(2000, 8))
    speed = SPEEDS["avx2"]
    for at_once, rate in (
        (1000, speed.l2),
        (1001, speed.l3),
        (2000, speed.l3),
        (2001, speed.memory),
    ):
        work = Work(0, 1.0, rate * speed.hertz, at_once, 0)
        assert seconds(work, 4, host) == pytest.approx(1)
    assert speed.l2 >= speed.l3 >= speed.memory


def test_every_kind_of_machine_has_a_speed():
    assert SPEEDS.keys() == KNOWN.keys()


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("name", WORK)
def test_more_images_channels_or_rows_never_take_less_time(name, function):
    take = lambda **layer: seconds(WORK[name](case(function, **layer)), 4, HOST)  # noqa: E731
    for axis, sizes in {"N": (1, 2, 3, 8), "O": (16, 17, 48, 64), "H": (8, 9, 16, 30)}.items():
        times = [take(**{axis: size}) for size in sizes]
        assert times == sorted(times) and times[0] > 0


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_product_of_each_direction_has_as_many_multiply_adds_as_the_convolution(function):
    one = case(function, padding=1)
    rows, terms, columns = cost.shape_of(one)
    assert rows * terms * columns == one.macs
    grouped = case(function, C=32, O=64, groups=4, padding=1)
    rows, terms, columns = cost.shape_of(grouped)
    assert 4 * rows * terms * columns == grouped.macs


def test_the_gradient_of_an_unpadded_convolution_is_a_product_at_each_position_of_the_input():
    rows, terms, columns = cost.shape_of(case("conv2d_input_grad", N=2, C=3, H=8, O=4, K=5))
    assert (rows, terms, columns) == (3, 4 * 25, 2 * 8 * 8)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_kernel_that_covers_its_image_is_left_to_products_of_the_batch(function):
    for layer in ({"N": 64, "C": 16, "O": 120, "H": 5, "K": 5}, {"C": 512, "H": 1, "K": 1}):
        assert OPERATOR.preferred(case(function, **layer)).name == "numpy"


def test_thin_groups_are_direct_and_a_single_image_of_one_group_is_a_product(monkeypatch):
    host = KNOWN["avx512"]
    monkeypatch.setattr(cost, "machine", lambda: host)
    take = lambda name, one: seconds(WORK[name](one), 4, host)  # noqa: E731
    thin = case("conv2d_weight_grad", N=8, C=96, H=45, O=96, groups=24, stride=2, padding=1)
    assert take("direct", thin) < take("numba", thin)
    for function in FUNCTIONS[:2]:  # threads would not share it
        single = case(function, N=1, C=48, H=7, O=128, K=5, padding=2)
        assert take("numba", single) < take("direct", single)


def test_no_modelled_time_is_below_the_roofline_but_winograds():
    for function in FUNCTIONS:
        for layer in ({}, {"C": 256, "O": 256, "H": 14}, {"C": 64, "O": 64, "groups": 64, "H": 56}):
            one = case(function, padding=1, **layer)
            for name in WORK.keys() - {"winograd"}:
                assert seconds(WORK[name](one), 4, HOST) >= cost.roofline(one, HOST)


def test_the_model_knows_an_empty_batch():
    assert all(seconds(work(case(N=0)), 4, HOST) >= 0 for work in WORK.values())


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_cheapest_implementation_that_can_is_chosen(function):
    pytest.importorskip("numba")
    for layer in ({"C": 256, "O": 256, "H": 28}, {"K": 1}, {"C": 64, "O": 64, "groups": 64}):
        one = case(function, padding=1 if layer != {"K": 1} else 0, **layer)
        able = [name for name, i in OPERATOR.implementations.items() if i.can(one) and i.cost]
        times = {name: seconds(WORK[name](one), 4) for name in able}
        assert OPERATOR.preferred(one).name == min(times, key=times.get)


def test_a_choice_is_remembered_and_made_anew_after_a_measurement(monkeypatch):
    pytest.importorskip("numba")
    one, found = case(C=256, O=256, padding=1), {}
    monkeypatch.setattr(OPERATOR, "measured", lambda case: found)
    OPERATOR.forget_choices()
    assert OPERATOR.choose(one) is OPERATOR.load("winograd")
    found["numba"] = 1e-9
    assert OPERATOR.choose(one) is OPERATOR.load("winograd")  # remembered
    OPERATOR.forget_choices()
    assert OPERATOR.choose(one) is OPERATOR.load("numba")
    OPERATOR.forget_choices()


@pytest.mark.parametrize("function", FUNCTIONS[:2])
def test_a_window_on_one_plane_takes_less_time_per_product_than_one_on_several(function):
    take = lambda groups: WORK["direct"](case(function, C=48, groups=groups, padding=1))  # noqa: E731
    one, several = take(48), take(24)
    assert one.share > several.share > 0


@pytest.mark.parametrize("groups", [1, 8, 16])
def test_the_model_counts_the_form_that_numpy_computes(groups, monkeypatch):
    from minitorch_cnn.kernels.conv2d import im2col, numpy_depthwise

    ran, forward = [], numpy_depthwise.forward
    monkeypatch.setattr(numpy_depthwise, "forward", lambda *a: ran.append(1) or forward(*a))
    layer = case(C=16, O=16, H=3, K=3, groups=groups)  # the kernel covers the image
    im2col.conv2d_forward(np.ones(layer.x, "f"), np.ones(layer.w, "f"), layer.window, groups)
    assert bool(ran) == (groups == 16)
    covered = cost.im2col(layer)
    assert (covered.start == 1e-5) == (groups != 16)

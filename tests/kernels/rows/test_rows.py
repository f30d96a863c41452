"""Sums and concatenations of large arrays, compared with NumPy's."""

import numpy as np
import pytest

from minitorch_cnn.kernels import rows, set_num_threads

pytest.importorskip("numba")


def draw(*shape, dtype="f4"):
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


FORMS = {
    "contiguous": lambda x: x,
    "channels of a larger array": lambda x: np.concatenate([x, x, x], 1)[
        :, x.shape[1] : -x.shape[1]
    ],
    "every second image": lambda x: np.repeat(x, 2, 0)[::2],
    "transposed": lambda x: np.ascontiguousarray(x.swapaxes(2, 3)).swapaxes(2, 3),
    "reversed": lambda x: np.ascontiguousarray(x[::-1])[::-1],
    "read-only": lambda x: np.broadcast_to(x, x.shape),
    "one image for all": lambda x: np.broadcast_to(x[:1], x.shape),
}


@pytest.fixture(params=[(3, 4, 5, 7), (2, 3, 81, 91)], ids=str)
def x(request, monkeypatch):
    monkeypatch.setattr(rows, "LARGE", 100)
    return draw(*request.param)


@pytest.mark.parametrize("left", FORMS)
@pytest.mark.parametrize("right", FORMS)
def test_sums_are_numpys_for_views_of_any_stride(x, left, right):
    a, b = FORMS[left](x), FORMS[right](x[::-1] * 3)
    before, expected = a.copy(), a + b
    assert np.array_equal(rows.add(a, b), expected)
    assert np.array_equal(a, before)
    y = np.zeros((len(x), 9, *x.shape[2:]), x.dtype)
    part = y[:, 2 : 2 + x.shape[1]]
    part[...] = a
    rows.add_to(part, b)
    assert np.array_equal(part, expected)
    assert not y[:, :2].any() and not y[:, 2 + x.shape[1] :].any()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_concatenations_are_numpys_for_views_of_any_stride(x, form, axis):
    arrays = FORMS[form](x), x, FORMS[form](2 * x)
    assert np.array_equal(rows.concatenate(arrays, axis), np.concatenate(arrays, axis))


@pytest.mark.parametrize("dtype", ["f2", "f8", ">f4", "i4", "c8"])
def test_numpy_computes_other_dtypes_in_the_same_call(dtype, monkeypatch):
    monkeypatch.setattr(rows, "LARGE", 10)
    a, b = draw(3, 4, 5).astype(dtype), draw(3, 4, 5)[::-1].astype(dtype)
    assert np.array_equal(rows.add(a, b), a + b) and rows.add(a, b).dtype == (a + b).dtype
    assert np.array_equal(rows.concatenate((a, b), 1), np.concatenate((a, b), 1))


def test_operands_of_other_shapes_and_dtypes_are_broadcast_and_promoted(monkeypatch):
    monkeypatch.setattr(rows, "LARGE", 10)
    a, row = draw(3, 4, 5), draw(5)
    assert np.array_equal(rows.add(a, row), a + row)
    assert rows.add(a, a.astype("f8")).dtype == np.float64
    empty = draw(0, 4, 5)
    assert rows.add(empty, empty).shape == (0, 4, 5)


def test_a_sum_in_place_may_overlap_its_operand(monkeypatch):
    monkeypatch.setattr(rows, "LARGE", 10)
    x = draw(4, 30)
    expected = x[1:] + x[:-1]
    y = x.copy()
    rows.add_to(y[1:], y[:-1])
    assert np.array_equal(y[1:], expected)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_results_do_not_depend_on_the_number_of_threads(threads):
    set_num_threads(threads)
    a, b = draw(2, 7, 131, 97), draw(2, 7, 131, 97)[::-1]
    assert np.array_equal(rows.add(a, b), a + b)
    assert np.array_equal(rows.concatenate((a, b), 1), np.concatenate((a, b), 1))

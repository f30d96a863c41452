"""Every differentiable op: its gradient is the slope, and PyTorch's."""

import importlib
import inspect

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.second_names import METHODS as SECOND_NAMES
from minitorch_cnn.tensor import Tensor
from tests.tensor.cases import CASES
from tests.tensor.layouts import LAYOUTS
from tests.tensor.more_cases import MORE_CASES
from tests.tensor.parity import array_of

# Ops whose results have no gradient: makers of new tensors, comparisons, positions, conversions.
WITHOUT_GRADIENT = [
    "Tensor", "all", "allclose", "any", "arange", "argmax", "argmin", "argsort", "argwhere",
    "as_tensor", "bernoulli", "bincount", "bitwise_and", "bitwise_and_", "bitwise_left_shift",
    "bitwise_left_shift_", "bitwise_not", "bitwise_not_", "bitwise_or", "bitwise_or_",
    "bitwise_right_shift", "bitwise_right_shift_", "bitwise_xor", "bitwise_xor_",
    "broadcast_shapes", "count_nonzero", "empty", "empty_like", "eq", "equal", "exponential_",
    "eye", "floor_divide", "floor_divide_", "from_dlpack", "from_numpy", "full", "full_like",
    "ge", "gt", "histc", "is_floating_point", "is_tensor", "isclose", "isfinite", "isin", "isinf",
    "isnan", "le", "linspace", "logical_and", "logical_and_", "logical_not", "logical_not_",
    "logical_or", "logical_or_", "logical_xor", "logical_xor_", "logspace", "lt", "multinomial",
    "ne", "new_empty", "new_full", "new_ones", "new_tensor", "new_zeros", "nonzero", "normal",
    "numel", "ones", "ones_like", "promote_types", "rand", "rand_like", "randint", "randint_like",
    "randn", "randn_like", "randperm", "result_type", "tensor", "unique", "zeros", "zeros_like",
    "bucketize", "heaviside", "isneginf", "isposinf", "searchsorted", "signbit", "tril_indices",
    "triu_indices", "unique_consecutive", "random_", "eq_", "ne_", "lt_", "le_", "gt_", "ge_",
    "is_complex", "is_nonzero", "is_same_size", "new",
]  # fmt: skip
# Methods that inspect, convert or control; all casts are `to`.
OTHER_METHODS = [
    "bfloat16", "data_ptr", "element_size", "nelement", "stride",
    "backward", "bool", "bump_version", "cpu", "cuda", "detach", "detach_", "dim", "double",
    "float", "half", "int", "is_contiguous", "is_floating_point", "item", "long", "numel",
    "numpy", "register_hook", "register_post_accumulate_grad_hook", "requires_grad_", "retain_grad",
    "size", "tolist", "type_as",
    "byte", "char", "get_device", "is_pinned", "ndimension", "pin_memory", "short", "type",
]  # fmt: skip
# Those with both derivatives checked in test_inplace.py, test_inplace_shape.py and
# test_factorizations.py.
ELSEWHERE = [
    "addmm_", "baddbmm_", "cholesky", "det", "inverse", "logdet", "matrix_power", "pinverse",
    "resize_", "resize_as_", "slogdet", "squeeze_", "swapaxes_", "swapdims_", "t_", "transpose_",
    "unsqueeze_",
]  # fmt: skip


def identify(case):
    shapes = ",".join("x".join(map(str, a.shape)) or "0-d" for a in case[2])
    return f"{case[0]}({shapes})"


def leaves(arrays, varied=None):
    return [Tensor(a, requires_grad=varied is None or i in varied) for i, a in enumerate(arrays)]


def as_tuple(result):
    return (result,) if not isinstance(result, tuple | list) else tuple(result)


@pytest.fixture(params=[*CASES, *MORE_CASES], ids=identify)
def case(request):
    op, fn, arrays, *varied = request.param
    return op, fn, arrays, varied[0] if varied else tuple(range(len(arrays)))


def test_the_gradient_is_the_slope(case):
    _, fn, arrays, varied = case
    assert mt.gradcheck(lambda *xs: fn(mt, *xs), leaves(arrays, varied))


def test_the_gradient_of_the_gradient_is_its_slope(case):
    _, fn, arrays, varied = case
    assert mt.gradgradcheck(lambda *xs: fn(mt, *xs), leaves(arrays, varied))


def run(m, fn, tensors, varied, seed=5):
    """Values, gradients under random cotangents, and gradients of a random function of those."""
    rng = np.random.default_rng(seed)

    def cotangents(ts):
        return [m.from_numpy(np.asarray(rng.standard_normal(tuple(t.shape)))) for t in ts]

    ys = as_tuple(fn(m, *tensors))
    grad = m.grad if m is mt else m.autograd.grad
    xs = [tensors[i] for i in varied]
    vs = cotangents(ys)
    for v in vs:
        v.requires_grad_()
    first = grad(ys, xs, vs, create_graph=True, allow_unused=True)
    second = [None] * len([*xs, *vs])
    for g, u in zip(first, cotangents(xs), strict=True):
        if g is not None and g.requires_grad:
            more = grad(g, [*xs, *vs], u, retain_graph=True, allow_unused=True)
            pairs = zip(second, more, strict=True)
            second = [a if b is None else b if a is None else a + b for a, b in pairs]
    return [[None if t is None else array_of(t) for t in ts] for ts in (ys, first, second)]


def test_values_and_both_derivatives_are_pytorch_s(case, torch):
    _, fn, arrays, varied = case
    theirs = [
        torch.from_numpy(np.array(a)).requires_grad_(i in varied) for i, a in enumerate(arrays)
    ]
    expected = run(torch, fn, theirs, varied)
    found = run(mt, fn, leaves([np.array(a) for a in arrays], varied), varied)
    for ours, reference in zip(found, expected, strict=True):
        for a, b in zip(ours, reference, strict=True):
            if a is None or b is None:  # a zero that one of the two does not write down
                given = a if b is None else b
                assert given is None or np.allclose(given, 0, atol=1e-11)
                continue
            assert a.shape == b.shape and a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_neither_values_nor_gradients_depend_on_the_memory_layout(case, layout):
    _, fn, arrays, varied = case
    expected = run(mt, fn, leaves([np.array(a) for a in arrays], varied), varied)
    found = run(mt, fn, leaves([LAYOUTS[layout](a) for a in arrays], varied), varied)
    for ours, reference in zip(found, expected, strict=True):
        for a, b in zip(ours, reference, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


def test_no_differentiable_op_is_missing_from_the_table():
    methods = {
        name
        for name, member in inspect.getmembers(Tensor)
        if not name.startswith("_") and inspect.isfunction(member)
    }
    public = methods.union(importlib.import_module("minitorch_cnn.tensor").__all__)
    tested = {case[0] for case in [*CASES, *MORE_CASES]}
    others = {*WITHOUT_GRADIENT, *OTHER_METHODS, *ELSEWHERE, *SECOND_NAMES}
    assert public - tested - others == set()

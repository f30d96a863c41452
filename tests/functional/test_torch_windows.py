"""Convolutions, pools and norms against PyTorch's: values and gradients over drawn geometry."""

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minitorch_cnn import functional as F
from minitorch_cnn.tensor.tensor import Tensor
from tests.functional.draws import adaptive_pools, batch_norms, convolutions, normals, pools, seeds


@st.composite
def average_pools(draw, spatial):
    arrays, options = draw(pools(spatial=spatial))
    options["count_include_pad"] = draw(st.booleans())
    if spatial == 2:
        options["divisor_override"] = draw(st.sampled_from([None, 1, 3, -2]))
    return arrays, options


@st.composite
def with_indices(draw, strategy):
    arrays, options = draw(strategy)
    return arrays, {**options, "return_indices": draw(st.booleans())}


@st.composite
def unpools(draw):
    """(y,), indices and an output_size for max_unpool2d, from windows without overlap."""
    (n, c), k = draw(st.tuples(*[st.integers(1, 2)] * 2)), draw(st.integers(1, 3))
    s = k + draw(st.integers(0, 1))
    h, w = draw(st.tuples(*[st.integers(k, 3 * k)] * 2))
    (x,) = normals(draw, (n, c, h, w))
    y, indices = F.max_pool2d(Tensor(x), k, stride=s, return_indices=True)
    return (y.array,), {"indices": indices, "kernel_size": k, "stride": s, "output_size": (h, w)}


@st.composite
def normalisations(draw, training):
    """(x, w, b) and options of batch_norm, the running statistics among them."""
    arrays, (mean, var), options = draw(batch_norms(training, batch=(2, 3)))
    if mean is not None:
        mean, var = Tensor(mean), Tensor(var)
    return arrays, {"running_mean": mean, "running_var": var, **options}


@st.composite
def group_norms(draw):
    groups, per_group = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    space = draw(st.sampled_from([(), (3,), (2, 3)]))
    n, c = draw(st.integers(0, 3)), groups * per_group
    if n * per_group * int(np.prod(space)) == 1:
        n = 2
    affine = draw(st.sampled_from([None, (c,)]))
    return normals(draw, (n, c, *space), affine, affine), {"num_groups": groups}


@st.composite
def layer_norms(draw):
    shape = draw(st.sampled_from([(1,), (5,), (2, 3)]))
    lead = draw(st.sampled_from([(), (0,), (3,), (2, 2)]))
    arrays = normals(draw, (*lead, *shape), *[draw(st.sampled_from([None, shape]))] * 2)
    return arrays, {"normalized_shape": shape, "eps": draw(st.sampled_from([1e-5, 0.1]))}


@st.composite
def response_norms(draw):
    shape = draw(st.tuples(st.integers(0, 2), st.integers(1, 6), *[st.integers(1, 2)] * 2))
    shape = shape[: draw(st.integers(3, 4))]
    options = {"alpha": 0.7, "beta": draw(st.sampled_from([0.75, 0.5])), "k": 2.0}
    return normals(draw, shape), {"size": draw(st.integers(1, 7)), **options}


# function: what is drawn for it, the arrays (by position or name) and the other arguments
TABLE = {
    "conv1d": convolutions(spatial=1),
    "conv2d": convolutions(),
    "conv_transpose1d": convolutions(spatial=1, transposed=True),
    "conv_transpose2d": convolutions(transposed=True),
    "max_pool1d": with_indices(pools(spatial=1, dilated=True)),
    "max_pool2d": with_indices(pools(dilated=True)),
    "adaptive_max_pool2d": with_indices(adaptive_pools()),
    "max_unpool2d": unpools(),
    "avg_pool1d": average_pools(spatial=1),
    "avg_pool2d": average_pools(spatial=2),
    "adaptive_avg_pool2d": adaptive_pools(),
    "batch_norm": st.booleans().flatmap(normalisations),
    "group_norm": group_norms(),
    "layer_norm": layer_norms(),
    "local_response_norm": response_norms(),
}
ARRAYS = ("input", "weight", "bias")


def outcome(function, tensor, arrays, options, seed):
    """A function's outputs, its arrays' gradients and its running statistics, as arrays or None."""
    leaf = {
        name: None if a is None else tensor(a.copy())
        for name, a in zip(ARRAYS, arrays, strict=False)
    }
    for t in leaf.values():
        if t is not None:
            t.requires_grad = True
    options = {
        k: tensor(v.array.copy()) if isinstance(v, Tensor) else v for k, v in options.items()
    }
    y = function(**leaf, **options)
    outputs = y if isinstance(y, tuple) else (y,)
    gy = np.random.default_rng(seed).standard_normal(tuple(outputs[0].shape))
    outputs[0].backward(tensor(gy))
    gradients = [None if t is None else t.grad for t in leaf.values()]
    statistics = [options.get("running_mean"), options.get("running_var")]
    found = [*outputs, *gradients, *statistics]
    return [None if t is None else np.asarray(t.detach().numpy()) for t in found]


@pytest.mark.filterwarnings("ignore:Using padding='same'")  # slower in PyTorch, it says
@pytest.mark.parametrize("name", TABLE)
def test_values_and_gradients_are_pytorch_s(name):
    torch = pytest.importorskip("torch")

    @settings(max_examples=40, deadline=None)
    @given(TABLE[name], seeds)
    def check(drawn, seed):
        theirs = outcome(getattr(torch.nn.functional, name), torch.from_numpy, *drawn, seed)
        ours = outcome(getattr(F, name), Tensor, *drawn, seed)
        for a, b in zip(ours, theirs, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                assert a.dtype == b.dtype and a.shape == b.shape
                np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-9)

    check()


@pytest.mark.parametrize("function", ["max_pool1d", "max_pool2d"])
def test_nan_and_infinities_pool_as_pytorch_s(function, rng):
    torch = pytest.importorskip("torch")
    special = np.array([np.nan, -np.inf, np.inf, 0.0, 1.0])
    for _ in range(30):
        x = rng.choice(special, (2, 5, 6) if function == "max_pool1d" else (1, 2, 5, 6))
        options = {"kernel_size": 3, "stride": 2, "padding": 1, "return_indices": True}
        theirs = getattr(torch.nn.functional, function)(torch.from_numpy(x), **options)
        ours = getattr(F, function)(Tensor(x), **options)
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a.array, b.numpy())


NAMED = ["batch_norm", "group_norm", "layer_norm", "local_response_norm", "max_unpool2d"]


@pytest.mark.parametrize("name", [*NAMED, "adaptive_avg_pool2d"])
def test_arguments_have_pytorch_s_names_order_and_defaults(name):
    torch = pytest.importorskip("torch")
    ours, theirs = (
        [(p.name, p.default) for p in inspect.signature(getattr(module, name)).parameters.values()]
        for module in (F, torch.nn.functional)
    )
    assert ours == theirs


# PyTorch's built-in functions have no signature: arguments are given by position instead
POSITIONS = {
    "conv1d": ((1, 4, 9), (4, 2, 2), (4,), 2, 1, 2, 2),
    "conv2d": ((1, 4, 9, 9), (4, 2, 2, 2), (4,), 2, 1, 2, 2),
    "conv_transpose1d": ((1, 4, 9), (4, 2, 2), (4,), 2, 1, 1, 2, 2),
    "conv_transpose2d": ((1, 4, 9, 9), (4, 2, 2, 2), (4,), 2, 1, 1, 2, 2),
    "max_pool1d": ((1, 1, 9), 3, 2, 1, 2, True, False),
    "max_pool2d": ((1, 1, 9, 9), 3, 2, 1, 2, True, False),
    "adaptive_max_pool2d": ((1, 1, 9, 9), 3, False),
    "avg_pool1d": ((1, 1, 9), 3, 2, 1, True, False),
    "avg_pool2d": ((1, 1, 9, 9), 3, 2, 1, True, False, 5),
}


@pytest.mark.parametrize("name", POSITIONS)
def test_arguments_stand_in_pytorch_s_positions(name, rng):
    torch = pytest.importorskip("torch")
    arguments = [rng.standard_normal(a) if isinstance(a, tuple) else a for a in POSITIONS[name]]
    ours, theirs = (
        getattr(module, name)(*[tensor(a) if isinstance(a, np.ndarray) else a for a in arguments])
        for module, tensor in ((F, Tensor), (torch.nn.functional, torch.from_numpy))
    )
    np.testing.assert_allclose(ours.array, theirs.numpy(), rtol=1e-9, atol=1e-9)

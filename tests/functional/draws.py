"""Drawn geometry: hypothesis strategies of arguments for convolutions, pools and norms."""

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from minitorch_cnn.autograd import gradcheck, gradgradcheck
from minitorch_cnn.tensor.tensor import Tensor

seeds = st.integers(0, 2**32 - 1)


def normals(draw, *shapes):
    """A random float64 array of each shape; None stays None."""
    rng = np.random.default_rng(draw(seeds))
    return tuple(None if shape is None else rng.standard_normal(shape) for shape in shapes)


def leaves(arrays):
    """The arrays as Tensors that require grad; None stays None."""
    return tuple(None if a is None else Tensor(a.copy(), requires_grad=True) for a in arrays)


def assert_differentiable_twice(fn, *arrays):
    """gradcheck and gradgradcheck of fn over the arrays that are not None."""
    given = [a for a in arrays if a is not None]

    def of_given(*tensors):
        tensors = iter(tensors)
        return fn(*(None if a is None else next(tensors) for a in arrays))

    assert gradcheck(of_given, leaves(given))
    assert gradgradcheck(of_given, leaves(given))


def _sides(draw, kernel, stride, padding, dilation, extra):
    """Input sizes for which the window has between 1 and a few outputs."""
    sizes = []
    for k, s, p, d in zip(kernel, stride, padding, dilation, strict=True):
        least = max(1, d * (k - 1) + 1 - 2 * p)
        sizes.append(least + draw(st.integers(0, extra * s)))
    return tuple(sizes)


def _number_or_tuple(draw, values):
    """The values as a tuple, or as one number where they are equal."""
    return values[0] if len(set(values)) == 1 and draw(st.booleans()) else values


@st.composite
def convolutions(draw, spatial=2, transposed=False, extra=2, batch=(0, 1, 2)):
    """(x, w, b or None), settings of conv1d, conv2d or their transposes."""
    groups = draw(st.sampled_from([1, 2, 3]))
    inner, outer = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    kernel = draw(st.tuples(*[st.integers(1, 3)] * spatial))
    stride = draw(st.tuples(*[st.integers(1, 3)] * spatial))
    dilation = draw(st.tuples(*[st.integers(1, 2)] * spatial))
    padding = draw(st.tuples(*[st.integers(0, 2)] * spatial))
    settings = {"groups": groups, "dilation": _number_or_tuple(draw, dilation)}
    settings["padding"] = _number_or_tuple(draw, padding)
    named = None if transposed else draw(st.sampled_from([None, None, "same", "valid"]))
    if named:
        settings["padding"], padding = named, (0,) * spatial
    if named == "same":
        stride = (1,) * spatial
    size = _sides(draw, kernel, stride, padding, dilation, extra)
    settings["stride"] = _number_or_tuple(draw, stride)
    if transposed:
        limits = [max(s, d) - 1 for s, d in zip(stride, dilation, strict=True)]
        settings["output_padding"] = draw(st.tuples(*[st.integers(0, top) for top in limits]))
        # The smallest inputs whose output is not eaten up by the padding.
        size = tuple(
            max(1, -(-(2 * p - d * (k - 1)) // s) + 1) + draw(st.integers(0, extra))
            for k, s, p, d in zip(kernel, stride, padding, dilation, strict=True)
        )
    n = draw(st.sampled_from((*batch, None)))
    x_shape = (groups * inner, *size) if n is None else (n, groups * inner, *size)
    w_shape = (groups * (inner if transposed else outer), outer if transposed else inner, *kernel)
    b_shape = (groups * outer,) if draw(st.booleans()) else None
    return normals(draw, x_shape, w_shape, b_shape), settings


@st.composite
def pools(draw, spatial=2, dilated=False, batch=(0, 1, 2)):
    """(x,), settings of a max or average pool. No two elements of x are close: no ties."""
    kernel = draw(st.tuples(*[st.integers(1, 3)] * spatial))
    stride = draw(st.tuples(*[st.integers(1, 3)] * spatial))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    dilation = (1,) * spatial
    if dilated:
        dilation = draw(st.tuples(*[st.integers(1, 2)] * spatial))
    settings = {
        "kernel_size": _number_or_tuple(draw, kernel),
        "stride": _number_or_tuple(draw, stride),
        "padding": _number_or_tuple(draw, padding),
        "ceil_mode": draw(st.booleans()),
    }
    if dilated:
        settings["dilation"] = _number_or_tuple(draw, dilation)
    if draw(st.booleans()):
        settings["stride"], stride = None, kernel
    size = _sides(draw, kernel, stride, padding, dilation, extra=2)
    assume(all(map(_sees_input, size, kernel, stride, padding, dilation)))
    return (distinct(draw, draw(image_shapes(size, batch))),), settings


def _sees_input(n, k, s, p, d):
    """Whether each window along an axis, one of ceil_mode included, has a cell of the input."""
    starts = range(-p, n + p - d * (k - 1) + s, s)
    return all(any(0 <= i + j * d < n for j in range(k)) for i in starts if i < n)


@st.composite
def image_shapes(draw, size, batch=(0, 1, 2)):
    """(N, C, *size) or (C, *size)."""
    n = draw(st.sampled_from((*batch, None)))
    c = draw(st.integers(1, 2))
    return (c, *size) if n is None else (n, c, *size)


def distinct(draw, shape):
    """Shuffled numbers that differ by 0.1 or more."""
    count = int(np.prod(shape))
    order = np.random.default_rng(draw(seeds)).permutation(count)
    return ((order - count / 2) * 0.1).reshape(shape)


@st.composite
def adaptive_pools(draw, batch=(0, 1, 2)):
    """(x,), settings of an adaptive pool."""
    size = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    side = st.one_of(st.none(), st.integers(1, 6))
    output_size = draw(st.one_of(st.integers(1, 4), st.tuples(side, side)))
    x = distinct(draw, draw(image_shapes(size, batch)))
    return (x,), {"output_size": output_size}


@st.composite
def batch_norms(draw, training, batch=(2, 3)):
    """(x, w or None, b or None), running statistics or None, settings of batch_norm."""
    n, c = draw(st.sampled_from(batch)), draw(st.integers(1, 3))
    space = draw(st.sampled_from([(), (3,), (2, 3)]))
    w = (c,) if draw(st.booleans()) else None
    b = (c,) if draw(st.booleans()) else None
    x, w, b, mean, std = normals(draw, (n, c, *space), w, b, (c,), (c,))
    running = (mean, std**2 + 0.1)
    if training and draw(st.booleans()):
        running = (None, None)
    settings = {
        "training": training,
        "momentum": draw(st.sampled_from([0.0, 0.1, 1.0])),
        "eps": draw(st.sampled_from([1e-5, 0.1])),
    }
    return (3 * x + 1, w, b), running, settings

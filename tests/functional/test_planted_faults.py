"""Mistakes that convolutions, pools and norms are prone to, planted one by one: each must be seen.

A check holds with the code as it is and must fail with the fault in place. Faults inside of the
kernels are planted in tests/test_planted_faults.py.
"""

from importlib import import_module

import numpy as np
import pytest

from minitorch_cnn import functional as F
from minitorch_cnn.autograd import enable_grad, grad
from minitorch_cnn.autograd.gradcheck import GradientMismatch
from tests.functional.draws import assert_differentiable_twice

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.standard_normal(shape)


def shuffled(*shape):
    return RNG.permutation(np.prod(shape)).reshape(shape) * 0.1


def check_conv2d():
    def strided_groups(x, w, b):
        return F.conv2d(x, w, b, stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2)

    assert_differentiable_twice(strided_groups, normal(2, 4, 5, 6), normal(4, 2, 2, 3), normal(4))


def check_conv_transpose2d():
    def strided_groups(x, w, b):
        return F.conv_transpose2d(x, w, b, stride=(3, 2), padding=1, output_padding=1, groups=2)

    assert_differentiable_twice(strided_groups, normal(1, 4, 2, 3), normal(4, 2, 3, 2), normal(4))


def check_max_pool2d():
    assert_differentiable_twice(lambda x: F.max_pool2d(x, 3, 1), shuffled(2, 1, 4, 5))


def check_avg_pool2d():
    def uncounted(x):
        return F.avg_pool2d(x, (3, 2), 2, (1, 0), ceil_mode=True, count_include_pad=False)

    assert_differentiable_twice(uncounted, normal(1, 2, 4, 5))


def check_batch_norm():
    def trained(x, w, b):
        return F.batch_norm(x, None, None, w, b, training=True)

    assert_differentiable_twice(trained, normal(3, 2, 2), normal(2), normal(2))


def check_local_response_norm():
    assert_differentiable_twice(lambda x: F.local_response_norm(x, 4, alpha=2.0), normal(1, 5, 2))


def plant(monkeypatch, path, wrong):
    """Put wrong(right, ...) in the place of `right`, a function of minitorch_cnn.functional."""
    module, *owner, name = path.split(".")
    holder = import_module(f"minitorch_cnn.functional.{module}")
    for part in owner:
        holder = getattr(holder, part)
    right = getattr(holder, name)
    monkeypatch.setattr(holder, name, lambda *args, **kw: wrong(right, *args, **kw))


def without_bias(right, ctx, gy):
    gx, gw, gb = right(ctx, gy)
    return gx, gw, gb * 0


def of_stride_one(right, gy, w, window, size, groups, checked):
    """Strides forgotten when there are groups: the gradient is laid out densely in a corner."""
    if groups == 1:
        return right(gy, w, window, size, groups)
    dense = type(window)(window.kernel, 1, window.padding, window.dilation)
    gx = np.zeros((gy.shape[0], w.shape[1] * groups, *size))
    corner = right(gy, w, dense, dense.input_size(*gy.shape[2:]), groups)[
        :, :, : size[0], : size[1]
    ]
    gx[:, :, : corner.shape[2], : corner.shape[3]] = corner
    return gx


def of_mixed_groups(right, x, gy, window, groups, checked):
    """The groups of x paired with the groups of gy in the wrong order."""
    return right(np.roll(x, x.shape[1] // groups, axis=1), gy, window, groups)


def assigned(right, gy, argmax, size, window):
    """`=` for `+=`."""
    n, c = gy.shape[:2]
    gx = np.zeros((n, c, size[0] * size[1]))
    np.put_along_axis(gx, argmax.reshape(n, c, -1), gy.reshape(n, c, -1), axis=2)
    return gx.reshape(n, c, *size)


def without_variance(right, gy, x, w, b, mean, invstd, relu, ceiling):
    """gx = w r (gy - <gy>): the path through the mean only."""
    _, gw, gb = right(gy, x, w, b, mean, invstd, relu, ceiling)
    centred = gy - gy.mean((0, 2), keepdims=True)
    return centred * (invstd * w).reshape(1, -1, 1), gw, gb


def with_constant_statistics(right, ctx, *cotangents):
    """Mean and deviation taken for constants, as the forward pass left them."""
    gy, x, w, _ = ctx.saved_tensors
    axes = (0, 2)
    mean = x.detach().mean(axes, keepdim=True)
    r = (x.detach().var(axes, correction=0, keepdim=True) + ctx.eps).rsqrt()
    with enable_grad():
        x_hat = (x - mean) * r
        gw, gb = (gy * x_hat).sum(axes, keepdim=True), gy.sum(axes, keepdim=True)
        gx = w.reshape(1, -1, 1) * r * (gy - (gb + x_hat * gw) / (x.numel() / x.shape[1]))
        outputs = [gx, gw.reshape(-1), gb.reshape(-1)]
    wanted = [i for i, v in enumerate(cotangents) if v is not None]
    gradients = grad(
        [outputs[i] for i in wanted],
        (gy, x, w),
        [cotangents[i] for i in wanted],
        create_graph=True,
        allow_unused=True,
    )
    return *gradients, None


# fault: the check that must see it, the function with the fault, the fault
FAULTS = {
    "no bias gradient": (check_conv2d, "conv.Conv2d.backward", without_bias),
    "no bias gradient, transposed": (
        check_conv_transpose2d,
        "conv.ConvTranspose2d.backward",
        without_bias,
    ),
    "groups forget the stride": (check_conv2d, "conv.conv2d_input_grad", of_stride_one),
    "groups in another order": (check_conv2d, "conv.conv2d_weight_grad", of_mixed_groups),
    "groups in another order, transposed": (
        check_conv_transpose2d,
        "conv.conv2d_weight_grad",
        of_mixed_groups,
    ),
    "max pool assigns for adding": (check_max_pool2d, "max_pool.max_pool2d_input_grad", assigned),
    "avg pool counts the padding backward": (
        check_avg_pool2d,
        "avg_pool.avg_pool2d_input_grad",
        lambda right, gy, window, size, **divisor: right(gy, window, size),
    ),
    "batch norm without its variance path": (
        check_batch_norm,
        "batch_norm_ops.batch_norm_backward",
        without_variance,
    ),
    "batch norm's statistics constant in the second derivative": (
        check_batch_norm,
        "batch_norm_ops.BatchNormBackward.backward",
        with_constant_statistics,
    ),
    "response norm's window off by one": (
        check_local_response_norm,
        "local_response_norm.local_response_norm_backward",
        lambda right, gy, x, size, **options: right(gy, x, size + 1, **options),
    ),
    "response norm's window not turned round": (
        check_local_response_norm,
        "local_response_norm.window_sum",
        lambda right, x, before, after: right(x, max(before, after), min(before, after)),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_caught(fault, monkeypatch):
    check, path, wrong = FAULTS[fault]
    check()
    plant(monkeypatch, path, wrong)
    with pytest.raises(GradientMismatch):
        check()

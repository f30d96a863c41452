"""The rules that the arrays, the window and the groups of a convolution must follow.

F.conv2d checks its arguments by `check_channels` in its own words and then calls the kernels with
checked=True; direct callers of the kernels get all of these checks.
"""

import numpy as np

from ..window import Window


def check_channels(
    name: str,
    x_shape: tuple[int, ...],
    channels: int,
    w_shape: tuple[int, ...],
    groups: int,
    transposed: bool = False,
    x: str = "x",
    w: str = "w",
) -> None:
    """ValueError unless an input of so many channels C meets w (O, C/groups, *).

    transposed: the input is that of the transposed convolution, and has w's first axis as channels.
    x, w: the words for input and weight in the message.
    """
    if groups < 1:
        raise ValueError(f"{name}: groups={groups} must be at least 1")
    if channels % groups:
        raise ValueError(f"{name}: groups={groups} must divide in_channels={channels}")
    if not transposed and w_shape[0] % groups:
        raise ValueError(f"{name}: groups={groups} must divide out_channels={w_shape[0]}")
    expected = w_shape[0] if transposed else w_shape[1] * groups
    if channels != expected:
        raise ValueError(
            f"{name}: {x} of shape {x_shape} has in_channels={channels}, "
            f"{w} of shape {w_shape} with groups={groups} needs {expected}"
        )


def check_arrays(name: str, window: Window, **arrays: np.ndarray) -> None:
    """ValueError or TypeError unless both arrays have 4 axes and one float dtype."""
    if window.ceil_mode:
        raise ValueError(f"{name}: window.ceil_mode=True is for pooling, a convolution has none")
    for label, array in arrays.items():
        if array.ndim != 4:
            raise ValueError(f"{name}: {label} must have 4 axes, not the shape {array.shape}")
        if array.dtype.kind != "f":
            raise TypeError(f"{name}: {label} must be floating point, not {array.dtype}")
    (first, a), (second, b) = arrays.items()
    if a.dtype != b.dtype:
        raise TypeError(f"{name}: {first} is {a.dtype} but {second} is {b.dtype}; they must agree")


def check_forward(
    x: np.ndarray, w: np.ndarray, window: Window, groups: int, bias: np.ndarray | None
) -> None:
    """ValueError or TypeError unless these are arguments of conv2d_forward."""
    name = "conv2d_forward"
    check_arrays(name, window, x=x, w=w)
    check_channels(name, x.shape, x.shape[1], w.shape, groups)
    _check_kernel(name, w.shape, window)
    window.output_size(*x.shape[2:])
    if bias is not None and (bias.shape, bias.dtype) != (w.shape[:1], w.dtype):
        found, wanted = f"{bias.dtype} {bias.shape}", f"{w.dtype} {w.shape[:1]}"
        raise ValueError(f"{name}: bias is {found}, it must be {wanted}, one per output channel")


def check_input_grad(
    gy: np.ndarray, w: np.ndarray, window: Window, input_size: tuple[int, int], groups: int
) -> None:
    """ValueError or TypeError unless these are arguments of conv2d_input_grad."""
    name = "conv2d_input_grad"
    check_arrays(name, window, gy=gy, w=w)
    check_channels(name, gy.shape, gy.shape[1], w.shape, groups, transposed=True, x="gy")
    _check_kernel(name, w.shape, window)
    _check_output(name, gy.shape, window, input_size)


def check_weight_grad(x: np.ndarray, gy: np.ndarray, window: Window, groups: int) -> None:
    """ValueError or TypeError unless these are arguments of conv2d_weight_grad."""
    name = "conv2d_weight_grad"
    check_arrays(name, window, x=x, gy=gy)
    w_shape = gy.shape[1], x.shape[1] // max(groups, 1), *window.kernel
    check_channels(name, x.shape, x.shape[1], w_shape, groups)
    if len(gy) != len(x):
        raise ValueError(f"{name}: gy has a batch of {len(gy)}, x of {len(x)}")
    _check_output(name, gy.shape, window, x.shape[2:])


def _check_kernel(name: str, w_shape: tuple[int, ...], window: Window) -> None:
    if w_shape[2:] != window.kernel:
        raise ValueError(f"{name}: w of shape {w_shape} must end in window.kernel={window.kernel}")


def _check_output(name: str, shape: tuple, window: Window, input_size: tuple[int, ...]) -> None:
    expected = window.output_size(*input_size)
    if shape[2:] != expected:
        raise ValueError(
            f"{name}: gy of shape {shape} must end in {expected}, "
            f"the output size of an input {tuple(input_size)}"
        )

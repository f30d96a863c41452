"""The geometry of a sliding window: sizes, positions, receptive fields. Integers only."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from operator import index
from typing import TYPE_CHECKING, NamedTuple

Pair = tuple[int, int]


@dataclass(frozen=True)
class Window:
    """Kernel, stride, padding and dilation of a window that slides over (H, W).

    An int applies to both axes. Padding is an int, (ph, pw) or ((top, bottom), (left, right)), and
    is stored in the last form. Tap k of output o reads the input at position

        o * stride + k * dilation - padding_before

    With `ceil_mode` the last window may start inside the input (or the padding before it) and end
    beyond it.

    >>> Window(3, stride=2, padding=1).output_size(224, 224)
    (112, 112)

    Raises ValueError if kernel, stride or dilation is below 1 or a padding below 0.
    """

    kernel: Pair
    stride: Pair = (1, 1)
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))
    dilation: Pair = (1, 1)
    ceil_mode: bool = False

    if TYPE_CHECKING:  # an int applies to both axes

        def __init__(
            self,
            kernel: int | Pair,
            stride: int | Pair = 1,
            padding: int | Pair | tuple[Pair, Pair] = 0,
            dilation: int | Pair = 1,
            ceil_mode: bool = False,
        ) -> None: ...

    def __post_init__(self):
        for name in ("kernel", "stride", "dilation"):
            pair = _pair(name, getattr(self, name))
            if min(pair) < 1:
                raise ValueError(f"Window: {name}={pair} must be at least 1")
            object.__setattr__(self, name, pair)
        object.__setattr__(self, "padding", _pairs_of_padding(self.padding))
        object.__setattr__(self, "ceil_mode", bool(self.ceil_mode))

    @classmethod
    def same(cls, kernel: int | Pair, dilation: int | Pair = 1) -> "Window":
        """The window of stride 1 whose output has the size of its input.

        If the total padding is odd, the extra row or column is at the end.
        """
        rows, columns = cls(kernel, dilation=dilation).span
        padding = ((rows - 1) // 2, rows // 2), ((columns - 1) // 2, columns // 2)
        return cls(kernel, padding=padding, dilation=dilation)

    @property
    def span(self) -> Pair:
        """Rows and columns from the first tap to the last, including the gaps of dilation."""
        (kh, kw), (dh, dw) = self.kernel, self.dilation
        return (kh - 1) * dh + 1, (kw - 1) * dw + 1

    def output_size(self, h: int, w: int) -> Pair:
        """The number of windows in an input of (h, w):  (size + padding - span) // stride + 1.

        Raises ValueError where none fits.
        """
        out = self._windows_along(0, h), self._windows_along(1, w)
        if min(out) < 1:
            raise ValueError(
                f"Window: kernel {self.kernel} with dilation {self.dilation} spans {self.span}, "
                f"more than the input {(h, w)} with padding {self.padding}"
            )
        return out

    def _windows_along(self, axis: int, size: int) -> int:
        stride, before = self.stride[axis], self.padding[axis][0]
        space = size + sum(self.padding[axis]) - self.span[axis]
        if not self.ceil_mode:
            return space // stride + 1
        count = -(-space // stride) + 1
        # PyTorch's rule: a window that would start in the padding after the input is omitted.
        return count - 1 if (count - 1) * stride >= size + before else count

    def input_size(self, oh: int, ow: int) -> Pair:
        """The smallest input with (oh, ow) outputs:  (out - 1) * stride + span - padding.

        Inputs of up to stride - 1 more rows have the same outputs. Without ceil_mode only.
        """
        (sh, sw), (rows, columns), (above, beside) = self.stride, self.span, self.padding
        return (oh - 1) * sh + rows - sum(above), (ow - 1) * sw + columns - sum(beside)

    def covers(self, h: int, w: int) -> bool:
        """Whether its only position over (h, w) reads every element, and no padding."""
        return self.kernel == self.span == (h, w) and self.padding == ((0, 0), (0, 0))


def receptive_field(windows: Iterable[Window]) -> Window:
    """The single window equivalent to a chain of windows, in the order of application.

    Its kernel is the receptive field of one output. Its stride is the jump: the distance in the
    input between the fields of two neighbouring outputs. Its output size is the chain's, without
    ceil_mode.

        field  r <- r + (span - 1) * j      jump  j <- j * stride      padding  p <- p + padding * j

    >>> receptive_field([Window(3), Window(2, stride=2), Window(3)]).kernel
    (8, 8)

    Source: Araujo, Norris, Sim (2019), Computing Receptive Fields of Convolutional Neural Networks.
    """
    chain = tuple(windows)
    (rows, down, above), (columns, across, beside) = _chained(chain, 0), _chained(chain, 1)
    return Window((rows, columns), (down, across), (above, beside))


def _chained(windows: tuple[Window, ...], axis: int) -> tuple[int, int, Pair]:
    """The field, jump and padding of a chain of windows along an axis."""
    field, jump, before, after = 1, 1, 0, 0
    for window in windows:
        field += (window.span[axis] - 1) * jump
        before += window.padding[axis][0] * jump
        after += window.padding[axis][1] * jump
        jump *= window.stride[axis]
    return field, jump, (before, after)


class Tap(NamedTuple):
    """One kernel position (kh, kw), with the indices of the inputs read and of their outputs.

    `y` and `x` index the last two axes with slices of equal length; outputs whose tap falls into
    the padding are excluded.
    """

    kh: int
    kw: int
    y: tuple
    x: tuple


@lru_cache(maxsize=1024)
def taps(window: Window, h: int, w: int, rows: Pair, columns: Pair) -> tuple[Tap, ...]:
    """The taps of a window over (h, w), row by row of the kernel, for a block of the outputs.

    The block is range(*rows) x range(*columns); `Tap.y` counts from its first output.
    A convolution of one channel; max pooling takes the maximum in place of the sum:

        for kh, kw, y_at, x_at in taps(window, H, W, (0, OH), (0, OW)):
            y[y_at] += w[kh, kw] * x[x_at]
    """
    return tuple(
        Tap(kh, kw, (..., y_rows, y_columns), (..., x_rows, x_columns))
        for kh, y_rows, x_rows in _taps_along(window, 0, h, rows)
        for kw, y_columns, x_columns in _taps_along(window, 1, w, columns)
    )


def _taps_along(
    window: Window, axis: int, size: int, outputs: Pair
) -> list[tuple[int, slice, slice]]:
    stride, along = window.stride[axis], []
    for k, (offset, first, stop) in enumerate(tap_ranges(window, axis, size, outputs)):
        y = x = slice(0, 0)
        if first < stop:
            y = slice(first - outputs[0], stop - outputs[0])
            x = slice(first * stride + offset, (stop - 1) * stride + offset + 1, stride)
        along.append((k, y, x))
    return along


def tap_ranges(window: Window, axis: int, size: int, outputs: Pair) -> list[tuple[int, int, int]]:
    """(offset, first, stop) for each kernel position along an axis.

    The outputs o in range(first, stop) read the input at o * stride + offset, the others read the
    padding.
    """
    stride, ranges = window.stride[axis], []
    for k in range(window.kernel[axis]):
        offset = k * window.dilation[axis] - window.padding[axis][0]
        first = max(outputs[0], -(offset // stride))
        stop = min(outputs[1], (size - 1 - offset) // stride + 1)
        ranges.append((offset, first, max(first, stop)))
    return ranges


def adaptive_spans(size: int, outputs: int) -> list[Pair]:
    """The start and the end of each of `outputs` adaptive windows over `size` positions.

    Window i covers [floor(i * size / outputs), ceil((i + 1) * size / outputs)).
    """
    return [(i * size // outputs, -(-(i + 1) * size // outputs)) for i in range(outputs)]


def _pair(name: str, value: int | Pair) -> Pair:
    try:
        first, second = value if isinstance(value, tuple | list) else (value, value)
        return index(first), index(second)
    except (TypeError, ValueError):
        raise ValueError(f"Window: {name}={value!r} must be an int or a pair of ints") from None


def _pairs_of_padding(value) -> tuple[Pair, Pair]:
    try:
        rows, columns = value if isinstance(value, tuple | list) else (value, value)
        pairs = _pair("padding", rows), _pair("padding", columns)
    except (TypeError, ValueError):
        raise ValueError(
            f"Window: padding={value!r} must be an int, (ph, pw) or ((top, bottom), (left, right))"
        ) from None
    if min(map(min, pairs)) < 0:
        raise ValueError(f"Window: padding={value!r} must not be negative")
    return pairs

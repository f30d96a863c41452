"""The channel-blocked layout, NCHWc: the channels of a block are adjacent at each pixel.

    x[n, c, h, w]  is at  start + n * image + (c // width) * block + h * row + w * width + c % width

A block is as wide as a vector register, so that one vector holds all its channels of a pixel. An
image may have a border of zeros, so that windows never leave it. Channels beyond C are zeros, too.

Source: Liu et al. (2019), Optimizing CNN Model Inference on CPUs (arXiv 1809.02697), section 3.1.
"""

from typing import NamedTuple

from ..machine import machine


class Layout(NamedTuple):
    """Where the elements of x (N, C, H, W) are in a flat array, counted in elements."""

    shape: tuple[int, int, int, int]
    width: int  # channels of a block
    border: tuple[int, int]  # rows above and below, columns left and right
    image: int
    block: int
    row: int
    start: int  # of the first pixel, behind the border

    @property
    def blocks(self) -> int:
        """The number of blocks of an image."""
        return -(-self.shape[1] // self.width)

    @property
    def size(self) -> int:
        """The number of elements of an array of this layout alone, border included."""
        return self.shape[0] * self.image

    def part(self, first: int, channels: int) -> "Layout":
        """The layout of `channels` channels from a block's first channel `first` on.

        Raises ValueError where `first` is not at the beginning of a block.
        """
        if first % self.width:
            raise ValueError(f"part: first={first} must be a multiple of {self.width}")
        N, _, H, W = self.shape
        start = self.start + first // self.width * self.block
        return self._replace(shape=(N, channels, H, W), start=start)


def lanes(itemsize: int) -> int:
    """The channels of a block of numbers of `itemsize` bytes."""
    return machine().lanes(itemsize)


def blocked(
    shape: tuple[int, int, int, int], itemsize: int = 4, border: tuple[int, int] = (0, 0),
    narrow: bool = False,
) -> Layout:  # fmt: skip
    """The layout of an array of its own.

    narrow: its block has only as many channels as there are, as the input of a first layer.
    """
    _, C, H, W = shape
    width = lanes(itemsize)
    if narrow:
        width = C
    row = (W + 2 * border[1]) * width
    block = (H + 2 * border[0]) * row
    start = border[0] * row + border[1] * width
    return Layout(shape, width, border, -(-C // width) * block, block, row, start)

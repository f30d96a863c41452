"""FCN: a classifier that slides over the image and says of every pixel what it belongs to.

J. Long, E. Shelhamer, T. Darrell (2015), "Fully convolutional networks for semantic segmentation",
CVPR 2015, arXiv 1411.4038; E. Shelhamer, J. Long, T. Darrell (2017), the same in PAMI, arXiv
1605.06211. VGG-16's linear layers become convolutions, which give a map of scores for an image of
any size; transposed convolutions make that map as large as the image. FCN-32s does so at once;
FCN-16s and FCN-8s first add what pool4 and pool3, whose maps are finer, have to say. On PASCAL VOC
2011 the three reach a mean IoU of 63.6, 65.0 and 65.5 %.

Deviations from the papers
- None from the authors' nets for Caffe, which keep all upsampling at bilinear interpolation; the
  2015 paper lets all but the last one learn.
- The weights are drawn after He et al. (2015), unless they come from a trained net (`start_from`),
  as all of the papers' do; the layers that score start at zero, as theirs.

A map of scores is laid over a finer one by where their positions lie in the image. `Grid` computes
that, and with the papers' 100 pixels of zeros around the image the offsets of the crops come out as
the authors give them: 19 for FCN-32s, 5 and 27 for 16s, 5, 9 and 31 for 8s. The layers' names are
theirs too.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ..autograd import no_grad
from ..nn import Conv2d, ConvTranspose2d, Dropout, MaxPool2d, Module, ReLU, init
from ..tensor import Tensor
from . import vgg
from .blocks import check_images, draw_weights, scaled
from .registry import register


class Design(NamedTuple):
    """From the coarsest scores to the image: (upsampling by 2, the pooling whose scores are added)
    in order, and the last upsampling.
    """

    skips: tuple[tuple[str, str], ...]
    last: str


#   stride of the finest scores                                                    2015, figure 3
TABLE = {
    32: Design((), "upscore"),
    16: Design((("upscore2", "pool4"),), "upscore16"),
    8: Design((("upscore2", "pool4"), ("upscore_pool4", "pool3")), "upscore8"),
}

# Factors of poolings that learn together with the rest: the authors' FCN-8s at-once.
AT_ONCE = {"pool4": 0.01, "pool3": 0.0001}


class Grid(NamedTuple):
    """Where a map lies: the middle of position i over pixel start + i * step of the image."""

    start: float = 0.0
    step: float = 1.0

    def after(self, kernel: int, stride: int = 1, padding: int = 0) -> Grid:
        """The grid of what a window that slides over this map gives."""
        middle = (kernel - 1) / 2 - padding
        return Grid(self.start + middle * self.step, self.step * stride)

    def upsampled(self, factor: int) -> Grid:
        """The grid of what `BilinearUpsampling` makes of this map: the reverse of such a window."""
        step = self.step / factor
        return Grid(self.start - (2 * factor - 1) / 2 * step, step)

    def offset(self, other: Grid) -> int:
        """The position of this map that lies over position 0 of another of the same step."""
        return round((other.start - self.start) / self.step)


def overlap(a: Tensor, b: Tensor, offset: int) -> tuple[Tensor, Tensor]:
    """The parts of two maps that lie over each other, position `offset` of a over 0 of b.

    a (N, C, H, W), b (N, C', H', W') -> (N, C, h, w), (N, C', h, w)
    """
    i, j = max(offset, 0), max(-offset, 0)
    h, w = (min(a.shape[axis] - i, b.shape[axis] - j) for axis in (2, 3))
    return a[:, :, i : i + h, i : i + w], b[:, :, j : j + h, j : j + w]


class BilinearUpsampling(ConvTranspose2d):
    """Every channel interpolated to `factor` times as many rows and columns.

    x (N, channels, H, W) -> y (N, channels, (H + 1) * factor, (W + 1) * factor)

    A transposed convolution whose weight is a buffer: stored, not learned. It has a kernel for each
    pair of channels, as the authors' does, all zero but those from a channel to itself.
    """

    def __init__(self, channels: int, factor: int):
        super().__init__(channels, channels, 2 * factor, factor, bias=False)
        weight = self.weight.detach()
        del self.weight
        self.register_buffer("weight", weight)

    def reset_parameters(self) -> None:
        """Write the kernels of bilinear interpolation."""
        init.bilinear_(self.weight)


def fc6_padding(padding: int) -> int:
    """The zeros that fc6 needs around its input if the image has `padding` of them.

    With P zeros around the image and Q around pool5 the image begins at position P + 32 Q - 81 of
    FCN-32s' upsampled scores. From 16 on there are scores for images of all sizes.
    """
    return max(math.ceil((81 + 16 - padding) / 32), 0)


def trunk(
    in_channels: int, width: float, padding: int, dropout: float
) -> tuple[dict[str, Module], dict[str, int], dict[str, Grid]]:
    """VGG-16's layers up to fc7, all convolutions; channels and grids of the maps, by name."""
    layers: dict[str, Module] = {}
    channels, grids, grid = {}, {}, Grid()
    inputs = in_channels
    for stage, (kernels, wanted) in enumerate(zip(vgg.TABLE["D"], vgg.CHANNELS, strict=True), 1):
        for number, kernel in enumerate(kernels, 1):
            around = padding if not layers else 1
            outputs = scaled(wanted, width)
            layers[f"conv{stage}_{number}"] = Conv2d(inputs, outputs, kernel, padding=around)
            layers[f"relu{stage}_{number}"] = ReLU()
            grid, inputs = grid.after(kernel, 1, around), outputs
        layers[f"pool{stage}"] = MaxPool2d(2, ceil_mode=True)
        grid = grids[f"pool{stage}"] = grid.after(2, 2)
        channels[f"pool{stage}"] = inputs
    units, around = scaled(4096, width), fc6_padding(padding)
    for number, kernel in ((6, 7), (7, 1)):
        layers[f"fc{number}"] = Conv2d(inputs, units, kernel, padding=around)
        layers[f"relu{number}"] = ReLU()
        layers[f"drop{number}"] = Dropout(dropout)
        grid = grids[f"fc{number}"] = grid.after(kernel, 1, around)
        channels[f"fc{number}"] = inputs = units
        around = 0
    return layers, channels, grids


class FCN(Module):
    """VGG-16 as a map of scores, of the image's size.

    x (N, in_channels, H, W) -> (N, num_classes, H, W), H and W from 1

    stride: of the finest scores, a key of `TABLE`; dropout: the share of fc6's and fc7's values
    dropped in training; width: a factor for the number of channels of all layers but the scores.
    padding: the zeros around the image, P. At 100, as published, fc6 needs none of its own. With
    less it pads its input with as many as let the scores reach beyond the image: 3 if P is 1. An
    image of 64 pixels then costs a tenth.
    at_once: whether the poolings are scaled down before they are scored, for nets that learn all
    their scores together; otherwise each net starts from the next coarser one.

    Raises: ValueError for another stride, a padding below 1, or images of another shape.
    """

    def __init__(
        self,
        stride: int,
        num_classes: int = 21,
        in_channels: int = 3,
        dropout: float = 0.5,
        width: float = 1.0,
        padding: int = 100,
        at_once: bool = False,
    ):
        super().__init__()
        if stride not in TABLE:
            raise ValueError(f"FCN: stride={stride} must be one of {', '.join(map(str, TABLE))}")
        if padding < 1:
            raise ValueError(f"FCN: padding={padding} must be at least 1")
        self.in_channels, self.design = in_channels, TABLE[stride]
        self.factors = AT_ONCE if at_once else {}
        layers, channels, grids = trunk(in_channels, width, padding, dropout)
        layers["score_fr"] = Conv2d(channels["fc7"], num_classes, 1)
        self.order = tuple(layers)
        grid, self.offsets = grids["fc7"], []
        for upsampling, pool in self.design.skips:
            layers[upsampling] = BilinearUpsampling(num_classes, 2)
            layers[f"score_{pool}"] = Conv2d(channels[pool], num_classes, 1)
            grid = grid.upsampled(2)
            self.offsets.append(grids[pool].offset(grid))
            if self.offsets[-1] < 0:  # the sum begins where the pooling's map does
                grid = grids[pool]
        layers[self.design.last] = BilinearUpsampling(num_classes, stride)
        self.offsets.append(grid.upsampled(stride).offset(Grid()))
        for name, layer in layers.items():
            self.register_module(name, layer)
        draw_weights(self, init.kaiming_normal_)
        for name, layer in layers.items():
            if name.startswith("score"):
                init.zeros_(layer.weight)

    def forward(self, x: Tensor) -> Tensor:
        check_images("FCN", x, self.in_channels, 1)
        wanted, pooled = {pool for _, pool in self.design.skips}, {}
        y = x
        for name in self.order:
            y = getattr(self, name)(y)
            if name in wanted:
                pooled[name] = y * self.factors[name] if self.factors else y
        *offsets, last = self.offsets
        for (upsampling, pool), offset in zip(self.design.skips, offsets, strict=True):
            finer = getattr(self, f"score_{pool}")(pooled[pool])
            finer, y = overlap(finer, getattr(self, upsampling)(y), offset)
            y = y + finer
        return overlap(getattr(self, self.design.last)(y), x, last)[0]


def start_from(net: FCN, trained: vgg.VGG | FCN) -> None:
    """Start from a trained VGG-16, or from a trained FCN of coarser scores, as the papers do.

    Layers of the same name are copied, the linear fc6 and fc7 as convolutions, fc8 not at all. New
    layers that score stay at zero, so that a finer net begins with the outputs of the coarser one,
    upsampled in two steps.

    Raises: RuntimeError, with nothing copied, if layers are missing or have another shape.
    """
    theirs = vgg.layers_by_place(trained) if isinstance(trained, vgg.VGG) else named(trained)
    theirs.pop("fc8", None)
    ours = {name: layer for name, layer in named(net).items() if name in theirs}
    needed = {name for name in named(net) if not name.startswith("score")}
    misfits = {name for name in ours if ours[name].weight.shape[0] != len(theirs[name].weight)}
    misfits |= {name for name in ours if ours[name].weight.numel() != theirs[name].weight.numel()}
    misfits |= (needed | theirs.keys()) - ours.keys()
    if misfits:
        raise RuntimeError(
            f"start_from: {', '.join(sorted(misfits))} are not in both nets with the same shapes"
        )
    with no_grad():
        for name, layer in ours.items():
            layer.weight.copy_(theirs[name].weight.reshape(layer.weight.shape))
            bias = theirs[name].bias
            if layer.bias is not None and bias is not None:
                layer.bias.copy_(bias)


def named(net: FCN) -> dict[str, Conv2d]:
    """The layers that learn, by name."""
    return {name: layer for name, layer in net.named_children() if isinstance(layer, Conv2d)}


@register(params=134_346_581, macs=181_365_854_976, input_shape=(3, 500, 500), of_pixels=True)
def fcn32s(**settings: Any) -> FCN:
    """FCN-32s: scores for every 32nd pixel. Settings: see `FCN`."""
    return FCN(32, **settings)


@register(params=134_357_354, macs=181_448_086_272, input_shape=(3, 500, 500), of_pixels=True)
def fcn16s(**settings: Any) -> FCN:
    """FCN-16s: scores for every 16th pixel, pool4's added. Settings: see `FCN`."""
    return FCN(16, **settings)


@register(params=134_362_751, macs=181_529_034_048, input_shape=(3, 500, 500), of_pixels=True)
def fcn8s(**settings: Any) -> FCN:
    """FCN-8s: scores for every 8th pixel, pool4's and pool3's added. Settings: see `FCN`."""
    return FCN(8, **settings)

"""FCN: fully convolutional classifiers, which label every pixel of an image.

J. Long, E. Shelhamer, T. Darrell (2015), "Fully convolutional networks for semantic segmentation",
CVPR 2015, arXiv 1411.4038; E. Shelhamer, J. Long, T. Darrell (2017), the same in PAMI, arXiv
1605.06211. VGG-16's linear layers become convolutions, which give a score map for an image of any
size; transposed convolutions enlarge that map to the image. FCN-32s does so in one step; FCN-16s
and FCN-8s first add the scores of pool4 and pool3, whose maps are finer. On PASCAL VOC 2011 the
three reach a mean IoU of 63.6, 65.0 and 65.5 %.

Deviations from the papers
- None from the authors' nets for Caffe, which fix all upsampling to bilinear interpolation; the
  2015 paper trains all but the last one.
- The weights are initialised after He et al. (2015), unless they come from a trained net
  (`start_from`), as in the papers; the score layers start at zero, as there.

A score map is aligned with a finer one by the positions of their pixels in the image. `Grid`
computes these; with the papers' 100 pixels of zeros around the image the crop offsets equal the
authors': 19 for FCN-32s, 5 and 27 for 16s, 5, 9 and 31 for 8s. The layers also have the authors'
names.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from .. import nn
from ..autograd import no_grad
from ..tensor import Tensor
from . import vgg
from .blocks import check_images, draw_weights, scaled
from .registry import register


class Design(NamedTuple):
    """The steps from the coarsest scores to the image: (upsampling by 2, the pooling whose scores
    are added) in order, and the last upsampling.
    """

    skips: tuple[tuple[str, str], ...]
    last: str


#   stride of the finest scores                                                    2015, figure 3
TABLE = {
    32: Design((), "upscore"),
    16: Design((("upscore2", "pool4"),), "upscore16"),
    8: Design((("upscore2", "pool4"), ("upscore_pool4", "pool3")), "upscore8"),
}

# Scale factors of the poolings for training all scores at once: the authors' FCN-8s at-once.
AT_ONCE = {"pool4": 0.01, "pool3": 0.0001}


class Grid(NamedTuple):
    """The position of a map: the centre of index i is at pixel start + i * step of the image."""

    start: float = 0.0
    step: float = 1.0

    def after(self, kernel: int, stride: int = 1, padding: int = 0) -> Grid:
        """The grid of the output of a window that slides over this map."""
        middle = (kernel - 1) / 2 - padding
        return Grid(self.start + middle * self.step, self.step * stride)

    def upsampled(self, factor: int) -> Grid:
        """The grid of this map after `BilinearUpsampling`: the reverse of such a window."""
        step = self.step / factor
        return Grid(self.start - (2 * factor - 1) / 2 * step, step)

    def offset(self, other: Grid) -> int:
        """The index in this map at the position of index 0 of another map with the same step."""
        return round((other.start - self.start) / self.step)


def overlap(a: Tensor, b: Tensor, offset: int) -> tuple[Tensor, Tensor]:
    """Crop two maps to their overlap, with index `offset` of a at index 0 of b.

    a (N, C, H, W), b (N, C', H', W') -> (N, C, h, w), (N, C', h, w)
    """
    i, j = max(offset, 0), max(-offset, 0)
    h, w = (min(a.shape[axis] - i, b.shape[axis] - j) for axis in (2, 3))
    return a[:, :, i : i + h, i : i + w], b[:, :, j : j + h, j : j + w]


class BilinearUpsampling(nn.ConvTranspose2d):
    """Bilinear interpolation of every channel to `factor` times as many rows and columns.

    x (N, channels, H, W) -> y (N, channels, (H + 1) * factor, (W + 1) * factor)

    A transposed convolution whose weight is a buffer: stored, not trained. It has a kernel for each
    pair of channels, as the authors' does, all zero except from a channel to itself.
    """

    def __init__(self, channels: int, factor: int):
        super().__init__(channels, channels, 2 * factor, factor, bias=False)
        weight = self.weight.detach()
        del self.weight
        self.register_buffer("weight", weight)

    def reset_parameters(self) -> None:
        """Write the kernels of bilinear interpolation."""
        nn.init.bilinear_(self.weight)


def fc6_padding(padding: int) -> int:
    """The padding that fc6 needs if the image has `padding` zeros around it.

    With P zeros around the image and Q around pool5 the image begins at position P + 32 Q - 81 of
    FCN-32s' upsampled scores. From 16 on there are scores for images of all sizes.
    """
    return max(math.ceil((81 + 16 - padding) / 32), 0)


def trunk(
    in_channels: int, width: float, padding: int, dropout: float
) -> tuple[dict[str, nn.Module], dict[str, int], dict[str, Grid]]:
    """VGG-16's layers up to fc7, all as convolutions; channels and grids of the maps, by name."""
    layers: dict[str, nn.Module] = {}
    channels, grids, grid = {}, {}, Grid()
    inputs = in_channels
    for stage, (kernels, wanted) in enumerate(zip(vgg.TABLE["D"], vgg.CHANNELS, strict=True), 1):
        for number, kernel in enumerate(kernels, 1):
            around = padding if not layers else 1
            outputs = scaled(wanted, width)
            layers[f"conv{stage}_{number}"] = nn.Conv2d(inputs, outputs, kernel, padding=around)
            layers[f"relu{stage}_{number}"] = nn.ReLU()
            grid, inputs = grid.after(kernel, 1, around), outputs
        layers[f"pool{stage}"] = nn.MaxPool2d(2, ceil_mode=True)
        grid = grids[f"pool{stage}"] = grid.after(2, 2)
        channels[f"pool{stage}"] = inputs
    units, around = scaled(4096, width), fc6_padding(padding)
    for number, kernel in ((6, 7), (7, 1)):
        layers[f"fc{number}"] = nn.Conv2d(inputs, units, kernel, padding=around)
        layers[f"relu{number}"] = nn.ReLU()
        layers[f"drop{number}"] = nn.Dropout(dropout)
        grid = grids[f"fc{number}"] = grid.after(kernel, 1, around)
        channels[f"fc{number}"] = inputs = units
        around = 0
    return layers, channels, grids


class FCN(nn.Module):
    """VGG-16 with a score map of the image's size.

    x (N, in_channels, H, W) -> (N, num_classes, H, W), H and W from 1

    stride: of the finest scores, a key of `TABLE`; dropout: the fraction of fc6's and fc7's values
    dropped in training; width: a factor for the channels of all layers except the scores.
    padding: the zeros around the image, P. At 100, as published, fc6 needs no padding. With less it
    pads its input just enough for the scores to extend beyond the image: 3 if P is 1. An image of
    64 pixels then costs a tenth.
    at_once: whether the poolings are scaled down before scoring, for nets that train all their
    scores together; otherwise each net starts from the next coarser one.

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
        layers["score_fr"] = nn.Conv2d(channels["fc7"], num_classes, 1)
        self.order = tuple(layers)
        grid, self.offsets = grids["fc7"], []
        for upsampling, pool in self.design.skips:
            layers[upsampling] = BilinearUpsampling(num_classes, 2)
            layers[f"score_{pool}"] = nn.Conv2d(channels[pool], num_classes, 1)
            grid = grid.upsampled(2)
            self.offsets.append(grids[pool].offset(grid))
            if self.offsets[-1] < 0:  # the sum begins where the pooling's map begins
                grid = grids[pool]
        layers[self.design.last] = BilinearUpsampling(num_classes, stride)
        self.offsets.append(grid.upsampled(stride).offset(Grid()))
        for name, layer in layers.items():
            self.register_module(name, layer)
        draw_weights(self, nn.init.kaiming_normal_)
        for name, layer in layers.items():
            if name.startswith("score"):
                nn.init.zeros_(layer.weight)

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
    """Start from a trained VGG-16, or from a trained FCN of coarser scores, as in the papers.

    Layers of the same name are copied, the linear fc6 and fc7 as convolutions, except fc8. New
    score layers stay at zero, so that a finer net begins with the outputs of the coarser one,
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


def named(net: FCN) -> dict[str, nn.Conv2d]:
    """The trainable layers, by name."""
    return {name: layer for name, layer in net.named_children() if isinstance(layer, nn.Conv2d)}


@register(params=134_346_581, macs=181_365_854_976, input_shape=(3, 500, 500), of_pixels=True)
def fcn32s(**settings: Any) -> FCN:
    """FCN-32s: scores for every 32nd pixel. Settings: see `FCN`."""
    return FCN(32, **settings)


@register(params=134_357_354, macs=181_448_086_272, input_shape=(3, 500, 500), of_pixels=True)
def fcn16s(**settings: Any) -> FCN:
    """FCN-16s: scores for every 16th pixel, with those of pool4. Settings: see `FCN`."""
    return FCN(16, **settings)


@register(params=134_362_751, macs=181_529_034_048, input_shape=(3, 500, 500), of_pixels=True)
def fcn8s(**settings: Any) -> FCN:
    """FCN-8s: scores for every 8th pixel, with those of pool4 and pool3. Settings: see `FCN`."""
    return FCN(8, **settings)

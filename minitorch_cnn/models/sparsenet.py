"""SparseNet: DenseNets whose layers receive the maps 1, 2, 4, 8, ... layers before them.

L. Zhu, R. Deng, M. Maire, Z. Deng, G. Mori, P. Tan (2018), "Sparsely aggregated convolutional
networks", ECCV 2018, arXiv 1801.05895. In a DenseNet the l-th layer of a block receives l maps, so
parameters grow quadratically with the depth, and most weights of old maps end up near zero. Here it
receives about log2(l) maps, and a gradient still passes at most about log2(l) layers on its way
back.

Deviations from the paper
- None in the CIFAR nets, whose blocks and first convolutions are those of the DenseNets.
- The ImageNet nets have the blocks of the DenseNets of their names; no weights were published.

Maps are concatenated newest first. The block's output selects its maps in the same way.
"""

from __future__ import annotations

from typing import Any

from .densenet import TABLE, DenseNet, Design, cifar
from .registry import register


def powers_of_two(count: int) -> list[int]:
    """Of `count` maps, the oldest first, those at offsets 1, 2, 4, ... back from the next."""
    return [count - 2**i for i in range(count.bit_length())]


class SparseNet(DenseNet):
    """The net of a DenseNet's design with sparse connections.

    x (N, in_channels, H, W) -> logits (N, num_classes). Settings and errors: as of `DenseNet`.
    """

    def __init__(
        self,
        design: Design,
        num_classes: int = 1000,
        in_channels: int = 3,
        dropout: float = 0.0,
        memory_efficient: bool = False,
        width: float = 1.0,
    ):
        super().__init__(
            design, num_classes, in_channels, dropout, memory_efficient, width, powers_of_two
        )


@register(params=3_250_824, macs=1_819_742_464)
def sparsenet121(**settings: Any) -> SparseNet:
    """SparseNet-121, k = 32. Settings: see `SparseNet`."""
    return SparseNet(TABLE[121], **settings)


@register(params=4_709_864, macs=1_958_460_928)
def sparsenet169(**settings: Any) -> SparseNet:
    """SparseNet-169, k = 32. Settings: see `SparseNet`."""
    return SparseNet(TABLE[169], **settings)


@register(params=5_703_144, macs=2_151_136_768)
def sparsenet201(**settings: Any) -> SparseNet:
    """SparseNet-201, k = 32. Settings: see `SparseNet`."""
    return SparseNet(TABLE[201], **settings)


@register(params=7_717_224, macs=2_395_493_888)
def sparsenet264(**settings: Any) -> SparseNet:
    """SparseNet-264, k = 32. Settings: see `SparseNet`."""
    return SparseNet(TABLE[264], **settings)


@register(params=9_853_288, macs=4_374_282_624)
def sparsenet161(**settings: Any) -> SparseNet:
    """SparseNet-161, k = 48. Settings: see `SparseNet`."""
    return SparseNet(TABLE[161], **settings)


@register(params=719_754, macs=282_858_432, input_shape=(3, 32, 32))
def sparsenet40_k24_cifar(num_classes: int = 10, **settings: Any) -> SparseNet:
    """SparseNet, 40 layers, k = 24, for 32 x 32. Settings: see `SparseNet`."""
    return SparseNet(cifar(40, 24), num_classes, **settings)


@register(params=2_466_634, macs=1_006_720_416, input_shape=(3, 32, 32))
def sparsenet100_k24_cifar(num_classes: int = 10, **settings: Any) -> SparseNet:
    """SparseNet, 100 layers, k = 24, for 32 x 32. Settings: see `SparseNet`."""
    return SparseNet(cifar(100, 24), num_classes, **settings)


@register(params=5_515_330, macs=2_248_641_648, input_shape=(3, 32, 32))
def sparsenet100_k36_cifar(num_classes: int = 10, **settings: Any) -> SparseNet:
    """SparseNet, 100 layers, k = 36, for 32 x 32. Settings: see `SparseNet`."""
    return SparseNet(cifar(100, 36), num_classes, **settings)


@register(params=1_450_234, macs=640_992_432, input_shape=(3, 32, 32))
def sparsenet_bc100_k24_cifar(num_classes: int = 10, **settings: Any) -> SparseNet:
    """SparseNet-BC, 100 layers, k = 24, for 32 x 32. Settings: see `SparseNet`."""
    return SparseNet(cifar(100, 24, bottleneck=True), num_classes, **settings)

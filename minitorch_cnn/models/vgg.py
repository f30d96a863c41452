"""VGG: deep stacks of 3 x 3 convolutions.

K. Simonyan, A. Zisserman (2015), "Very deep convolutional networks for large-scale image
recognition", ICLR 2015, arXiv 1409.1556. Two 3 x 3 convolutions cover 5 x 5 pixels, three cover
7 x 7 with 27 C^2 weights instead of 49 C^2, and a ReLU after each. From net A (11 weight layers)
to nets D (16) and E (19) the top-5 error falls from 10.4 to 8.8 and 9.0 %; response normalisation
(A-LRN) does not help, 1 x 1 convolutions (C) help less than 3 x 3 (D), and a 5 x 5 for each pair of
3 x 3 (`vgg13_5x5`) hurts. D, "VGG-16", has 138 million parameters, 124 of them in the linear
layers, and takes 15.5 G multiply-adds.

Deviations from the paper
- Convolutions are initialised after He et al. (2015), linear layers from N(0, 0.01^2); the paper
  used N(0, 0.1^2) and started nets B to E from a trained net A, as `copy_from_net_a` does.
- Images of sizes other than 224 are averaged to 7 x 7 before fc6. The paper applies the linear
  layers convolutionally to larger ones, as `fully_convolutional` does.
- Nets with batch norm are more recent (torchvision's); their convolutions keep their biases.
- So is `se_vgg16_bn` (J. Hu et al. (2018), "Squeeze-and-excitation networks", CVPR 2018), whose
  gates follow the ReLU of every convolution, as in that paper.
"""

from __future__ import annotations

from typing import Any

from .. import nn
from ..tensor import Tensor
from .alexnet import response_norm
from .blocks import (
    SqueezeExcitation,
    check_images,
    draw_normal,
    draw_weights,
    scaled,
    smallest_image,
)
from .preprocessing import IMAGENET
from .registry import register

CHANNELS = (64, 128, 256, 512, 512)
# The kernels of the convolutions of each stage; a stage ends in 2 x 2 pooling.           Table 1
TABLE = {
    #     64      128     256           512           512
    "A": ((3,),   (3,),   (3, 3),       (3, 3),       (3, 3)),
    "B": ((3, 3), (3, 3), (3, 3),       (3, 3),       (3, 3)),
    "B5": ((5,),  (5,),   (5,),         (5,),          (5,)),  # section 4.1
    "C": ((3, 3), (3, 3), (3, 3, 1),    (3, 3, 1),    (3, 3, 1)),
    "D": ((3, 3), (3, 3), (3, 3, 3),    (3, 3, 3),    (3, 3, 3)),
    "E": ((3, 3), (3, 3), (3, 3, 3, 3), (3, 3, 3, 3), (3, 3, 3, 3)),
}  # fmt: skip

# The layers that nets B to E copy from a trained net A: four convolutions, linear ones. Section 3.1
FROM_NET_A = ("conv1_1", "conv2_1", "conv3_1", "conv3_2", "fc6", "fc7", "fc8")


class VGG(nn.Module):
    """Five stages of convolutions, three linear layers.

    x (N, in_channels, H, W) -> (N, num_classes)

    net: a column of `TABLE`; norm: None, "batch" after every convolution, or "response" after the
    first one's ReLU; dropout: the fraction of units of fc6 and fc7 dropped in training; width: a
    factor for the channels and units of all layers; gated: whether a gate, with one unit per 16
    channels of the full net, follows the ReLU of each convolution.

    Raises: ValueError for images of less than 32 pixels.
    """

    def __init__(
        self,
        net: str,
        norm: str | None = None,
        num_classes: int = 1000,
        in_channels: int = 3,
        dropout: float = 0.5,
        width: float = 1.0,
        gated: bool = False,
    ):
        super().__init__()
        self.in_channels = in_channels
        channels, units, layers = in_channels, scaled(4096, width), []
        for kernels, wanted in zip(TABLE[net], CHANNELS, strict=True):
            for kernel in kernels:
                inputs, channels = channels, scaled(wanted, width)
                layers.append(nn.Conv2d(inputs, channels, kernel, padding=kernel // 2))
                if norm == "batch":
                    layers.append(nn.BatchNorm2d(channels))
                layers.append(nn.ReLU())
                if gated:
                    layers.append(SqueezeExcitation(channels, wanted // 16))
                if norm == "response" and len(layers) == 2:
                    layers.append(response_norm())
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)  # (N, 512, 7, 7)
        self.smallest = smallest_image(self.features)
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(channels * 7 * 7, units),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(units, units),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(units, num_classes),
        )
        draw_normal(self.classifier, 0.01, width)
        for layer in self.features:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
            elif isinstance(layer, SqueezeExcitation):
                draw_weights(layer, nn.init.kaiming_normal_)

    def forward(self, x: Tensor) -> Tensor:
        check_images("VGG", x, self.in_channels, self.smallest)
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def layers_by_place(net: VGG) -> dict[str, nn.Module]:
    """The layers with weights by position: conv1_1, conv1_2, conv2_1, ..., fc6, fc7, fc8; batch
    norms as norm1_1, ...
    """
    places, stage, number = {}, 1, 0
    for layer in net.features:
        if isinstance(layer, nn.Conv2d):
            number += 1
            places[f"conv{stage}_{number}"] = layer
        elif isinstance(layer, nn.BatchNorm2d):
            places[f"norm{stage}_{number}"] = layer
        elif isinstance(layer, nn.MaxPool2d):
            stage, number = stage + 1, 0
    linear = [layer for layer in net.classifier if isinstance(layer, nn.Linear)]
    return {**places, **dict(zip(("fc6", "fc7", "fc8"), linear, strict=True))}


def copy_from_net_a(net: VGG, trained: VGG) -> None:
    """Start a deeper net from a trained net A, as the paper did (section 3.1).

    The layers of `FROM_NET_A` are copied, with the batch norms after them if both nets have them;
    the others keep their initialisation. The copies remain trainable.

    Raises: RuntimeError, with nothing copied, if a layer of that place has another shape.
    """
    ours, theirs = layers_by_place(net), layers_by_place(trained)
    names = [*FROM_NET_A, *(name.replace("conv", "norm") for name in FROM_NET_A[:4])]
    names = [name for name in names if name in ours and name in theirs]
    misfits = [name for name in names if ours[name].weight.shape != theirs[name].weight.shape]
    if misfits:
        raise RuntimeError(f"copy_from_net_a: the shapes of {', '.join(misfits)} differ")
    for name in names:
        ours[name].load_state_dict(theirs[name].state_dict())


def fully_convolutional(net: nn.Module) -> nn.Sequential:
    """Convert the linear layers of a net to convolutions, for a score map (section 3.2).

    x (N, in_channels, H, W), with features of k x k or more -> y (N, num_classes, h, w)

    net: VGG, AlexNet, ZFNet or another net of `features`, `avgpool` (adaptive, to k x k) and
    `classifier` (a Sequential with linear layers). The first linear layer becomes a k x k
    convolution, the others become 1 x 1. A VGG has one position in an image of 224, with the
    scores of `net`; a larger one is evaluated in steps of 32 pixels, in one pass. The weights are
    those of `net`, in the same memory and under the same names. `mt.training.dense_form` converts
    any classifier.

    Raises: ValueError for a net of another form.
    """
    parts = ("features", "avgpool", "classifier")
    found: list[Any] = [getattr(net, name, None) for name in parts]
    features, pool, head = found
    fits = isinstance(pool, nn.AdaptiveAvgPool2d) and isinstance(head, nn.Sequential)
    if not fits or features is None or not any(isinstance(m, nn.Linear) for m in head):
        raise ValueError(
            f"fully_convolutional: net={type(net).__name__} must have features, avgpool and a "
            "classifier with linear layers; mt.training.dense_form(net, image_shape) converts "
            "other nets"
        )
    size = pool.output_size
    layers, kernel = [], size if isinstance(size, tuple) else (size, size)
    for layer in head:
        if isinstance(layer, nn.Linear):
            layer, kernel = _as_convolution(layer, kernel), (1, 1)
        layers.append(layer)
    dense = nn.Sequential({"features": features, "classifier": nn.Sequential(*layers)})
    return dense.train(net.training)


def _as_convolution(linear: nn.Linear, kernel: tuple[int, int]) -> nn.Conv2d:
    """weight (O, C*K*L) -> (O, C, K, L): the same layer, applied at every position of its input."""
    channels = linear.in_features // (kernel[0] * kernel[1])
    with nn.shapes_only():
        conv = nn.Conv2d(channels, linear.out_features, kernel, bias=linear.bias is not None)
    conv.weight = nn.Parameter(linear.weight.detach().reshape(conv.weight.shape))
    conv.bias = linear.bias
    return conv


@register(params=132_863_336, macs=7_609_090_048, preprocessing=IMAGENET)
def vgg11(**settings: Any) -> VGG:
    """Net A: 8 convolutions and 3 linear layers. Settings: see `VGG`."""
    return VGG("A", **settings)


@register(params=132_863_336, macs=7_609_090_048)
def vgg11_lrn(**settings: Any) -> VGG:
    """Net A-LRN: response normalisation after the first convolution. Settings: see `VGG`."""
    return VGG("A", "response", **settings)


@register(params=132_868_840, macs=7_609_090_048, preprocessing=IMAGENET)
def vgg11_bn(**settings: Any) -> VGG:
    """Net A with batch norm. Settings: see `VGG`."""
    return VGG("A", "batch", **settings)


@register(params=133_047_848, macs=11_308_466_176, preprocessing=IMAGENET)
def vgg13(**settings: Any) -> VGG:
    """Net B: 10 convolutions and 3 linear layers. Settings: see `VGG`."""
    return VGG("B", **settings)


@register(params=133_053_736, macs=11_308_466_176, preprocessing=IMAGENET)
def vgg13_bn(**settings: Any) -> VGG:
    """Net B with batch norm. Settings: see `VGG`."""
    return VGG("B", "batch", **settings)


@register(params=134_503_528, macs=9_356_017_664)
def vgg13_5x5(**settings: Any) -> VGG:
    """Net B with a 5 x 5 convolution for each pair of 3 x 3: the shallow net of section 4.1.

    Its top-1 error is 7 % above that of net B. Settings: see `VGG`.
    """
    return VGG("B5", **settings)


@register(params=133_638_952, macs=11_770_888_192)
def vgg16_1x1(**settings: Any) -> VGG:
    """Net C: net B and a 1 x 1 convolution in stages 3 to 5. Settings: see `VGG`."""
    return VGG("C", **settings)


@register(params=133_647_400, macs=11_770_888_192)
def vgg16_1x1_bn(**settings: Any) -> VGG:
    """Net C with batch norm. Settings: see `VGG`."""
    return VGG("C", "batch", **settings)


@register(params=138_357_544, macs=15_470_264_320, preprocessing=IMAGENET)
def vgg16(**settings: Any) -> VGG:
    """Net D, VGG-16: 13 convolutions and 3 linear layers. Settings: see `VGG`."""
    return VGG("D", **settings)


@register(params=138_365_992, macs=15_470_264_320, preprocessing=IMAGENET)
def vgg16_bn(**settings: Any) -> VGG:
    """Net D with batch norm. Settings: see `VGG`."""
    return VGG("D", "batch", **settings)


@register(params=143_667_240, macs=19_632_062_464, preprocessing=IMAGENET)
def vgg19(**settings: Any) -> VGG:
    """Net E, VGG-19: 16 convolutions and 3 linear layers. Settings: see `VGG`."""
    return VGG("E", **settings)


@register(params=143_678_248, macs=19_632_062_464, preprocessing=IMAGENET)
def vgg19_bn(**settings: Any) -> VGG:
    """Net E with batch norm. Settings: see `VGG`."""
    return VGG("E", "batch", **settings)


@register(params=138_596_784, macs=15_470_490_624)
def se_vgg16_bn(**settings: Any) -> VGG:
    """Net D with batch norm and squeeze-and-excitation gates. Settings: see `VGG`."""
    return VGG("D", "batch", gated=True, **settings)

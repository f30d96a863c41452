"""The default recipe of each model: its paper's, and one for small data.

`recipe(name)` is the paper's, for thousands of photographs; `recipe(name, small=True)` trains the
same net on a few thousand small images in minutes, and differs in everything but the model.
"""

from __future__ import annotations

from dataclasses import replace

from ...models import model_entry
from .images import DISTORTED, LENET_INPUT
from .mobile import GHOST_VGG, GHOSTNET, MOBILENET_V1, MOBILENET_V2, SHUFFLENET, SQUEEZENET
from .plain import (
    ALEXNET,
    BN_INCEPTION,
    FCN_8S,
    FCN_16S,
    FCN_32S,
    GOOGLENET,
    HIGHWAY_CIFAR,
    HIGHWAY_MNIST,
    INCEPTION_V2,
    INCEPTION_V3,
    INCEPTION_V4,
    NASNET_CIFAR,
    NASNET_LARGE,
    NASNET_MOBILE,
    NIN_CIFAR,
    VGG_A,
    VGG_DEEP,
    XCEPTION,
    ZFNET,
)
from .residual import (
    DENSENET,
    DENSENET_CIFAR,
    DIRACNET,
    DIRACNET_CIFAR,
    RESNET,
    RESNET_CIFAR,
    RESNET_CIFAR_DEEP,
    RESNEXT,
    SENET,
    STOCHASTIC_DEPTH,
    WIDE_RESNET,
)
from .training_recipe import Recipe

# For users' own nets, whose needs are unknown: AdamW's rate and weight decay from its paper, the
# rate along a cosine to zero, and no randomness except the order of images.
OWN = Recipe(
    epochs=20,
    batch_size=32,
    optimizer="AdamW",
    settings={"lr": 0.001, "weight_decay": 0.01},
    schedule={"name": "cosine"},
)

RECIPES = {
    "lenet5": Recipe(
        epochs=40,
        batch_size=16,
        settings={"lr": 0.003, "momentum": 0.9},
        average=0.995,
        clip_norm=5.0,
        **DISTORTED,
        **LENET_INPUT,
    ),
    "lenet5_relu": Recipe(
        epochs=20,
        batch_size=16,
        settings={"lr": 0.02, "momentum": 0.9, "weight_decay": 5e-4},
        **DISTORTED,
        **LENET_INPUT,
    ),
    "alexnet": ALEXNET,
    "alexnet_two_tower": ALEXNET,
    "zfnet": ZFNET,
    "zfnet_b": ZFNET,
    "nin_cifar": NIN_CIFAR,
    "nin_imagenet": replace(ALEXNET, lighting=0.0),  # the paper does not mention it
    **dict.fromkeys(("vgg11", "vgg11_lrn", "vgg11_bn", "vgg13_bn", "vgg13_5x5"), VGG_A),
    "vgg13": replace(VGG_A, pretrain="vgg11"),
    **dict.fromkeys(("vgg16_1x1", "vgg16", "vgg19"), replace(VGG_DEEP, pretrain="vgg11")),
    **dict.fromkeys(("vgg16_1x1_bn", "vgg16_bn", "vgg19_bn"), VGG_DEEP),
    **dict.fromkeys(("googlenet", "googlenet_bn", "googlenet_torchvision"), GOOGLENET),
    **dict.fromkeys(("bn_inception", "inception_v2_slim"), BN_INCEPTION),
    "inception_v2": INCEPTION_V2,
    "inception_v3": INCEPTION_V3,
    **dict.fromkeys(("inception_v4", "inception_resnet_v1", "inception_resnet_v2"), INCEPTION_V4),
    "fcn32s": FCN_32S,
    "fcn16s": FCN_16S,
    "fcn8s": FCN_8S,
    "genetic_cnn": VGG_A,  # the paper leaves its training on ImageNet open
    **dict.fromkeys(("plain18", "plain34", "resnet18", "resnet34"), RESNET),
    **dict.fromkeys(
        (f"resnet{n}{form}" for n in (50, 101, 152, 200) for form in ("", "_v1")), RESNET
    ),
    **dict.fromkeys((f"preact_resnet{n}" for n in (50, 101, 152, 200)), RESNET),
    **dict.fromkeys(("wide_resnet50_2", "wide_resnet101_2"), RESNET),
    **dict.fromkeys(
        (f"{kind}{n}_cifar" for kind in ("plain", "resnet") for n in (20, 32, 44, 56)), RESNET_CIFAR
    ),
    **dict.fromkeys(("plain110_cifar", "resnet110_cifar", "resnet1202_cifar"), RESNET_CIFAR_DEEP),
    **dict.fromkeys((f"preact_resnet{n}_cifar" for n in (110, 164, 1001)), RESNET_CIFAR_DEEP),
    **dict.fromkeys((f"wrn_16_{k}" for k in (4, 8, 10)), WIDE_RESNET),
    **dict.fromkeys((f"wrn_40_{k}" for k in (4, 8, 10)), WIDE_RESNET),
    **dict.fromkeys(("wrn_22_8", "wrn_28_10", "wrn_58_4"), WIDE_RESNET),
    **dict.fromkeys((f"densenet{n}" for n in (121, 161, 169, 201, 264)), DENSENET),
    **dict.fromkeys((f"sparsenet{n}" for n in (121, 161, 169, 201, 264)), DENSENET),
    **dict.fromkeys(
        (f"densenet{kind}_cifar" for kind in ("40_k12", "100_k12", "100_k24")), DENSENET_CIFAR
    ),
    **dict.fromkeys(
        (f"densenet_bc{kind}_cifar" for kind in ("100_k12", "190_k40", "250_k24")), DENSENET_CIFAR
    ),
    **dict.fromkeys(
        (f"sparsenet{kind}_cifar" for kind in ("40_k24", "100_k24", "100_k36")), DENSENET_CIFAR
    ),
    "sparsenet_bc100_k24_cifar": DENSENET_CIFAR,
    **dict.fromkeys((f"se_resnet{n}" for n in (50, 101, 152)), SENET),
    **dict.fromkeys(("se_resnext50_32x4d", "se_resnext101_32x4d", "senet154"), SENET),
    **dict.fromkeys(("se_vgg16_bn", "se_bn_inception", "se_inception_resnet_v2"), SENET),
    **dict.fromkeys((f"stochastic_depth_resnet{n}_cifar" for n in (110, 1202)), STOCHASTIC_DEPTH),
    **dict.fromkeys(("ror3_110_cifar", "ror3_164_cifar", "pre_ror3_164_cifar"), STOCHASTIC_DEPTH),
    **dict.fromkeys(("ror3_wrn40_4_cifar", "ror3_wrn58_4_cifar"), STOCHASTIC_DEPTH),
    **dict.fromkeys(
        (
            f"resnext{depth}_{form}d"
            for depth in (50, 101)
            for form in ("1x64", "2x40", "4x24", "8x14", "32x4")
        ),
        RESNEXT,
    ),
    "resnext101_64x4d": RESNEXT,
    **dict.fromkeys(("diracnet18", "diracnet34"), DIRACNET),
    **dict.fromkeys(
        (f"diracnet{size}_cifar" for size in ("28_5", "28_10", "34_2")), DIRACNET_CIFAR
    ),
    **dict.fromkeys(("highway_mnist_16", "highway_mnist_32"), HIGHWAY_MNIST),
    **dict.fromkeys((f"highway_{letter}_cifar" for letter in "abc"), HIGHWAY_CIFAR),
    **dict.fromkeys(("squeezenet1_0", "squeezenet1_1"), SQUEEZENET),
    **dict.fromkeys(
        ("mobilenet_v1_100", "mobilenet_v1_075", "mobilenet_v1_050", "mobilenet_v1_025"),
        MOBILENET_V1,
    ),
    **dict.fromkeys(
        (
            "mobilenet_v2",
            "mobilenet_v2_035",
            "mobilenet_v2_050",
            "mobilenet_v2_075",
            "mobilenet_v2_140",
        ),
        MOBILENET_V2,
    ),
    **dict.fromkeys(
        (
            *(f"shufflenet_v1_g{groups}" for groups in (1, 2, 3, 4, 8)),
            *(f"shufflenet_v2_{width}" for width in ("x0_5", "x1_0", "x1_5", "x2_0")),
        ),
        SHUFFLENET,
    ),
    "xception": XCEPTION,
    "nasnet_a_mobile": NASNET_MOBILE,
    "nasnet_a_large": NASNET_LARGE,
    "nasnet": NASNET_CIFAR,
    **dict.fromkeys(("ghostnet_050", "ghostnet_100", "ghostnet_130"), GHOSTNET),
    **dict.fromkeys(("vgg16_cifar", "ghost_vgg16_cifar"), GHOST_VGG),
    "ghost_resnet56_cifar": RESNET_CIFAR,
}

# For a few thousand small images: AdamW instead of SGD or RMSProp, few epochs, no randomness except
# the order, no auxiliary heads (their pooling requires large maps), and He's weights, with which
# images of unit variance train from the first step; with N(0, 0.01) the loss long stays constant.
# Full batches only: 1,442 digits in batches of 32 leave two over, and googlenet_bn (an eighth wide,
# 32 pixels) reaches 83 % after six epochs, but 57 % with such a batch in each of them.
SMALL = Recipe(
    epochs=5,
    batch_size=32,
    drop_last=True,
    optimizer="AdamW",
    settings={"lr": 0.002, "weight_decay": 5e-4},
    init="kaiming",
)
SMALL_RECIPES = {
    **{name: RECIPES[name] for name in ("lenet5", "lenet5_relu")},
    # Smaller batches suffice, because an image has thousands of labels.
    **{
        name: replace(SMALL, epochs=6, batch_size=8, pretrain=RECIPES[name].pretrain)
        for name in ("fcn32s", "fcn16s", "fcn8s")
    },
    # Their gates start almost closed.
    **{name: replace(SMALL, init=None) for name in RECIPES if name.startswith("highway")},
    # At half the rate a class whose ReLU is above zero for no image often stays unlearned.
    "nin_cifar": replace(SMALL, settings={"lr": 0.004, "weight_decay": 5e-4}),
    # Deep without shortcuts, it barely trains at that rate; batch norm allows a larger one.
    "inception_v4": replace(SMALL, settings={"lr": 0.01, "weight_decay": 5e-4}),
}


def recipe(model: str, small: bool = False) -> Recipe:
    """Find the recipe of a registered model, or the general one; small=True is for small data.

    LeNet's paper is about small images: its recipe is both. A user's own net, registered or
    "FILE.py:NAME", has the recipe OWN.

    Raises: as `model_entry`.
    """
    if model_entry(model).own:
        return OWN
    own = RECIPES.get(model, Recipe())
    return SMALL_RECIPES.get(model, replace(SMALL, pretrain=own.pretrain)) if small else own

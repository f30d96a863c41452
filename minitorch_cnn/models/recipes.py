"""How each model is trained when nobody says otherwise: its paper's recipe, and a small one.

`recipe(name)` is for photographs by the thousand, as the paper has them; `recipe(name, small=True)`
lets the same net learn some thousand small images in minutes, and differs in all but the model.
"""

from __future__ import annotations

from dataclasses import replace

from .registry import model_entry
from .training_recipe import Recipe

# Background -0.1 and ink 1.175, so that the inputs of a page have mean 0 and variance 1 or so
# (LeCun et al. 1998, section II.B): (x - mean) / std = 1.275 x - 0.1.
LENET_INPUT = {"mean": (0.1 / 1.275,), "std": (1 / 1.275,)}

# The paper's training images were distorted too: moved, scaled and squeezed (section III).
DISTORTED = {"content": 24, "border": 2, "area": (0.65, 1.0), "ratio": (0.85, 1 / 0.85)}

# The mean and standard deviation of ImageNet's pixels; the papers up to VGG take off the mean only,
# and N(0, 0.01) weights are for pixels from 0 to 255.
UNIT = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
PIXELS = {"mean": (0.485, 0.456, 0.406), "std": (1 / 255, 1 / 255, 1 / 255)}
CROP_OF_256 = {"scales": (256 / 224, 256 / 224), "flip": True}

# Section 5: the rate is divided by 10 when the validation error stands still, three times in 90
# epochs; at equal distances here.
ALEXNET = Recipe(
    epochs=90,
    batch_size=128,
    settings={"lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4},
    schedule={"name": "step", "every": 23, "factor": 0.1},
    lighting=0.1,
    **CROP_OF_256,
    **PIXELS,
)

# Zeiler and Fergus 2013, section 3: 70 epochs, the rate lowered by hand (here twice, by 10). The
# weight decay, which it leaves open, is AlexNet's.
ZFNET = replace(
    ALEXNET, epochs=70, lighting=0.0, schedule={"name": "step", "every": 24, "factor": 0.1}
)

# Lin et al. 2013, section 4: batches of 128, the rate divided by 10 twice when learning stands
# still. Rate, weight decay and number of epochs are open there; the whitening is left out.
NIN_CIFAR = Recipe(
    epochs=210,
    batch_size=128,
    settings={"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4},
    schedule={"name": "step", "every": 70, "factor": 0.1},
    border=4,
    flip=True,
    **UNIT,
)

# Section 3.1: three divisions by 10 in 74 epochs, when the validation error stands still (here at
# equal distances), S = 256 or from 256 to 512. Images have unit variance, as the weights ask for.
VGG_A = replace(
    ALEXNET,
    epochs=74,
    batch_size=256,
    schedule={"name": "step", "every": 19, "factor": 0.1},
    **UNIT,
)
VGG_DEEP = replace(VGG_A, scales=(256 / 224, 512 / 224))

# What all of the Inception line do to images; held-out ones are cut from the middle 7/8.
INCEPTION_CROP = {"scales": (8 / 7, 8 / 7), "area": (0.08, 1.0), "flip": True, **UNIT}

# Szegedy et al. 2014, section 6: momentum 0.9, auxiliary losses 0.3. The paper lowers the rate by
# 4 % every 8 epochs and leaves the rest open; rate, weight decay, batches of 32, 60 epochs and the
# polynomial schedule are those of Caffe's model.
GOOGLENET = Recipe(
    epochs=60,
    batch_size=32,
    settings={"lr": 0.01, "momentum": 0.9, "weight_decay": 2e-4},
    schedule={"name": "polynomial", "power": 0.5},
    auxiliary=0.3,
    **INCEPTION_CROP,
)

# Ioffe and Szegedy 2015, section 4.2: batches of 32, the rate times 5 (BN-x5: 0.0075), a fifth of
# the L2 weight, a faster decay; its numbers of epochs are open.
BN_INCEPTION = replace(
    GOOGLENET,
    epochs=20,
    settings={"lr": 0.0075, "momentum": 0.9, "weight_decay": 4e-5},
    schedule={"name": "step", "every": 1, "factor": 0.8},
    auxiliary=0.0,
)

# Szegedy et al. 2015 ("Rethinking"), section 8: RMSProp with decay 0.9 and eps 1, 0.045 times 0.94
# every two epochs, gradients of at most 2, averaged weights (their decay and the L2 weight are
# open). The 50 batches of 32 that its replicas learn at once are one batch of 32 here.
INCEPTION_V2 = Recipe(
    epochs=100,
    batch_size=32,
    optimizer="RMSprop",
    settings={"lr": 0.045, "alpha": 0.9, "eps": 1.0, "weight_decay": 4e-5},
    schedule={"name": "step", "every": 2, "factor": 0.94},
    average=0.9999,
    clip_norm=2.0,
    **INCEPTION_CROP,
)
# Section 7 and section 4; the weight of the auxiliary loss is GoogLeNet's.
INCEPTION_V3 = replace(INCEPTION_V2, label_smoothing=0.1, auxiliary=0.3)
# Szegedy et al. 2016, section 4: as before, without a word on clipping.
INCEPTION_V4 = replace(INCEPTION_V2, clip_norm=None, label_smoothing=0.1)

# Iandola et al. 2016: the rate falls linearly from 0.04 (section 3.3). The rest is that of the
# authors' model for Caffe: 170,000 batches of 512 are 68 epochs.
SQUEEZENET = Recipe(
    epochs=68,
    batch_size=512,
    settings={"lr": 0.04, "momentum": 0.9, "weight_decay": 2e-4},
    schedule={"name": "polynomial", "power": 1.0},
    **CROP_OF_256,
    **UNIT,
)

# Howard et al. 2017, section 3.2: as Inception-v3, with less regularisation: no auxiliary head, no
# smoothed labels, no very small pieces (a quarter of the area at least; the paper has no number),
# and very little weight decay on depthwise filters, as this is for all.
MOBILENET_V1 = replace(INCEPTION_V2, area=(0.25, 1.0))

# Sandler et al. 2018, section 6.1: RMSProp with decay and momentum 0.9, 0.045 times 0.98 every
# epoch, batches of 96. The number of epochs is open.
MOBILENET_V2 = Recipe(
    epochs=200,
    batch_size=96,
    optimizer="RMSprop",
    settings={"lr": 0.045, "alpha": 0.9, "eps": 1.0, "momentum": 0.9, "weight_decay": 4e-5},
    schedule={"name": "step", "every": 1, "factor": 0.98},
    **INCEPTION_CROP,
)

# Zhang et al. 2018, section 4: linearly from 0.5 to 0 in 300,000 batches of 1024, which are 240
# epochs, with pieces less small than ResNeXt's (the paper has no number). Version 2 is trained
# alike. Smoothed labels are those of the code that its authors published.
SHUFFLENET = Recipe(
    epochs=240,
    batch_size=1024,
    settings={"lr": 0.5, "momentum": 0.9, "weight_decay": 4e-5},
    schedule={"name": "polynomial", "power": 1.0},
    label_smoothing=0.1,
    **INCEPTION_CROP | {"area": (0.25, 1.0)},
)

# Chollet 2017, sections 4.2 and 4.3: plain momentum with the rate of Inception-v3, a quarter of its
# L2 weight, averaged weights. Batches, epochs and the decay of averages are open.
XCEPTION = Recipe(
    epochs=100,
    batch_size=32,
    settings={"lr": 0.045, "momentum": 0.9, "weight_decay": 1e-5},
    schedule={"name": "step", "every": 2, "factor": 0.94},
    average=0.9999,
    **INCEPTION_CROP,
)

# Zoph et al. 2018 (appendix A) and the settings in their authors' code, for one of the 50 (large:
# 100) replicas that learn at once there: RMSProp, 0.97 every 2.4 epochs, 250,000 batches of 1600,
# which are 312 epochs. The momentum of RMSProp is its default there.
NASNET_MOBILE = Recipe(
    epochs=312,
    batch_size=32,
    optimizer="RMSprop",
    settings={"lr": 0.04, "alpha": 0.9, "eps": 1.0, "momentum": 0.9, "weight_decay": 4e-5},
    schedule={"name": "step", "every": 2.4, "factor": 0.97},
    average=0.9999,
    clip_norm=10.0,
    label_smoothing=0.1,
    auxiliary=0.4,
    **INCEPTION_CROP,
)
NASNET_LARGE = replace(
    NASNET_MOBILE,
    batch_size=16,
    settings=NASNET_MOBILE.settings | {"lr": 0.015, "weight_decay": 5e-5},
)
# For CIFAR-10: plain momentum and half a cosine. The squares cut out of some images are left out.
NASNET_CIFAR = Recipe(
    epochs=600,
    batch_size=32,
    settings={"lr": 0.025, "momentum": 0.9, "weight_decay": 5e-4},
    schedule={"name": "cosine"},
    clip_norm=5.0,
    auxiliary=0.4,
    border=4,
    flip=True,
    **UNIT,
)

# He et al. 2015 ("Deep residual learning"), section 3.4: rate 0.1, divided by 10 when the error
# stands still (here every 30 epochs, as in the authors' later papers), the shorter side from 256 to
# 480 pixels, PCA lighting. Pre-activation and wide nets were trained alike.
RESNET = Recipe(
    epochs=90,
    batch_size=256,
    settings={"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4},
    schedule={"name": "step", "every": 30, "factor": 0.1},
    scales=(256 / 224, 480 / 224),
    flip=True,
    lighting=0.1,
    **UNIT,
)
# Section 4.2: 64,000 batches of 128, the rate divided by 10 after 32,000 and 48,000.
RESNET_CIFAR = Recipe(
    epochs=164,
    batch_size=128,
    settings={"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4},
    schedule={"name": "milestones", "at": [82, 123], "factor": 0.1},
    border=4,
    flip=True,
    **UNIT,
)
# From 110 layers on, and in all pre-activation nets (He et al. 2016, appendix), a rate of 0.01 for
# the first 400 batches, one epoch, gets them started.
RESNET_CIFAR_DEEP = replace(
    RESNET_CIFAR,
    schedule={"name": "milestones", "at": [81, 122], "factor": 0.1},
    warm_up={"epochs": 1, "start": 0.1, "end": 0.1},
)
# Zagoruyko and Komodakis 2016, section 3: Nesterov momentum, the rate times 0.2 thrice. Margins are
# zeros here, the paper's are mirrored.
WIDE_RESNET = replace(
    RESNET_CIFAR,
    epochs=200,
    settings={"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4},
    schedule={"name": "milestones", "at": [60, 120, 160], "factor": 0.2},
)

# Huang et al. 2017, sections 4.2 and 4.3: Nesterov momentum, images as He et al. have them; for
# CIFAR-10 300 epochs, the rate divided by 10 after half and three quarters of them. Zhu et al. 2018
# train SparseNets alike.
DENSENET = replace(RESNET, settings=RESNET.settings | {"nesterov": True})
DENSENET_CIFAR = replace(
    RESNET_CIFAR,
    epochs=300,
    batch_size=64,
    settings=RESNET.settings | {"nesterov": True},
    schedule={"name": "milestones", "at": [150, 225], "factor": 0.1},
)

# Hu et al. 2018, section 6: batches of 1024, rate 0.6, divided by 10 every 30 of 100 epochs, for
# all of their nets. The weight decay is open.
SENET = Recipe(
    epochs=100,
    batch_size=1024,
    settings={"lr": 0.6, "momentum": 0.9, "weight_decay": 1e-4},
    schedule={"name": "step", "every": 30, "factor": 0.1},
    **INCEPTION_CROP,
)

# Huang et al. 2016, section 4: 500 epochs, the rate divided by 10 after half and three quarters of
# them. Zhang et al. 2017 train RoR so, too.
STOCHASTIC_DEPTH = replace(
    RESNET_CIFAR,
    epochs=500,
    settings={"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-4},
    schedule={"name": "milestones", "at": [250, 375], "factor": 0.1},
)
# Xie et al. 2017, section 4: as ResNets, from pieces of random area and aspect ratio.
RESNEXT = replace(RESNET, **INCEPTION_CROP)
# Zagoruyko and Komodakis 2017, section 4, train as ResNets are trained, by their published code for
# 100 epochs; of a DiracNet the filters decay, how much of the identity they have does not.
DIRACNET = replace(RESNET, epochs=100, undecayed=("alpha", "beta"))
# Srivastava et al. 2015, section 3, train with momentum and a rate that falls. The rest is that of
# the examples that they published for Caffe: 180,000 and 200,000 batches of 100. That biases learn
# at twice the rate, without decay, and classifiers with ten times the decay, is left out.
HIGHWAY_MNIST = Recipe(
    epochs=300,
    batch_size=100,
    settings={"lr": 0.01, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-3},
    schedule={"name": "step", "every": 100, "factor": 0.1},
    mean=(0.0,),
    std=(1.0,),
)
HIGHWAY_CIFAR = replace(
    HIGHWAY_MNIST,
    epochs=400,
    settings=HIGHWAY_MNIST.settings | {"lr": 0.025},
    schedule={"name": "milestones", "at": [200, 300, 350], "factor": 0.1},
    border=8,
    flip=True,
    **UNIT,
)

# Han et al. 2020 leave much open. Their authors have told of 400 epochs and a rate of 0.4 for
# batches of 1024, along a cosine behind five epochs of warm-up (from a tenth here), and point to
# ShuffleNet v2 for the rest, whence weight decay and smoothed labels.
GHOSTNET = Recipe(
    epochs=400,
    batch_size=1024,
    settings={"lr": 0.4, "momentum": 0.9, "weight_decay": 4e-5},
    schedule={"name": "cosine"},
    warm_up={"epochs": 5, "start": 0.1, "end": 1.0},
    label_smoothing=0.1,
    **INCEPTION_CROP,
)
# Of their nets for CIFAR-10, too, ResNet-56 is trained as He et al. 2015 did, VGG-16 longer.
GHOST_VGG = replace(
    RESNET_CIFAR,
    epochs=400,
    schedule={"name": "milestones", "at": [200, 300, 375], "factor": 0.1},
)

# Shelhamer et al. 2017 and the settings that its authors published with it: one image at a time and
# much momentum, a constant rate for the sum over an image's pixels, each net from the next coarser
# one at a hundredth of its rate, 100,000 steps, which are 12 epochs of their 8,498 images. Images
# are neither scaled nor mirrored; unlabelled borders are 255. That biases learn at twice the rate,
# without decay, is left out. Images have unit variance, as those of the VGG-16 it starts from.
FCN_32S = Recipe(
    epochs=12,
    batch_size=1,
    settings={"lr": 1e-10, "momentum": 0.99, "weight_decay": 5e-4},
    schedule={"name": "constant"},
    sum_of_pixels=True,
    ignore_index=255,
    pretrain="vgg16",
    **UNIT,
)
FCN_16S = replace(FCN_32S, settings=FCN_32S.settings | {"lr": 1e-12}, pretrain="fcn32s")
FCN_8S = replace(FCN_32S, settings=FCN_32S.settings | {"lr": 1e-14}, pretrain="fcn16s")

# For nets of one's own, of which nobody knows what they need: AdamW's rate and weight decay as its
# paper has them, the rate along a cosine down to nothing, nothing drawn but the order of images.
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
    "nin_imagenet": replace(ALEXNET, lighting=0.0),  # the paper says nothing
    **dict.fromkeys(("vgg11", "vgg11_lrn", "vgg11_bn", "vgg13_bn"), VGG_A),
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
    "genetic_cnn": VGG_A,  # what the paper trains with on ImageNet is open
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

# For some thousand small images: AdamW instead of SGD or RMSProp, few epochs, nothing drawn but the
# order, no auxiliary heads (their pooling wants large maps), and He's weights, with which images of
# unit variance are learned from the first step; with N(0, 0.01) training stands still for long.
# Full batches only: 1,442 digits in batches of 32 leave two over, and googlenet_bn (an eighth wide,
# 32 pixels), which knows 83 % after six epochs, knows 57 % with such a batch in each of them.
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
    # Smaller batches do, for an image has thousands of labels.
    **{
        name: replace(SMALL, epochs=6, batch_size=8, pretrain=RECIPES[name].pretrain)
        for name in ("fcn32s", "fcn16s", "fcn8s")
    },
    # Their gates begin almost shut.
    **{name: replace(SMALL, init=None) for name in RECIPES if name.startswith("highway")},
    # At half the rate a class whose ReLU is above zero for no image often stays unlearned.
    "nin_cifar": replace(SMALL, settings={"lr": 0.004, "weight_decay": 5e-4}),
    # Deep without shortcuts, it hardly moves at that rate; batch norm bears a larger one.
    "inception_v4": replace(SMALL, settings={"lr": 0.01, "weight_decay": 5e-4}),
}


def recipe(model: str, small: bool = False) -> Recipe:
    """The recipe of a registered model, or the general one; with small=True the one for small data.

    LeNet's paper is about small images: its recipe is both. That of a net of one's own, registered
    or "FILE.py:NAME", is OWN.

    Raises: as `model_entry`.
    """
    if model_entry(model).own:
        return OWN
    own = RECIPES.get(model, Recipe())
    return SMALL_RECIPES.get(model, replace(SMALL, pretrain=own.pretrain)) if small else own

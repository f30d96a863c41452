"""The papers' recipes for small nets: SqueezeNet, MobileNets, ShuffleNets, GhostNets."""

from dataclasses import replace

from .images import CROP_OF_256, INCEPTION_CROP, UNIT
from .plain import INCEPTION_V2
from .residual import RESNET_CIFAR
from .training_recipe import Recipe

# Iandola et al. 2016: the rate falls linearly from 0.04 (section 3.3). The rest follows the
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
# epochs, with crops less small than ResNeXt's (the paper has no number). Version 2 is trained in
# the same way. Smoothed labels are those of the authors' published code.
SHUFFLENET = Recipe(
    epochs=240,
    batch_size=1024,
    settings={"lr": 0.5, "momentum": 0.9, "weight_decay": 4e-5},
    schedule={"name": "polynomial", "power": 1.0},
    label_smoothing=0.1,
    **{**INCEPTION_CROP, "area": (0.25, 1.0)},
)

# Han et al. 2020 leave much open. Their authors have reported 400 epochs and a rate of 0.4 for
# batches of 1024, along a cosine after five epochs of warm-up (from a tenth here), and refer to
# ShuffleNet v2 for the rest, the source of weight decay and smoothed labels.
GHOSTNET = Recipe(
    epochs=400,
    batch_size=1024,
    settings={"lr": 0.4, "momentum": 0.9, "weight_decay": 4e-5},
    schedule={"name": "cosine"},
    warm_up={"epochs": 5, "start": 0.1, "end": 1.0},
    label_smoothing=0.1,
    **INCEPTION_CROP,
)

# Of their nets for CIFAR-10, ResNet-56 is also trained as in He et al. 2015, VGG-16 for longer.
GHOST_VGG = replace(
    RESNET_CIFAR,
    epochs=400,
    schedule={"name": "milestones", "at": [200, 300, 375], "factor": 0.1},
)

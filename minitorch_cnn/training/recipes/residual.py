"""The papers' recipes for nets with shortcuts: ResNets, DenseNets and their relatives."""

from dataclasses import replace

from .images import INCEPTION_CROP, UNIT
from .training_recipe import Recipe

# He et al. 2015 ("Deep residual learning"), section 3.4: rate 0.1, divided by 10 when the error
# stops falling (here every 30 epochs, as in the authors' later papers), the shorter side from 256
# to 480 pixels, PCA lighting. Pre-activation and wide nets were trained in the same way.
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

# From 110 layers on, and in all pre-activation nets (He et al. 2016, appendix), training starts
# with a rate of 0.01 for the first 400 batches, one epoch.
RESNET_CIFAR_DEEP = replace(
    RESNET_CIFAR,
    schedule={"name": "milestones", "at": [81, 122], "factor": 0.1},
    warm_up={"epochs": 1, "start": 0.1, "end": 0.1},
)

# Zagoruyko and Komodakis 2016, section 3: Nesterov momentum, the rate times 0.2 three times.
# Margins are zeros here, the paper's are mirrored.
WIDE_RESNET = replace(
    RESNET_CIFAR,
    epochs=200,
    settings={"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4},
    schedule={"name": "milestones", "at": [60, 120, 160], "factor": 0.2},
)

# Huang et al. 2017, sections 4.2 and 4.3: Nesterov momentum, images as in He et al.; for CIFAR-10
# 300 epochs, the rate divided by 10 after half and three quarters of them. Zhu et al. 2018 train
# SparseNets in the same way.
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
# them. Zhang et al. 2017 train RoR in the same way.
STOCHASTIC_DEPTH = replace(
    RESNET_CIFAR,
    epochs=500,
    settings={"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-4},
    schedule={"name": "milestones", "at": [250, 375], "factor": 0.1},
)

# Xie et al. 2017, section 4: as ResNets, with crops of random area and aspect ratio.
RESNEXT = replace(RESNET, **INCEPTION_CROP)

# Zagoruyko and Komodakis 2017, section 4, train like ResNets, by their published code for 100
# epochs; a DiracNet's filters have weight decay, its coefficients of the identity do not.
DIRACNET = replace(RESNET, epochs=100, undecayed=("alpha", "beta"))

# The same on CIFAR, like wide ResNets (section 3.1).
DIRACNET_CIFAR = replace(WIDE_RESNET, undecayed=("alpha", "beta"))

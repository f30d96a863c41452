"""The papers' recipes for LeNet's successors without shortcuts, Inception to NASNet, and FCN."""

from dataclasses import replace

from .images import CROP_OF_256, INCEPTION_CROP, PIXELS, UNIT
from .training_recipe import Recipe

# Section 5: the rate is divided by 10 when the validation error stops falling, three times in 90
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

# Lin et al. 2013, section 4: batches of 128, the rate divided by 10 twice when the error stops
# falling. Rate, weight decay and number of epochs are open there; the whitening is omitted.
NIN_CIFAR = Recipe(
    epochs=210,
    batch_size=128,
    settings={"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4},
    schedule={"name": "step", "every": 70, "factor": 0.1},
    border=4,
    flip=True,
    **UNIT,
)

# Section 3.1: three divisions by 10 in 74 epochs, when the validation error stops falling (here at
# equal distances), S = 256 or from 256 to 512. Images have unit variance, as the weights require.
VGG_A = replace(
    ALEXNET,
    epochs=74,
    batch_size=256,
    schedule={"name": "step", "every": 19, "factor": 0.1},
    **UNIT,
)
VGG_DEEP = replace(VGG_A, scales=(256 / 224, 512 / 224))

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
# open). The 50 batches of 32 that its replicas process at once are one batch of 32 here.
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

# Szegedy et al. 2016, section 4: as before; clipping is not mentioned.
INCEPTION_V4 = replace(INCEPTION_V2, clip_norm=None, label_smoothing=0.1)

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
# 100) replicas that train at once there: RMSProp, 0.97 every 2.4 epochs, 250,000 batches of 1600,
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

# For CIFAR-10: plain momentum and half a cosine. Cutout, applied to some images, is omitted.
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

# Srivastava et al. 2015, section 3, train with momentum and a decreasing rate. The rest is that of
# the examples that they published for Caffe: 180,000 and 200,000 batches of 100. Twice the rate and
# no decay for biases, and ten times the decay for classifiers, are omitted.
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

# Shelhamer et al. 2017 and their published settings: one image at a time and high momentum, a
# constant rate for the sum over an image's pixels, each net from the next coarser one at a
# hundredth of its rate, 100,000 steps, which are 12 epochs of their 8,498 images. Images are
# neither scaled nor mirrored; unlabelled borders are 255. Twice the rate and no decay for biases
# are omitted. Images have unit variance, like those of the VGG-16 it starts from.
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

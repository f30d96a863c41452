"""ImageNet errors of trained models under one protocol, so that they are comparable.

Measured by torchvision for the weights IMAGENET1K_V1 of the model with the same name: the 50,000
validation images, one central crop of the model's input size. The models here equal these exactly,
down to the names in `state_dict`.

Source: the metadata of these weights in torchvision, as accuracies; here 100 - accuracy.
"""

from typing import NamedTuple


class Errors(NamedTuple):
    """The percentages of images whose class is not the top prediction, and not in the top five."""

    top1: float
    top5: float


PROTOCOL = "ImageNet validation set, single crop, torchvision's first weights"

PUBLISHED_ERRORS = {
    "alexnet": Errors(43.478, 20.934),
    "vgg11": Errors(30.98, 11.372),
    "vgg11_bn": Errors(29.63, 10.19),
    "vgg13": Errors(30.072, 10.754),
    "vgg13_bn": Errors(28.414, 9.626),
    "vgg16": Errors(28.408, 9.618),
    "vgg16_bn": Errors(26.64, 8.484),
    "vgg19": Errors(27.624, 9.124),
    "vgg19_bn": Errors(25.782, 8.158),
    "googlenet_torchvision": Errors(30.222, 10.47),
    "inception_v3": Errors(22.706, 6.55),
    "resnet18": Errors(30.242, 10.922),
    "resnet34": Errors(26.686, 8.58),
    "resnet50": Errors(23.87, 7.138),
    "resnet101": Errors(22.626, 6.454),
    "resnet152": Errors(21.688, 5.954),
    "wide_resnet50_2": Errors(21.532, 5.914),
    "densenet121": Errors(25.566, 8.028),
    "densenet161": Errors(22.862, 6.44),
    "densenet169": Errors(24.4, 7.194),
    "densenet201": Errors(23.104, 6.63),
    "squeezenet1_0": Errors(41.908, 19.58),
    "squeezenet1_1": Errors(41.822, 19.376),
    "mobilenet_v2": Errors(28.122, 9.714),
    "shufflenet_v2_x0_5": Errors(39.448, 18.254),
    "shufflenet_v2_x1_0": Errors(30.638, 11.684),
    "shufflenet_v2_x1_5": Errors(27.004, 8.914),
    "shufflenet_v2_x2_0": Errors(23.77, 6.994),
}

"""The image preparation that published weights expect: facts about the files, not the papers.

The facts are those of the files whose weight names our models share: torchvision's `transforms` of
each `Weights`, timm's `default_cfgs` (the size of the shorter side is floor(crop / crop_pct)) and
`pretrained_settings` of pretrained-models.pytorch (Cadene).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from .blocks import IMAGENET_MEAN, IMAGENET_STD

ORDERS = ("RGB", "BGR")
INTERPOLATIONS = ("bilinear", "bicubic")


@dataclass(frozen=True)
class Preprocessing:
    """How an image becomes a model's input: resize, crop and normalise.

    The shorter side is resized to `resize` pixels, the middle `crop` x `crop` of it is cropped, and
    each channel of values in [0, 1] becomes (x - mean) / std.
    interpolation: of the resizing, one of INTERPOLATIONS, antialiased when shrinking; channels:
    their order, one of ORDERS, also for `mean` and `std`. Weights for values in 0..255 have a std
    of 1 / 255.
    `mt.training.preprocessing` makes the corresponding transform.

    Raises: ValueError if crop is above resize, for another order or another interpolation.
    """

    resize: int
    crop: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str = "bilinear"
    channels: str = "RGB"

    def __post_init__(self) -> None:
        if self.crop > self.resize:
            raise ValueError(
                f"Preprocessing: crop={self.crop} must be at most resize={self.resize}"
            )
        for name, known in (("interpolation", INTERPOLATIONS), ("channels", ORDERS)):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"Preprocessing: {name}={getattr(self, name)!r} must be {' or '.join(known)}"
                )


# torchvision's ImageClassification presets: weights of the first version, IMAGENET1K_V1.
IMAGENET = Preprocessing(256, 224, IMAGENET_MEAN, IMAGENET_STD)
# Its later recipe (resnext101_64x4d, shufflenet_v2 from x1_5 up) resizes to 232 pixels.
IMAGENET_232 = replace(IMAGENET, resize=232)
IMAGENET_BICUBIC = replace(IMAGENET, interpolation="bicubic")  # timm's ghostnet

# Networks whose weights come from TensorFlow expect pixels from -1 to 1. torchvision's inception_v3
# and googlenet take ImageNet's mean and deviation and convert them (transform_input=True), which is
# equivalent to (x - 0.5) / 0.5.
HALF: dict[str, Any] = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
GOOGLENET_TORCHVISION = replace(IMAGENET, **HALF)
INCEPTION_V3 = Preprocessing(342, 299, **HALF)
NASNET_MOBILE = replace(IMAGENET, **HALF)  # pretrained-models.pytorch
MOBILENET_V1 = replace(IMAGENET_BICUBIC, **HALF)  # timm's mobilenetv1_100.ra4_e3600_r224_in1k
INCEPTION_V4 = Preprocessing(341, 299, **HALF, interpolation="bicubic")  # timm's, crop_pct 0.875
# timm's inception_resnet_v2 and legacy_xception: crop_pct 0.8975.
INCEPTION_RESNET_V2 = XCEPTION = replace(INCEPTION_V4, resize=333)
NASNET_LARGE = Preprocessing(363, 331, **HALF, interpolation="bicubic")  # crop_pct 0.911

# (x - (124, 117, 104)) * 0.0167 of values in 0..255: the authors' README, and timm's dpn.
DPN_PIXELS = replace(
    IMAGENET_BICUBIC,
    mean=(124 / 255, 117 / 255, 104 / 255),
    std=(1 / (0.0167 * 255),) * 3,
)

# EfficientNet-Lite 0 to 4: (x - 127) / 128 of values in 0..255 and a crop 32 pixels smaller than
# the shorter side, as in the authors' code; the interpolation is timm's.
EFFICIENTNET_LITE = tuple(
    Preprocessing(size + 32, size, (127 / 255,) * 3, (128 / 255,) * 3, interpolation)
    for size, interpolation in (
        (224, "bicubic"),
        (240, "bicubic"),
        (260, "bicubic"),
        (280, "bilinear"),
        (300, "bilinear"),
    )
)

# Caffe's: blue first, values in 0..255 less their mean; pretrained-models.pytorch's bninception.
BN_INCEPTION = replace(
    IMAGENET,
    mean=(104 / 255, 117 / 255, 128 / 255),
    std=(1 / 255, 1 / 255, 1 / 255),
    channels="BGR",
)

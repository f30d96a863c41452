"""Image settings of the recipes: crops, margins, pixel scales."""

from typing import Any

# Background -0.1 and ink 1.175, so that the inputs of a page have mean 0 and variance about 1
# (LeCun et al. 1998, section II.B): (x - mean) / std = 1.275 x - 0.1.
LENET_INPUT: dict[str, Any] = {"mean": (0.1 / 1.275,), "std": (1 / 1.275,)}

# The paper also distorted its training images: translated, scaled and squeezed (section III).
DISTORTED: dict[str, Any] = {
    "content": 24,
    "border": 2,
    "area": (0.65, 1.0),
    "ratio": (0.85, 1 / 0.85),
}

# The mean and standard deviation of ImageNet's pixels; the papers up to VGG subtract only the mean,
# and N(0, 0.01) weights are for pixels from 0 to 255.
UNIT: dict[str, Any] = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
PIXELS: dict[str, Any] = {"mean": (0.485, 0.456, 0.406), "std": (1 / 255, 1 / 255, 1 / 255)}
CROP_OF_256: dict[str, Any] = {"scales": (256 / 224, 256 / 224), "flip": True}

# The augmentation of the whole Inception family; held-out images are cut from the middle 7/8.
INCEPTION_CROP: dict[str, Any] = {
    "scales": (8 / 7, 8 / 7),
    "area": (0.08, 1.0),
    "flip": True,
    **UNIT,
}

"""Box regression: where the object of an image is, by the layers of a classifier.

K. Simonyan, A. Zisserman (2015), "Very deep convolutional networks for large-scale image
recognition", ICLR 2015, arXiv 1409.1556, appendix A: net D with another last layer, which gives
the centre, the width and the height of a box, one for all classes or one for each. With such nets
VGG won the localisation of ILSVRC 2014, with an error of 25.3 %.

Deviations from the paper
- Of a test image, one prediction; the paper merges those at all positions and scales.
"""

from __future__ import annotations

import copy
from typing import Any

from .. import nn
from ..tensor import Tensor


class BoxRegression(nn.Module):
    """A classifier whose last linear layer gives boxes: (centre x, centre y, width, height).

    x (N, C, H, W) -> (N, 4), or with `per_class` (N, num_classes, 4), each in parts of the image

    net: a classifier that ends in a linear layer, which may be trained; its other layers are
    copied. per_class: whether there is a box for each class; otherwise all classes share one.

    Raises: ValueError for a net whose last layer with weights is not linear.
    """

    def __init__(self, net: nn.Module, per_class: bool = False):
        super().__init__()
        self.net = copy.deepcopy(net)
        layers = self.net.named_modules()
        weighted = [(name, layer) for name, layer in layers if list(layer.parameters(False))]
        name, last = weighted[-1] if weighted else ("", None)
        if not isinstance(last, nn.Linear) or not name:
            raise ValueError(f"BoxRegression: net={type(net).__name__} must end in a linear layer")
        self.num_classes = last.out_features if per_class else None
        layer = nn.Linear(last.in_features, 4 * (self.num_classes or 1))
        nn.init.normal_(layer.weight, 0, 0.01)
        bias: Any = layer.bias
        nn.init.constant_(bias, 0.5)
        path, _, own = name.rpartition(".")
        setattr(self.net.get_submodule(path), own, layer)

    def forward(self, x: Tensor) -> Tensor:
        y = self.net(x)
        return y if self.num_classes is None else y.reshape(len(y), self.num_classes, 4)

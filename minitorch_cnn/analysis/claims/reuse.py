"""Feature reuse: the weights that the layers of a dense block give to each earlier layer.

G. Huang, Z. Liu, L. van der Maaten, K. Weinberger (2017), "Densely connected convolutional
networks", CVPR 2017, arXiv 1608.06993, section 5 and figure 5.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from ...models.densenet import Block, DenseNet, Design
from ...random import manual_seed
from ..small_training import train
from .claim import Claim, Panel, Values, compared, percent
from .nets import digits

USED = 0.2  # of the weights of a layer's most used source, from which another counts as used
DECAY = 1e-2  # strong, so that weights which are not needed vanish in few steps
DESIGN = Design(8, (6, 6), 16, bottleneck=False, cifar=True)


def weights_by_source(block: Block, start: int, growth: int) -> np.ndarray:
    """The mean |w| of each layer's first convolution for the maps of each source, by the layer's
    largest: (sources, layers), NaN where a layer does not see a source.

    Source 0 is the block's input of `start` channels, source s the layer s, of `growth` channels.
    """
    layers = list(block.children())
    found = np.full((len(layers), len(layers)), np.nan)
    for number, layer in enumerate(layers):
        weight = abs(layer.conv1.weight.array.astype(np.float64)).mean(axis=(0, 2, 3))
        edges = [0, *(start + growth * k for k in range(number + 1))]
        means = [weight[a:b].mean() for a, b in pairwise(edges)]
        found[: number + 1, number] = np.array(means) / max(means)
    return found


def measure(seed: int, images: int, epochs: int) -> Values:
    data = digits().take(images, seed)
    manual_seed(seed)
    net = DenseNet(DESIGN, num_classes=10, in_channels=1)
    train(net, data, epochs, 0.1, seed, weight_decay=DECAY)
    found = {}
    start = DESIGN.start
    for number in (1, 2):
        block: Any = net.features.get_submodule(f"denseblock{number}")
        found[f"Block {number}"] = {"weights": weights_by_source(block, start, DESIGN.growth)}
        start = block.out_channels
    return found


def verdict(values: Values) -> tuple[str, str]:
    maps = [by_name["weights"] for by_name in values.values()]
    least = np.nanmin([np.nanmin(m, axis=(1, 2)) for m in maps], axis=0)
    own = [np.array([np.nanmean(m[:, 0, 1:], axis=1) for m in maps]).mean(axis=0)]
    return compared(least - USED), (
        f"the mean weight of the least used source is {percent(least)} of the most used one's; the "
        f"block's input gets {percent(own[0])} in the layers after the first."
    )


FEATURE_REUSE = Claim(
    "feature-reuse",
    "The layers of a dense block use the features of all earlier layers.",
    "Huang et al. 2017, arXiv 1608.06993, section 5 and figure 5",
    "A DenseNet of two blocks of six layers, k = 8, on digits of 8 x 8, weight decay 0.01: mean "
    "|w| of each layer for each source, of the layer's largest.",
    dict.fromkeys(
        ("Block 1", "Block 2"),
        Panel("layer (from 0)", "source, 0: the block's input", factor=100, image="mean"),
    ),
    measure,
    verdict,
    300,
    20,
)

"""Orthonormal filters and modulated gradients: whether they train a deep plain net.

D. Xie, J. Xiong, S. Pu (2017), "All you need is beyond a good init", CVPR 2017, arXiv 1703.01827.
"""

from __future__ import annotations

import numpy as np

from ... import nn
from ...models.blocks import ConvBNReLU
from ...nn.utils import modulate_gradients, orthonormality
from ...random import manual_seed
from ..small_training import cross_entropy, train
from .claim import Claim, Panel, Values, compared, percent
from .nets import digits

LAYERS, CHANNELS = 30, 12
PENALTY = 1e-2
#           orthogonal weights and their penalty, modulation
VARIANTS = {
    "He's weights, weight decay": (False, False),
    "orthonormal": (True, False),
    "orthonormal, modulated": (True, True),
}


def deep_net(orthogonal: bool) -> nn.Sequential:
    """30 modules of convolution, batch norm and ReLU, averages and a linear layer."""
    modules = [
        ConvBNReLU(CHANNELS if k else 1, CHANNELS, 3, 1 + (k == 3), 1) for k in range(LAYERS)
    ]
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(CHANNELS, 10)
    net = nn.Sequential(*modules, *head)
    for m in modules:
        draw = nn.init.orthogonal_ if orthogonal else nn.init.kaiming_normal_
        draw(m.conv.weight)
    return net


def measure(seed: int, images: int, epochs: int) -> Values:
    data = digits().take(images, seed)
    errors: dict[str, np.ndarray] = {}
    penalties: dict[str, np.ndarray] = {}
    for name, (orthogonal, modulated) in VARIANTS.items():
        manual_seed(seed)
        net = deep_net(orthogonal)
        weights = [m.conv.weight for m in net.modules() if isinstance(m, ConvBNReLU)]
        handle = modulate_gradients(list(net.children())[:LAYERS]) if modulated else None
        seen: list[float] = []

        def loss(outputs, labels, weights=weights, orthogonal=orthogonal):
            value = cross_entropy(outputs, labels)
            return value + PENALTY * orthonormality(weights) if orthogonal else value

        def watch(epoch, weights=weights, seen=seen):
            seen.append(orthonormality(weights).item() / LAYERS)

        decay = 0.0 if orthogonal else 1e-4
        curves = train(net, data, epochs, 0.05, seed, loss=loss, weight_decay=decay, watch=watch)
        if handle is not None:
            handle.remove()
        errors[name] = curves.error
        penalties[name] = np.array((seen + [np.nan] * epochs)[: epochs + 1])
    return {"Training error": errors, "Distance from orthonormal filters": penalties}


def verdict(values: Values) -> tuple[str, str]:
    errors = {name: v[:, -1] for name, v in values["Training error"].items()}
    usual, orthonormal, modulated = errors.values()
    told = ", ".join(f"{name} {percent(v)}" for name, v in errors.items())
    answers = compared(usual - orthonormal), compared(orthonormal - modulated)
    answer = answers[0] if answers[0] == answers[1] else "partly"
    return answer, f"training error at the end: {told}."


ORTHONORMALITY = Claim(
    "orthonormality",
    "Orthonormal filters and modulated gradients train deep plain nets.",
    "Xie et al. 2017, arXiv 1703.01827",
    "30 plain modules of convolution, batch norm and ReLU, 12 channels, on digits of 8 x 8: He's "
    "weights and weight decay; orthogonal weights with the penalty times 0.01 instead; and "
    "gradients modulated in addition.",
    {
        "Training error": Panel("number of epochs", "training error (%)", factor=100),
        "Distance from orthonormal filters": Panel(
            "number of epochs", "penalty of a layer", log="y", start=0
        ),
    },
    measure,
    verdict,
    300,
    15,
)

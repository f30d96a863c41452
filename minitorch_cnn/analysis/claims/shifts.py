"""Pooling: whether it makes a net robust to shifts of the image.

Y. LeCun, L. Bottou, Y. Bengio, P. Haffner (1998), "Gradient-based learning applied to document
recognition", section II.A; R. Zhang (2019), "Making convolutional networks shift-invariant again",
ICML 2019, arXiv 1904.11486, finds that max pooling is not.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ... import nn
from ...models.blocks import draw_weights
from ...random import manual_seed
from ..small_training import logits_of, train
from .claim import Claim, Panel, Values, compared, mean_and_spread, percent
from .nets import digits, layer

SHIFTS = (0, 1, 2, 3)
NETS: dict[str, Callable[[], list[nn.Module]]] = {
    "no pooling": lambda: [*layer(1, 16), *layer(16, 16)],
    "stride 2": lambda: [*layer(1, 16, 2), *layer(16, 16, 2)],
    "max pooling": lambda: [*layer(1, 16), nn.MaxPool2d(2), *layer(16, 16), nn.MaxPool2d(2)],
    "average pooling": lambda: [*layer(1, 16), nn.AvgPool2d(2), *layer(16, 16), nn.AvgPool2d(2)],
}


def net_of(name: str, size: int) -> nn.Sequential:
    """Two convolutions and what `name` says, then a linear layer of all places."""
    features = nn.Sequential(*NETS[name](), nn.Flatten())
    inputs = 16 * (size if name == "no pooling" else size // 4) ** 2
    net = nn.Sequential(features, nn.Linear(inputs, 10))
    draw_weights(net, nn.init.kaiming_normal_)
    return net


def moved_right(images: np.ndarray, by: int) -> np.ndarray:
    """Images (N, C, H, W) shifted by that many pixels; their first column fills the gap."""
    if by == 0:
        return images
    edge = np.repeat(images[..., :1], by, axis=3)
    return np.concatenate([edge, images[..., :-by]], axis=3)


def measure(seed: int, images: int, epochs: int) -> Values:
    data = digits(16).take(images, seed)
    data = data._replace(**{k: _with_margin(getattr(data, k)) for k in ("x", "test_x")})
    kept: dict[str, np.ndarray] = {}
    changes: dict[str, np.ndarray] = {}
    for name in NETS:
        manual_seed(seed)
        net = net_of(name, data.x.shape[-1])
        train(net, data, epochs, 0.03, seed)
        shifted = [moved_right(data.test_x, by) for by in SHIFTS]
        features = [logits_of(net[0], x).astype(np.float64) for x in shifted]
        answers = [logits_of(net, x).argmax(1) for x in shifted]
        length = np.linalg.norm(features[0], axis=1)
        changes[name] = np.array(
            [(np.linalg.norm(f - features[0], axis=1) / length).mean() for f in features]
        )
        kept[name] = np.array([(a != answers[0]).mean() for a in answers])
    return {"Answers": kept, "Features before the linear layer": changes}


def _with_margin(images: np.ndarray, margin: int = 2) -> np.ndarray:
    """Room for a shift: the border repeated."""
    return np.pad(images, ((0, 0), (0, 0), (margin, margin), (margin, margin)), mode="edge")


def verdict(values: Values) -> tuple[str, str]:
    answers = {name: v[:, SHIFTS.index(2)] for name, v in values["Answers"].items()}
    features = {name: v[:, 1] for name, v in values["Features before the linear layer"].items()}
    pooled = np.maximum(answers["max pooling"], answers["average pooling"])
    advantage = np.minimum(answers["no pooling"], answers["stride 2"]) - pooled
    answer = compared(advantage)
    if answer == "yes" and pooled.mean() > 0.1:
        answer = "partly"  # more robust than without, yet not robust
    changed = ", ".join(f"{name} {percent(v)}" for name, v in answers.items())
    moved = ", ".join(f"{name} {mean_and_spread(v)}" for name, v in features.items())
    return answer, (
        f"answers that a shift by two pixels changes: {changed}; change of the features by one "
        f"pixel, of their length: {moved}."
    )


POOLING_SHIFTS = Claim(
    "pooling-shifts",
    "Pooling makes a net robust to small shifts.",
    "LeCun et al. 1998, section II.A; doubted by Zhang 2019, arXiv 1904.11486",
    "Two convolutions and a linear layer, trained on digits of 20 x 20 that are not shifted, and "
    "tested on digits shifted to the right.",
    {
        "Answers": Panel("shift (pixels)", "changed answers (%)", SHIFTS, 100),
        "Features before the linear layer": Panel(
            "shift (pixels)", "change / length of the features", SHIFTS
        ),
    },
    measure,
    verdict,
    400,
    8,
)

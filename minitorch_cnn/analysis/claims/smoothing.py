"""Label smoothing: it bounds the distance between the logits.

C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens, Z. Wojna (2016), "Rethinking the Inception
architecture for computer vision", CVPR 2016, arXiv 1512.00567, section 7: cross entropy with hard
targets is least when the logit of the true class exceeds all others by infinity.
"""

from __future__ import annotations

import math

import numpy as np

from ... import functional as F
from ...random import manual_seed
from ..small_training import logits_of, train
from .claim import Claim, Panel, Values, compared, mean_and_spread
from .nets import digits, plain

SMOOTHINGS = (0.0, 0.1, 0.3)


def smoothed_gap(smoothing: float, classes: int) -> float:
    """How much the true class's logit exceeds the others where smoothed cross entropy is least.

    The targets are 1 - e + e / K and e / K, which the softmax then equals; their ratio is exp(gap):

        gap = log((1 - e + e / K) / (e / K)) = log(1 + K (1 - e) / e),    infinite for e = 0
    """
    if smoothing == 0:
        return math.inf
    return math.log1p(classes * (1 - smoothing) / smoothing)


def logit_gap(logits: np.ndarray, labels: np.ndarray) -> float:
    """The mean over images of the true class's logit minus the mean of the others."""
    classes = logits.shape[1]
    own = np.take_along_axis(logits, labels[:, None], axis=1)[:, 0].astype(np.float64)
    others = (logits.sum(axis=1, dtype=np.float64) - own) / (classes - 1)
    return float((own - others).mean())


def measure(seed: int, images: int, epochs: int) -> Values:
    data = digits().take(images, seed)
    gaps: dict[str, np.ndarray] = {}
    errors: dict[str, np.ndarray] = {}
    for smoothing in SMOOTHINGS:
        manual_seed(seed)
        net = plain((16, 16, 32), (1, 2))
        seen: list[float] = []

        def loss(logits, labels, smoothing=smoothing):
            return F.cross_entropy(logits, labels, label_smoothing=smoothing)

        def watch(epoch, net=net, seen=seen):
            seen.append(logit_gap(logits_of(net, data.x), data.labels))

        curves = train(net, data, epochs, 0.1, seed, loss=loss, weight_decay=0, watch=watch)
        gaps[f"e = {smoothing}"] = np.array(seen[1:])
        errors[f"e = {smoothing}"] = curves.test_error
        if smoothing:
            bound = smoothed_gap(smoothing, data.test_labels.max() + 1)
            gaps[f"bound for {smoothing}"] = np.full(len(seen) - 1, bound)
    return {"Logits of the training images": gaps, "Test error": errors}


def verdict(values: Values) -> tuple[str, str]:
    last = {name: v[:, -1] for name, v in values["Logits of the training images"].items()}
    bounds = {e: float(last[f"bound for {e}"][0]) for e in SMOOTHINGS[1:]}
    beyond = [bounds[e] * 1.1 - last[f"e = {e}"] for e in bounds]  # the minimum is not reached
    told = ", ".join(
        f"{mean_and_spread(last[f'e = {e}'])} for e = {e} (bound {bound:.2f})"
        for e, bound in bounds.items()
    )
    return compared(np.minimum.reduce([*beyond, last["e = 0.0"] - 1.1 * bounds[0.1]])), (
        f"at the end the true class's logit exceeds the others by {told}, and by "
        f"{mean_and_spread(last['e = 0.0'])} without smoothing."
    )


LABEL_SMOOTHING = Claim(
    "label-smoothing",
    "Label smoothing bounds the distance between the logits.",
    "Szegedy et al. 2016, arXiv 1512.00567, section 7",
    "Three convolutions on digits of 8 x 8, trained with smoothing e of the labels, without weight "
    "decay. The bound is log(1 + K (1 - e) / e).",
    {
        "Logits of the training images": Panel(
            "number of epochs", "true class's logit minus mean of others"
        ),
        "Test error": Panel("number of epochs", "test error (%)", factor=100, log="y"),
    },
    measure,
    verdict,
    300,
    40,
)

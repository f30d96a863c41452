"""Overfitting: what dropout, augmentation and global average pooling do against it.

N. Srivastava et al. (2014), "Dropout: a simple way to prevent neural networks from overfitting",
JMLR 15; A. Krizhevsky, I. Sutskever, G. Hinton (2012), "ImageNet classification with deep
convolutional neural networks", section 4; M. Lin, Q. Chen, S. Yan (2014), "Network in network",
arXiv 1312.4400, section 3.2.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ... import nn
from ...models.blocks import draw_weights
from ...random import manual_seed
from ..small_training import loss_and_error, train
from .claim import Claim, Panel, Values, compared, percent
from .nets import digits, layer


def convolutional(head: list[nn.Module]) -> nn.Sequential:
    """Two convolutions and a pooling, then the head, which gets (N, 32, 4, 4)."""
    layers = [*layer(1, 16), *layer(16, 32), nn.MaxPool2d(2)]
    net = nn.Sequential(*layers, *head)
    draw_weights(net, nn.init.kaiming_normal_)
    return net


def linear_head(dropout: float = 0.0) -> nn.Sequential:
    """As in AlexNet: two linear layers of the whole map, 68,000 weights."""
    hidden = [nn.Flatten(), nn.Linear(512, 128), nn.ReLU()]
    return convolutional([*hidden, nn.Dropout(dropout), nn.Linear(128, 10)])


def averaging_head() -> nn.Sequential:
    """As in Network in Network: one map per class, averaged, 2,900 weights."""
    last = nn.Conv2d(32, 10, 3, padding=1)
    return convolutional([last, nn.AdaptiveAvgPool2d(1), nn.Flatten()])


def shifted(images: np.ndarray, rng: np.random.Generator, most: int = 1) -> np.ndarray:
    """Each image (N, C, H, W) shifted by up to `most` pixels; the border is repeated."""
    n, _, h, w = images.shape
    padded = np.pad(images, ((0, 0), (0, 0), (most, most), (most, most)), mode="edge")
    top, left = rng.integers(0, 2 * most + 1, (2, n))
    rows = top[:, None] + np.arange(h)
    columns = left[:, None] + np.arange(w)
    return padded[np.arange(n)[:, None, None], :, rows[:, :, None], columns[:, None, :]].transpose(
        0, 3, 1, 2
    )


Trained = tuple[Callable[[], nn.Module], Callable[..., np.ndarray] | None]  # net, augmentation
WITHOUT: Trained = linear_head, None


def measure(name: str, treated: Trained, seed: int, images: int, epochs: int) -> Values:
    data = digits().take(images, seed)
    errors: dict[str, np.ndarray] = {}
    gaps: dict[str, np.ndarray] = {}
    for key, (make, augment) in (("without", WITHOUT), (name, treated)):
        manual_seed(seed)
        net = make()
        fitted: list[float] = []  # the training error in evaluation mode, without augmentation

        def watch(epoch, net=net, fitted=fitted):
            fitted.append(loss_and_error(net, data.x, data.labels)[1])

        errors[key] = train(net, data, epochs, 0.02, seed, augment=augment, watch=watch).test_error
        gaps[key] = errors[key] - np.array(fitted[1:])
    return {"Test error": errors, "Gap between test and training error": gaps}


def verdict(values: Values) -> tuple[str, str]:
    errors, gaps = ({key: v[:, -1] for key, v in by.items()} for by in values.values())
    without, treated = errors
    gained = errors[without] - errors[treated]
    fitted = [percent(errors[name] - gaps[name]) for name in (treated, without)]
    return compared(gained), (
        f"test error {percent(errors[treated])} against {percent(errors[without])} without, lower "
        f"by {percent(gained)} with equal seeds; training error {fitted[0]} and {fitted[1]}."
    )


def claim(name: str, says: str, source: str, what: str, treated: Trained) -> Claim:
    return Claim(
        name,
        says,
        source,
        f"Two convolutions and two linear layers on 100 digits of 8 x 8; {what}.",
        {
            "Test error": Panel("number of epochs", "test error (%)", factor=100, log="y"),
            "Gap between test and training error": Panel(
                "number of epochs", "test minus training error (%)", factor=100
            ),
        },
        partial(measure, f"with {name.replace('-', ' ')}", treated),
        verdict,
        100,
        80,
        seeds=4,
    )


DROPOUT = claim(
    "dropout",
    "Dropout works against overfitting.",
    "Srivastava et al. 2014, JMLR 15",
    "with dropout of half of the hidden units, and without",
    (partial(linear_head, 0.5), None),
)
AUGMENTATION = claim(
    "augmentation",
    "Augmentation works against overfitting.",
    "Krizhevsky et al. 2012, section 4.1",
    "with random shifts by up to one pixel, and without",
    (linear_head, shifted),
)
AVERAGE_POOLING = claim(
    "global-average-pooling",
    "Global average pooling instead of linear layers works against overfitting.",
    "Lin et al. 2014, arXiv 1312.4400, section 3.2",
    "against a third convolution whose ten maps are averaged",
    (averaging_head, None),
)

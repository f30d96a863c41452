"""A child: a network that a search proposes, and its score after a short training."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..analysis import summary
from ..data import DataLoader, Subset, TensorDataset
from ..random import manual_seed
from ..training import evaluate, fit
from ..training.recipes import Recipe
from ..training.sources import Source, load_source, parts_of
from .spaces import Space

TEST_BATCH = 256


@dataclass(frozen=True)
class Training:
    """How each child is trained: the data, the schedule and the seed.

    data, path: see `training.SOURCES`; size: side of the images in pixels; images: the number used,
    spread evenly over the data, None for all. Every fifth of them is held out, and the accuracy on
    these is the child's reward. The data set's own test images are not used: they are reserved for
    evaluating the result of the search.
    epochs, batch_size; lr: the peak rate of one cycle of SGD with momentum 0.9.
    seed: of the initial weights and the order of images, the same for all children, so that they
    differ only in architecture.

    Raises: ValueError for numbers out of range.
    """

    data: str = "digits"
    path: str | None = None
    size: int = 8
    images: int | None = None
    epochs: int = 2
    batch_size: int = 32
    lr: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("size", 1), ("images", 5), ("epochs", 1), ("batch_size", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"Training: {name}={value} must be at least {least}")
        if not self.lr > 0:
            raise ValueError(f"Training: lr={self.lr} must be above 0")

    def recipe(self) -> Recipe:
        """The same settings as a recipe of `fit`."""
        settings = {"lr": self.lr, "momentum": 0.9, "weight_decay": 5e-4}
        return Recipe(self.epochs, self.batch_size, drop_last=True, settings=settings)

    def hash_of_data(self) -> str:
        """A hash that changes with the images or labels, as far as `parts_of` can tell.

        Raises: ValueError if `images` exceeds the number available; whatever `load_source` raises
        if the data are missing.
        """
        source = _source(self)
        _count(self, source)
        parts = parts_of(self.data, source)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class Child(NamedTuple):
    """An architecture of a space, and its training settings."""

    space: Space
    architecture: Any
    training: Training

    def key(self) -> str:
        """A key that two children share if and only if they are trained identically."""
        space: Any = self.space
        parts = [type(space).__name__, asdict(space)]
        parts += [self.architecture, asdict(self.training)]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


class Score(NamedTuple):
    """The result of training a child.

    reward: accuracy on held-out images, 0 if it failed; macs: multiply-adds of one image; params;
    seconds: of building and training it; failed: the reason, None if it succeeded.
    """

    reward: float
    macs: int | None = None
    params: int | None = None
    seconds: float = 0.0
    failed: str | None = None


def train_child(child: Child) -> Score:
    """Build a child, train it and measure it; all random numbers come from its seed.

    Raises: whatever building and training raise.
    """
    training, recipe = child.training, child.training.recipe()
    learned_from, held_out, classes = data_of(training)
    manual_seed(training.seed)
    channels = learned_from[0][0].shape[0]
    model = child.space.build(child.architecture, classes, channels)
    cost = summary(model, (channels, training.size, training.size))
    loader = DataLoader(learned_from, training.batch_size, shuffle=True, drop_last=True)
    optimizer, schedule = recipe.make_optimizer(model, len(loader))
    fit(
        model,
        loader,
        epochs=training.epochs,
        optimizer=optimizer,
        scheduler=schedule,
        scheduler_every="step",
        progress="none",
    )
    reward: Any = evaluate(model, DataLoader(held_out, TEST_BATCH)).top1
    return Score(reward, cost.total_macs, cost.total_params)


def _source(training: Training) -> Source:
    transform = training.recipe().transform(training.size, train=False)
    # load_source tells the two apart by identity; a search uses no augmentation
    other = training.recipe().transform(training.size, train=False)
    return load_source(training.data, training.path, training.size, (transform, other))


def _count(training: Training, source: Source) -> int:
    """The number of images used.

    Raises: ValueError if fewer are available, or if they are too few for one batch.
    """
    there = len(source.train)
    count = there if training.images is None else training.images
    if not 5 <= count <= there:
        raise ValueError(
            f"Training: images={count} must be from 5 to {there}, those that {training.data} has "
            "to learn from"
        )
    learned = count - count // 5
    if training.batch_size > learned:
        raise ValueError(
            f"Training: batch_size={training.batch_size} must be at most {learned}, the images "
            "that a network learns from"
        )
    return count


@lru_cache(maxsize=2)  # in each worker: drawing or reading images takes longer than a small child
def data_of(training: Training) -> tuple[Subset, Subset, int]:
    """The training images, the held-out images, and the number of classes."""
    source = _source(training)
    count = _count(training, source)
    chosen = np.linspace(0, len(source.train) - 1, count).astype(int)
    images, labels = zip(*(source.train[int(i)] for i in chosen), strict=True)
    every = TensorDataset(np.stack(images), np.array(labels))
    held_out = np.arange(count) % 5 == 4
    learned, held = (Subset(every, np.flatnonzero(p).tolist()) for p in (~held_out, held_out))
    return learned, held, len(source.classes)

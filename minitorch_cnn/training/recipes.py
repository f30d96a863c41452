"""How each model is trained when nobody says otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..data import transforms
from ..nn import Module
from ..optim import SGD, AdamW, Optimizer, RMSprop
from ..optim.lr_scheduler import LRScheduler, OneCycleLR

OPTIMIZERS = {"SGD": SGD, "AdamW": AdamW, "RMSprop": RMSprop}


@dataclass(frozen=True)
class Recipe:
    """The settings of a training run besides model and data; all of it can be JSON.

    optimizer: a name in OPTIMIZERS, with its `settings`; their lr is the peak of a OneCycleLR over
    the whole run. average, clip_norm: as of `fit`. label_smoothing: as of `cross_entropy`.
    content: pixels a side that images are resized to before they are padded to the model's input
    (None: the input's size, no padding).
    border: pixels added around training images, from which a piece of the input's size is then cut
    at random; with `area` a piece of a random share of the area and a random aspect ratio within
    `ratio`, which is resized (see `RandomResizedCrop`). flip: whether they are mirrored at random.
    mean, std: taken off and divided by.

    Raises: ValueError for an unknown optimizer.
    """

    epochs: int = 20
    batch_size: int = 64
    optimizer: str = "SGD"
    settings: dict[str, Any] = field(
        default_factory=lambda: {"lr": 0.05, "momentum": 0.9, "weight_decay": 5e-4}
    )
    average: float | None = None
    clip_norm: float | None = None
    label_smoothing: float = 0.0
    content: int | None = None
    border: int = 0
    area: tuple[float, float] | None = None
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    flip: bool = False
    mean: tuple[float, ...] = (0.5,)
    std: tuple[float, ...] = (0.25,)

    def __post_init__(self):
        for name in ("area", "ratio", "mean", "std"):  # JSON makes lists of them
            if getattr(self, name) is not None:
                object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.optimizer not in OPTIMIZERS:
            names = ", ".join(OPTIMIZERS)
            raise ValueError(f"Recipe: optimizer={self.optimizer!r} must be one of {names}")

    def make_optimizer(self, model: Module, steps: int) -> tuple[Optimizer, LRScheduler]:
        """The optimizer for a model, and the schedule of a run of so many steps."""
        optimizer = OPTIMIZERS[self.optimizer](model.parameters(), **self.settings)
        schedule = OneCycleLR(
            optimizer, self.settings["lr"], total_steps=steps, cycle_momentum=False
        )
        return optimizer, schedule

    def transform(self, size: int, train: bool) -> transforms.Compose:
        """What makes an image (C, H, W) of any size in [0, 1] the input (C, size, size) of a model.

        Raises: ValueError if content is above size.
        """
        content = size if self.content is None else self.content
        if content > size:
            raise ValueError(f"Recipe: content={content} must be at most the input's {size} pixels")
        before = (size - content) // 2
        after = size - content - before
        steps: list = [transforms.Resize(content), transforms.CenterCrop(content)]
        if after:
            steps.append(transforms.Pad((before, before, after, after)))
        if train and self.area:
            crop = transforms.RandomResizedCrop(size, self.area, self.ratio)
            steps += [transforms.Pad(self.border), crop]
        elif train and self.border:
            steps.append(transforms.RandomCrop(size, padding=self.border))
        if train and self.flip:
            steps.append(transforms.RandomHorizontalFlip())
        return transforms.Compose([*steps, transforms.Normalize(self.mean, self.std)])


# Background -0.1 and ink 1.175, so that the inputs of a page have mean 0 and variance 1 or so
# (LeCun et al. 1998, section II.B): (x - mean) / std = 1.275 x - 0.1.
LENET_INPUT = {"mean": (0.1 / 1.275,), "std": (1 / 1.275,)}

# The paper's training images were distorted too: moved, scaled and squeezed (section III).
DISTORTED = {"content": 24, "border": 2, "area": (0.65, 1.0), "ratio": (0.85, 1 / 0.85)}

RECIPES = {
    "lenet5": Recipe(
        epochs=40,
        batch_size=16,
        settings={"lr": 0.003, "momentum": 0.9},
        average=0.995,
        clip_norm=5.0,
        **DISTORTED,
        **LENET_INPUT,
    ),
    "lenet5_relu": Recipe(
        epochs=20,
        batch_size=16,
        settings={"lr": 0.02, "momentum": 0.9, "weight_decay": 5e-4},
        **DISTORTED,
        **LENET_INPUT,
    ),
}


def recipe(model: str) -> Recipe:
    """The recipe of a registered model, or the general one."""
    return RECIPES.get(model, Recipe())

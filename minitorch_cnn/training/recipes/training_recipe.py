"""A recipe: the settings of a training run apart from model and data."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from ...data import transforms
from ...nn import Conv2d, Linear, Module, init
from ...optim import SGD, AdamW, Optimizer, RMSprop
from ...optim.lr_scheduler import (
    CosineAnnealingLR,
    LinearLR,
    LRScheduler,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    SequentialLR,
    StepLR,
)
from ...spelling import nearest, one_of
from ..input_transform import scaling

OPTIMIZERS = {"SGD": SGD, "AdamW": AdamW, "RMSprop": RMSprop}
SCHEDULES = {
    "one-cycle": (),
    "step": ("every", "factor"),
    "milestones": ("at", "factor"),
    "polynomial": ("power",),
    "cosine": (),
    "constant": (),
}


@dataclass(frozen=True)
class Recipe:
    """How a model is trained; JSON can store all of it.

    drop_last: whether an epoch's last batch is dropped if it is not full. Batch norm has poor
    statistics for a few images, and such a batch may undo much of the training.
    optimizer: a name in OPTIMIZERS, with its `settings`. undecayed: the last names of parameters
    without weight decay.
    schedule: {"name": ...} and the settings that SCHEDULES lists for it, after every step:
    "one-cycle" up to the optimizer's lr and down to zero; "step": times `factor` every `every`
    epochs; "milestones": times `factor` after each number of epochs in the list `at`; "polynomial":
    lr (1 - t/T)^power over the T steps of the run; "cosine": lr (1 + cos(pi t/T)) / 2;
    "constant".
    warm_up: {"epochs": n, "start": s, "end": e} or None: n epochs before the schedule, which starts
    counting after them, at lr times a factor that goes linearly from s to e.
    average, clip_norm, auxiliary: as for `fit`; with auxiliary above 0 the model is made with its
    auxiliary heads. label_smoothing, ignore_index: as for `cross_entropy`.
    sum_of_pixels: whether the loss of an image with labelled pixels is their sum, not their mean.
    init: "kaiming" draws the weights of convolutions and linear layers from N(0, 2 / inputs), with
    biases 0, except for layers that the model starts at zero; None keeps the model's own
    initialisation.
    pretrain: the model whose finished run this one may start from (see `train_run`).
    scales: the shorter side of images before the crop, as multiples of the input's size: random
    between the two in training, their mean for held-out images.
    content: side in pixels to which images are resized before they are padded to the model's input
    (None: the input's size, no padding).
    border: pixels added around training images before a random crop of the input's size; with
    `area` a crop of a random fraction of the area and a random aspect ratio within `ratio`, which
    is resized (see `RandomResizedCrop`). flip: whether they are mirrored at random.
    lighting: the std of `PCALighting`, 0 for none. channels: the order of the input's, "RGB" or
    "BGR"; mean is subtracted and std divides (see `Preprocessing`).

    Raises: ValueError for an unknown optimizer, schedule or init.
    """

    epochs: int = 20
    batch_size: int = 64
    drop_last: bool = False
    optimizer: str = "SGD"
    settings: dict[str, Any] = field(
        default_factory=lambda: {"lr": 0.05, "momentum": 0.9, "weight_decay": 5e-4}
    )
    undecayed: tuple[str, ...] = ()
    schedule: dict[str, Any] = field(default_factory=lambda: {"name": "one-cycle"})
    warm_up: dict[str, float] | None = None
    average: float | None = None
    clip_norm: float | None = None
    label_smoothing: float = 0.0
    ignore_index: int = -100
    sum_of_pixels: bool = False
    auxiliary: float = 0.0
    init: str | None = None
    pretrain: str | None = None
    scales: tuple[float, float] | None = None
    content: int | None = None
    border: int = 0
    area: tuple[float, float] | None = None
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    flip: bool = False
    lighting: float = 0.0
    channels: str = "RGB"
    mean: tuple[float, ...] = (0.5,)
    std: tuple[float, ...] = (0.25,)

    def __post_init__(self):
        # JSON turns tuples into lists.
        for name in ("undecayed", "scales", "area", "ratio", "mean", "std"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.optimizer not in OPTIMIZERS:
            rule = one_of(self.optimizer, OPTIMIZERS)
            raise ValueError(f"Recipe: optimizer={self.optimizer!r} {rule}")
        name, *settings = self.schedule.get("name"), *sorted(self.schedule.keys() - {"name"})
        if name not in SCHEDULES or settings != sorted(SCHEDULES[name]):
            raise ValueError(
                f"Recipe: schedule={self.schedule} must have a name and the settings of one of "
                f"{SCHEDULES}{'' if name in SCHEDULES else nearest(name, SCHEDULES)}"
            )
        if self.warm_up is not None and self.warm_up.keys() != {"epochs", "start", "end"}:
            raise ValueError(
                f"Recipe: warm_up={self.warm_up} must be None or have epochs, start and end"
            )
        if self.init not in (None, "kaiming"):
            raise ValueError(f"Recipe: init={self.init!r} must be None or 'kaiming'")

    def scaled(self, ranks: int) -> Recipe:
        """This recipe for a batch of all ranks: that many times the batch and the rate, warmed up.

        The linear scaling rule and the gradual warm-up of "Accurate, large minibatch SGD: training
        ImageNet in 1 hour" (Goyal et al. 2017), sections 2.1 and 2.2: 5 epochs, at most half of
        all. A warm-up that the recipe has starts at its old rate; a one-cycle schedule is one.
        """
        if ranks == 1:
            return self
        warm_up, schedule = self.warm_up, self.schedule
        if warm_up is not None:
            warm_up = {**warm_up, "start": warm_up["start"] / ranks}
        elif schedule["name"] != "one-cycle":
            epochs = min(5, self.epochs / 2)
            warm_up = {"epochs": epochs, "start": 1 / ranks, "end": 1.0}
            if "at" in schedule:  # which counts from the end of the warm-up
                schedule = {**schedule, "at": [epoch - epochs for epoch in schedule["at"]]}
        return replace(
            self,
            batch_size=self.batch_size * ranks,
            settings={**self.settings, "lr": self.settings["lr"] * ranks},
            warm_up=warm_up,
            schedule=schedule,
        )

    def make_optimizer(self, model: Module, steps: int) -> tuple[Optimizer, LRScheduler]:
        """The optimizer for a model, and the schedule for `steps` steps per epoch."""
        optimizer = OPTIMIZERS[self.optimizer](self._param_groups(model), **self.settings)
        if self.warm_up is None:
            return optimizer, self._make_schedule(optimizer, self.epochs, steps)
        epochs, start, end = (self.warm_up[name] for name in ("epochs", "start", "end"))
        first = LinearLR(optimizer, start, end, round(epochs * steps))
        then = self._make_schedule(optimizer, self.epochs - epochs, steps)
        return optimizer, SequentialLR(optimizer, [first, then], [first.total_iters])

    def _param_groups(self, model: Module) -> list[dict[str, Any]]:
        """The parameters of a model, with those without weight decay in a separate group."""
        decayed, others = [], []
        for name, param in model.named_parameters():
            last = name.rpartition(".")[2]
            (others if last in self.undecayed else decayed).append(param)
        groups = [{"params": decayed}]
        return [*groups, {"params": others, "weight_decay": 0.0}] if others else groups

    def _make_schedule(self, optimizer: Optimizer, epochs: float, steps: int) -> LRScheduler:
        """The schedule for a number of epochs with a number of steps each."""
        total, settings = round(epochs * steps), self.schedule
        if settings["name"] == "step":
            return StepLR(optimizer, round(settings["every"] * steps), settings["factor"])
        if settings["name"] == "milestones":
            at = [epoch * steps for epoch in settings["at"]]
            return MultiStepLR(optimizer, at, settings["factor"])
        if settings["name"] == "constant":
            return StepLR(optimizer, total, gamma=1.0)
        if settings["name"] == "polynomial":
            return PolynomialLR(optimizer, total, settings["power"])
        if settings["name"] == "cosine":
            return CosineAnnealingLR(optimizer, total)
        rate = self.settings["lr"]
        return OneCycleLR(optimizer, rate, total_steps=total, cycle_momentum=False)

    def first_weights(self, model: Module) -> None:
        """Initialise a new model's weights as `init` says."""
        if self.init is None:
            return
        for layer in model.modules():
            if isinstance(layer, Conv2d | Linear) and layer.weight.array.any():
                init.kaiming_normal_(layer.weight, nonlinearity="relu")
                if layer.bias is not None:
                    init.zeros_(layer.bias)

    def transform(self, size: int | None, train: bool) -> transforms.Compose:
        """The transform of an image (C, H, W) of any size in [0, 1] to the input (C, size, size).

        With size=None the input has the image's size, and pixels keep their positions.

        Raises: ValueError if content is above size, or if size is None and the recipe moves pixels.
        """
        if size is None:
            self._check_still()
            steps = []
        else:
            steps = self._crop(size, train) if self.scales else self._pad(size, train)
        if train and self.flip:
            steps.append(transforms.RandomHorizontalFlip())
        if train and self.lighting:
            steps.append(transforms.PCALighting(self.lighting))
        return transforms.Compose([*steps, *scaling(self.channels, self.mean, self.std)])

    def _check_still(self) -> None:
        for name in ("scales", "content", "border", "area", "flip"):
            if getattr(self, name):
                raise ValueError(
                    f"Recipe: {name}={getattr(self, name)} moves pixels away from their labels"
                )

    def _crop(self, size: int, train: bool) -> list:
        """The crop of a photograph that is the input."""
        if train and self.area:
            return [transforms.RandomResizedCrop(size, self.area, self.ratio)]
        scales: Any = self.scales
        low, high = (round(scale * size) for scale in scales)
        if train:
            return [transforms.ScaleJitter(size, low, high)]
        return [transforms.Resize((low + high) // 2), transforms.CenterCrop(size)]

    def _pad(self, size: int, train: bool) -> list:
        """The whole of a small image, inside a margin."""
        content = size if self.content is None else self.content
        if content > size:
            raise ValueError(
                f"Recipe: size={size} must be at least {content}, the pixels of an image amid the "
                "input's margin (content)"
            )
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
        return steps

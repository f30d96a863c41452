"""The gradient race: how much gradient reaches each layer while networks train.

Pairs of small networks differ in one thing: batch norm, auxiliary heads, or shortcuts. They train
on the package's digits of 8 x 8, on the same batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ... import functional as F
from ... import nn
from ...autograd import enable_grad
from ...data.datasets import Digits
from ...optim import SGD
from ...random import manual_seed
from ...tensor import Tensor

WIDTH = 16
AUXILIARY = 0.3  # the weight of an auxiliary head's loss, as in GoogLeNet


class Tower(nn.Module):
    """Convolutions of one width, each with a ReLU, then the mean of each map and a linear layer.

    x (N, 1, H, W) -> logits (N, 10), or in training mode with `heads` a list of the logits and
    those of two auxiliary heads, a third and two thirds of the way up. shortcuts: every two
    convolutions are added to their input. The weights start by Torch's old rule, as
    `nn.Conv2d` does.
    """

    def __init__(
        self, depth: int, batch_norm: bool = False, heads: bool = False, shortcuts: bool = False
    ):
        super().__init__()
        convs = [
            nn.Conv2d(1 if k == 0 else WIDTH, WIDTH, 3, padding=1, bias=not batch_norm)
            for k in range(depth)
        ]
        self.convs = nn.ModuleList(convs)
        norms = [nn.BatchNorm2d(WIDTH) if batch_norm else nn.Identity() for _ in convs]
        self.norms = nn.ModuleList(norms)
        places = (depth // 3 - 1, 2 * depth // 3 - 1) if heads else ()
        self.heads = nn.ModuleDict({str(k): nn.Linear(WIDTH, 10) for k in places})
        self.last = nn.Linear(WIDTH, 10)
        self.shortcuts = shortcuts

    def forward(self, x: Tensor) -> Any:
        answers: list[Tensor] = []
        kept = x
        for k, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            x = norm(conv(x))
            if self.shortcuts and k and k % 2 == 0:
                x = x + kept
            x = F.relu(x)
            kept = x if k % 2 == 0 else kept
            if self.training and str(k) in self.heads:
                answers.append(self.heads[str(k)](x.mean((2, 3))))
        answer = self.last(x.mean((2, 3)))
        return [answer, *answers] if answers else answer


class Lane(NamedTuple):
    """A network of the race: its name, and the settings of `Tower`."""

    name: str
    settings: dict[str, Any]


RACES: dict[str, tuple[Lane, Lane]] = {
    "batch norm": (
        Lane("without batch norm", {"depth": 10}),
        Lane("with batch norm", {"depth": 10, "batch_norm": True}),
    ),
    "auxiliary heads": (
        Lane("without heads", {"depth": 9}),
        Lane("with two auxiliary heads", {"depth": 9, "heads": True}),
    ),
    "auxiliary heads and batch norm": (
        Lane("batch norm, without heads", {"depth": 9, "batch_norm": True}),
        Lane("batch norm and two auxiliary heads", {"depth": 9, "batch_norm": True, "heads": True}),
    ),
    "shortcuts": (
        Lane("plain", {"depth": 31, "batch_norm": True}),
        Lane("residual", {"depth": 31, "batch_norm": True, "shortcuts": True}),
    ),
}


@enable_grad()
def record(
    settings: dict[str, Any], steps: Sequence[int], lr: float = 0.05, batch: int = 64, seed: int = 0
) -> dict[str, Any]:
    """Train a `Tower` on the digits and record the norm of each layer's gradient at some steps.

    -> {"layers": names, "steps": steps, "norms": for each step ||dL/dw|| of each layer's weight
    before the step, "losses": the loss of the last head in that batch}

    Raises: ValueError for steps that do not grow from at least 0 on.
    """
    if not steps or list(steps) != sorted(set(steps)) or steps[0] < 0:
        raise ValueError(f"record: steps={list(steps)} must grow, from at least 0 on")
    manual_seed(seed)
    model, rng = Tower(**settings), np.random.default_rng(seed)
    data = Digits(train=True)
    optimizer = SGD(model.parameters(), lr=lr, momentum=0.9)
    named = {f"conv {k + 1}": conv.weight for k, conv in enumerate(model.convs)}
    named["linear"] = model.last.weight
    found: dict[str, Any] = {"layers": list(named), "steps": list(steps), "norms": [], "losses": []}
    for step in range(steps[-1] + 1):
        rows = rng.choice(len(data.labels), batch, replace=False)
        answer, *others = _all(model(Tensor(2 * data.images[rows] - 0.6)))
        target = Tensor(data.labels[rows])
        first = F.cross_entropy(answer, target)
        loss = first + sum(AUXILIARY * F.cross_entropy(other, target) for other in others)
        optimizer.zero_grad()
        loss.backward()
        if step in found["steps"]:
            norms = [float(np.linalg.norm(w.grad.array)) for w in named.values()]  # type: ignore[union-attr]
            found["norms"].append([_short(v) for v in norms])
            found["losses"].append(_short(first.item()))
        optimizer.step()
    return found


def _all(answers: Any) -> list[Tensor]:
    return answers if isinstance(answers, list) else [answers]


def _short(number: float) -> float:
    return float(f"{number:.3g}")


def races(steps: Sequence[int]) -> list[dict[str, Any]]:
    """All `RACES`: the name of each, and what was recorded of its two networks."""
    return [
        {
            "name": name,
            "lanes": [{"name": lane.name, **record(lane.settings, steps)} for lane in lanes],
        }
        for name, lanes in RACES.items()
    ]

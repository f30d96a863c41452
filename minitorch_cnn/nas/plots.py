"""Pictures of a search: its rewards as it went on, and what accuracy costs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..figures import new_figure, save_figure
from .log import Sample
from .pareto import pareto_front

DOT, LINE, BEST = "#b9bec6", "#1f5fbf", "#d9822b"


def plot_rewards(samples: Sequence[Sample], path: str | Path) -> None:
    """The reward of every sample, their mean over the last tenth of all, and the best so far.

    Raises: ImportError without Matplotlib.
    """
    figure = new_figure(8, 4)
    axes = figure.subplots()
    rewards = 100 * np.array([sample.score.reward for sample in samples])
    numbers = np.arange(1, len(rewards) + 1)
    span = max(1, len(rewards) // 10)
    mean = np.convolve(rewards, np.full(span, 1 / span), "valid")
    axes.scatter(numbers, rewards, s=9, color=DOT, label="a network (0: it failed)")
    axes.step(
        numbers, np.maximum.accumulate(rewards), where="post", color=BEST, label="best so far"
    )
    axes.plot(numbers[span - 1 :], mean, color=LINE, label=f"mean of the last {span}")
    axes.set_xlabel("sample")
    axes.set_ylabel("accuracy on held-out images (%)")
    gain = mean[-1] - mean[0]
    word = "above" if gain >= 0 else "below"
    title = f"The last {span} samples are {abs(gain):.1f} points {word} the first on average"
    axes.set_title(title, loc="left")
    finish(figure, axes, path)


def plot_pareto(samples: Sequence[Sample], path: str | Path) -> None:
    """Accuracy against multiply-adds of every network, and those that no other one beats.

    Raises: ImportError without Matplotlib.
    """
    figure = new_figure(8, 4.5)
    axes = figure.subplots()
    every = np.array([s.score[:2] for s in samples if s.score.failed is None]).reshape(-1, 2)
    front = pareto_front(samples)
    chosen = np.array([s.score[:2] for s in front]).reshape(-1, 2)
    axes.scatter(every[:, 1], 100 * every[:, 0], s=9, color=DOT, label="a network")
    axes.step(
        chosen[:, 1],
        100 * chosen[:, 0],
        where="post",
        color=LINE,
        marker="o",
        markersize=4,
        label="no other is as accurate for less",
    )
    axes.set_xscale("log")
    axes.set_xlabel("multiply-adds of an image")
    axes.set_ylabel("accuracy on held-out images (%)")
    tried = len({sample.key for sample in samples})
    axes.set_title(f"{len(front)} of {tried} networks are worth their cost", loc="left")
    finish(figure, axes, path)


def finish(figure: Any, axes: Any, path: str | Path) -> None:
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(frameon=False, loc="outside lower center", ncols=3)
    save_figure(figure, path)

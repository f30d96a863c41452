"""Plots of a search: its rewards over time, and accuracy against cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..figures import (
    BLUE,
    GREY,
    VERMILLION,
    label,
    log_ticks,
    new_figure,
    save_figure,
    whole_ticks,
)
from .log import Sample
from .pareto import pareto_front


def plot_rewards(samples: Sequence[Sample], path: str | Path) -> None:
    """Plot the reward of every sample, their mean over the last tenth of all, and the best so far.

    Raises: ImportError without Matplotlib.
    """
    figure = new_figure(8, 4)
    axes = figure.subplots()
    rewards = 100 * np.array([sample.score.reward for sample in samples])
    numbers = np.arange(1, len(rewards) + 1)
    span = max(1, len(rewards) // 10)
    mean = np.convolve(rewards, np.full(span, 1 / span), "valid")
    axes.scatter(numbers, rewards, s=9, color=GREY, label="a network (0: it failed)")
    axes.step(
        numbers, np.maximum.accumulate(rewards), where="post", color=VERMILLION, label="best so far"
    )
    axes.plot(numbers[span - 1 :], mean, color=BLUE, label=f"mean of the last {span}")
    whole_ticks(axes, numbers.tolist())
    gain = mean[-1] - mean[0]
    word = "above" if gain >= 0 else "below"
    title = f"The last {span} samples are {abs(gain):.1f} points {word} the first on average"
    if span == 1:
        title = f"The last sample is {abs(gain):.1f} points {word} the first"
    label(axes, title, "number of sampled networks", "accuracy on held-out images (%)")
    finish(figure, path)


def plot_pareto(samples: Sequence[Sample], path: str | Path) -> None:
    """Plot accuracy against multiply-adds of every network, and mark the Pareto-optimal ones.

    Raises: ImportError without Matplotlib.
    """
    figure = new_figure(8, 4.5)
    axes = figure.subplots()
    every = np.array([s.score[:2] for s in samples if s.score.failed is None]).reshape(-1, 2)
    front = pareto_front(samples)
    chosen = np.array([s.score[:2] for s in front]).reshape(-1, 2)
    axes.scatter(every[:, 1], 100 * every[:, 0], s=9, color=GREY, label="a network")
    axes.step(
        chosen[:, 1],
        100 * chosen[:, 0],
        where="post",
        color=BLUE,
        marker="o",
        markersize=4,
        label="Pareto front: no other is as accurate for less",
    )
    axes.set_xscale("log")
    log_ticks(axes.xaxis)
    tried = len({sample.key for sample in samples})
    title = f"{len(front)} of {tried} networks are worth their cost"
    label(axes, title, "multiply-adds of an image", "accuracy on held-out images (%)")
    finish(figure, path)


def finish(figure: Any, path: str | Path) -> None:
    figure.legend(loc="outside lower center", ncols=3)
    save_figure(figure, path)

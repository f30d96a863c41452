"""Compares the rewards of REINFORCE, random search and evolution at equal budget.

    OPENBLAS_NUM_THREADS=1 python -m benchmarks.search [--seeds N] [--budget N] [--workers N]
                                                       [--out FILE]

The search space is three convolutions on the 8 x 8 digits, each with a height, a width, a number of
filters and a stride: 108^3 networks. The smallest ends in a single position, the largest has 16
filters at full size. Each network is trained for two epochs on 800 images; its reward is its
accuracy on 200 others. Methods have their default settings. A seed applies to the method and to the
children.

The criterion is the mean reward of the last tenth of the samples, compared with the first tenth and
with random search: the networks that a method proposes after learning. The best of all samples is
listed, too; among this many, even random samples include good ones. All accuracies are on the
images that the search itself selected by, 0.5 % per image.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from tempfile import TemporaryDirectory

import numpy as np

from minitorch_cnn.figures import BLUE, GREY, VERMILLION, add_legend, new_figure, save_figure
from minitorch_cnn.nas import LayerSpace, Plan, Sample, Training, run_search

from .tables import Table

SPACE = LayerSpace(
    layers=3, heights=(1, 3, 5), widths=(1, 3, 5), filters=(2, 4, 8, 16), strides=(1, 2, 3)
)
METHODS = ("random", "reinforce", "evolution")
COLORS = {"random": GREY, "reinforce": BLUE, "evolution": VERMILLION}
COLUMNS = {
    "method": "",
    "seed": "",
    "first tenth": ".1%",
    "last tenth": ".1%",
    "best": ".1%",
    "trained": "",
    "s": "",
}


def plan(method: str, seed: int, budget: int) -> Plan:
    training = Training(images=1000, epochs=2, batch_size=32, lr=0.1, seed=seed)
    return Plan(SPACE, method, budget, training, seed=seed)


def ends(rewards: Sequence[float]) -> tuple[float, float]:
    """The means of the first and of the last tenth, of at least one sample each."""
    tenth = max(1, len(rewards) // 10)
    return float(np.mean(rewards[:tenth])), float(np.mean(rewards[-tenth:]))


def rewards_of(samples: list[Sample]) -> list[float]:
    return [sample.score.reward for sample in samples]


def measure(seeds: int, budget: int, workers: int | None, table: Table) -> dict[str, np.ndarray]:
    """The rewards of every method, (seeds, budget); adds their rows to the table."""
    found: dict[str, list[list[float]]] = {method: [] for method in METHODS}
    for seed in range(seeds):
        for method in METHODS:
            started = time.perf_counter()
            with TemporaryDirectory() as directory:
                samples = run_search(
                    plan(method, seed, budget), directory, workers=workers, progress="none"
                )
            rewards = rewards_of(samples)
            trained = sum(not sample.known for sample in samples)
            seconds = time.perf_counter() - started
            table.add(method, seed, *ends(rewards), max(rewards), trained, round(seconds))
            found[method].append(rewards)
    return {method: np.array(rewards) for method, rewards in found.items()}


def verdict(found: dict[str, np.ndarray]) -> list[str]:
    """A sentence per learning method: its gain, and the number of seeds with a gain."""
    last = {method: np.array([ends(r)[1] for r in rows]) for method, rows in found.items()}
    said = []
    for method in found.keys() - {"random"}:
        first = np.array([ends(r)[0] for r in found[method]])
        parts = []
        for other, name in ((first, "its first"), (last["random"], "random search's last")):
            gain = 100 * (last[method] - other)
            spread = f" (standard deviation {gain.std(ddof=1):.1f})" if len(gain) > 1 else ""
            parts.append(
                f"{gain.mean():+.1f} points against {name} tenth{spread}, above it on "
                f"{int((gain > 0).sum())} of {len(gain)} seeds"
            )
        said.append(f"{method}, last tenth: {'; '.join(parts)}.")
    return sorted(said, reverse=True)


def draw(found: dict[str, np.ndarray], path: str) -> None:
    """Plot the moving mean over a tenth of the samples: its mean and range over the seeds."""
    figure = new_figure(7, 4)
    axes = figure.subplots()
    for method, rewards in found.items():
        span = max(1, rewards.shape[1] // 10)
        window = np.full(span, 1 / span)
        means = 100 * np.array([np.convolve(row, window, "valid") for row in rewards])
        samples = np.arange(span, rewards.shape[1] + 1)
        axes.plot(samples, means.mean(0), color=COLORS[method], label=method)
        axes.fill_between(
            samples, means.min(0), means.max(0), color=COLORS[method], alpha=0.15, linewidth=0
        )
    axes.set_xlabel("number of sampled networks")
    axes.set_ylabel(f"accuracy, mean of the last {span} samples (%)")
    axes.set_title(
        f"Accuracy of proposed networks: mean and range, {len(rewards)} seeds", loc="left"
    )
    axes.grid()
    add_legend(axes)
    save_figure(figure, path)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search")
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="0 to N - 1 (5)")
    parser.add_argument(
        "--budget", type=int, default=200, metavar="N", help="samples of each (200)"
    )
    parser.add_argument("--workers", type=int, metavar="N", help="children at a time (all cores)")
    parser.add_argument("--out", metavar="FILE", help="a table, Markdown, and beside it a .png")
    options = parser.parse_args(argv)
    table = Table(COLUMNS)
    found = measure(options.seeds, options.budget, options.workers, table)
    for method, rewards in found.items():
        first, last = np.mean([ends(row) for row in rewards], axis=0)
        table.add(method, "all", first, last, rewards.max(1).mean(), "", "")
    print(*verdict(found), sep="\n")
    if options.out:
        given = {"seeds": options.seeds, "budget": options.budget, "workers": options.workers}
        names = [f"--{name} {value}" for name, value in given.items() if value is not None]
        title = "Architecture search at equal budget"
        table.save(options.out, title, "python -m benchmarks.search", names)
        with open(options.out, "a", encoding="utf-8") as file:
            file.write("\n" + "\n\n".join(verdict(found)) + "\n")
        draw(found, options.out.removesuffix(".md") + ".png")


if __name__ == "__main__":
    main()

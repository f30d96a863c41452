"""Nets of four families learn the digits in a small form: their training accuracy.

    OPENBLAS_NUM_THREADS=1 python -m benchmarks.small_training [NAME ...]

A narrow net without dropout, with the recipe for small images (`recipe(name, small=True)` of
mt.models), at the smallest round size of image that the net takes. One line for each net.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace

import minitorch_cnn as mt
from minitorch_cnn.data import DataLoader, datasets
from minitorch_cnn.training import evaluate, fit

#                       pixels  width  epochs
CASES = {
    "vgg11":               (32, 0.125, 5),
    "vgg16_bn":            (32, 0.125, 5),
    "alexnet":             (63, 0.125, 5),
    "zfnet":               (64, 0.125, 5),
    "googlenet":           (32, 0.125, 5),
}  # fmt: skip


def training_accuracy(name: str) -> float:
    """Train the net `name` of CASES, and return its accuracy on the images it learned from."""
    size, width, epochs = CASES[name]
    chosen = replace(mt.models.recipe(name, small=True), epochs=epochs)
    mt.manual_seed(0)
    settings = {"width": width, "dropout": 0.0}  # of few units, half would be too many to drop
    model = mt.models.create_model(name, num_classes=10, in_channels=1, **settings)
    chosen.first_weights(model)
    digits = datasets.Digits(True, size, chosen.transform(size, train=True))
    batches = DataLoader(digits, chosen.batch_size, shuffle=True)
    optimizer, schedule = chosen.make_optimizer(model, len(batches))
    fit(
        model,
        batches,
        epochs=epochs,
        optimizer=optimizer,
        scheduler=schedule,
        scheduler_every="step",
        progress="none",
    )
    return evaluate(model, batches).top1


def main(names: list[str]) -> None:
    print(f"{'net':20} {'pixels':>6} {'width':>6} {'epochs':>6} {'accuracy':>9} {'seconds':>8}")
    for name in names or CASES:
        started = time.perf_counter()
        accuracy = training_accuracy(name)
        size, width, epochs = CASES[name]
        seconds = time.perf_counter() - started
        print(f"{name:20} {size:6} {width:6} {epochs:6} {accuracy:9.2%} {seconds:8.1f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

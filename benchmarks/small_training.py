"""Trains a small network of every family on the digits, and reports its training accuracy.

    OPENBLAS_NUM_THREADS=1 python -m benchmarks.small_training [NAME ...] [--out FILE]

A narrow network, small images and few epochs; otherwise the recipe for small data
(`recipe(name, small=True)` of mt.models). `minitorch-cnn train NAME --size ... --set width=...
--epochs ...` does the same. The accuracies are those of the trained model in evaluation mode, on
the 1,442 training images and on the 355 held out. A network that labels pixels learns the masks of
`shapes`, 1,000 images with 250 held out, and reports its mean IoU. A network takes about half a
minute on one core, the longest three minutes.
"""

from __future__ import annotations

import argparse
import sys
import time
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from minitorch_cnn.data import DataLoader
from minitorch_cnn.models import model_entry
from minitorch_cnn.training import (
    Evaluation,
    evaluate,
    load_run,
    make_config,
    pixel_scores,
    train_run,
)
from minitorch_cnn.training.run import source_of

from .tables import Table

LEARNED = 0.95  # the training accuracy that a network must reach
LEARNED_PIXELS = 0.7  # the mean IoU on held-out images that it must reach, if it labels pixels
COLUMNS = {
    "net": "",
    "pixels": "",
    "width": "g",
    "epochs": "",
    "learned": ".1%",
    "held out": ".1%",
    "CPU s": ".0f",
}


class Case(NamedTuple):
    """Pixels per side, epochs, and the settings that make the network small."""

    pixels: int
    epochs: int
    settings: dict[str, Any]


NARROW = {"width": 1 / 8, "dropout": 0.0}  # dropping half of few units would be too much
# A small network as a genetic search builds it: only its stages, without those of VGG-16 before.
BRED = {"code": "1-01 0-10-000 1", "stem": [], "filters": [8, 16, 32], "norm": "batch"}
BRED |= {"pooled": 2, "units": [64], "dropout": 0.0}

# At most sizes the last maps have several positions: with one, batch norm in batches of 32 is
# noisy, and Network in Network cannot learn a class whose ReLU is always zero.
#                         pixels epochs settings
CASES = {
    "lenet5":                Case(32, 20, {}),
    "alexnet":               Case(63, 5, NARROW),
    "alexnet_two_tower":     Case(67, 5, NARROW),
    "zfnet":                 Case(64, 5, NARROW),
    "nin_cifar":             Case(32, 12, NARROW),
    "nin_imagenet":          Case(131, 8, NARROW),
    "vgg11":                 Case(32, 5, NARROW),
    "vgg16_bn":              Case(32, 5, NARROW),
    "googlenet":             Case(32, 5, NARROW),
    "googlenet_bn":          Case(64, 7, NARROW),
    "googlenet_torchvision": Case(64, 8, NARROW),
    "bn_inception":          Case(64, 7, {"width": 1 / 8}),
    "inception_v2":          Case(107, 11, NARROW),
    "inception_v2_slim":     Case(64, 7, NARROW),
    "inception_v3":          Case(107, 7, NARROW),
    "inception_v4":          Case(107, 8, NARROW),
    "inception_resnet_v1":   Case(75, 5, NARROW),
    "inception_resnet_v2":   Case(75, 5, NARROW),
    "plain20_cifar":         Case(16, 6, {"width": 1 / 2}),
    "resnet20_cifar":        Case(16, 3, {"width": 1 / 2}),
    "resnet50":              Case(64, 7, {"width": 1 / 8}),
    "preact_resnet50":       Case(64, 5, {"width": 1 / 8}),
    "wrn_16_4":              Case(16, 3, NARROW),
    "highway_mnist_16":      Case(28, 6, {"dropout": 0.0}),
    "resnext50_32x4d":       Case(64, 10, {"width": 1 / 8}),
    "stochastic_depth_resnet110_cifar": Case(16, 8, {"width": 1 / 2}),
    "ror3_wrn40_4_cifar":    Case(16, 7, {"width": 1 / 8}),
    "diracnet18":            Case(64, 6, {"width": 1 / 8}),
    "densenet40_k12_cifar":  Case(16, 3, {"width": 1 / 2}),
    "sparsenet40_k24_cifar": Case(16, 5, {"width": 1 / 4}),
    "dpn68":                 Case(64, 5, {"width": 1 / 4}),
    "se_resnet50":           Case(64, 4, {"width": 1 / 4}),
    "squeezenet1_1":         Case(64, 8, {"width": 1 / 4, "dropout": 0.0}),
    "mobilenet_v1_100":      Case(64, 10, {"width": 1 / 4}),
    "mobilenet_v2":          Case(48, 12, NARROW),
    "ghostnet_100":          Case(48, 8, NARROW),
    "ghost_vgg16_cifar":     Case(32, 5, NARROW),
    "ghost_resnet56_cifar":  Case(16, 8, {"width": 1 / 2}),
    "shufflenet_v1_g3":      Case(48, 8, {"width": 1 / 4}),
    "shufflenet_v2_x1_0":    Case(48, 10, {"width": 1 / 4}),
    "xception":              Case(48, 5, NARROW),
    "nasnet":                Case(16, 5, {"cells": 1, "width": 1 / 4}),
    "nasnet_a_mobile":       Case(48, 5, {"width": 1 / 4, "dropout": 0.0}),
    "genetic_cnn":           Case(16, 5, BRED),
    "fcn8s":                 Case(64, 6, {**NARROW, "padding": 1}),
}  # fmt: skip


def learn(name: str) -> tuple[float, float]:
    """Train the network `name` of CASES; return its training score and its held-out score."""
    pixels, epochs, settings = CASES[name]
    data = "shapes" if model_entry(name).of_pixels else "digits"
    config = make_config(name, data, model_settings=settings, size=pixels, epochs=epochs)
    with TemporaryDirectory() as directory:
        held_out = train_run(config, directory, progress="none").evaluation
        run = load_run(directory)
    learned_from = source_of(run.config).train
    learned_from.transform = run.transform  # without augmentation
    return score(evaluate(run.model, DataLoader(learned_from, 128))), score(held_out)


def score(evaluation: Evaluation) -> float:
    """Accuracy, or mean IoU of pixels."""
    if evaluation.of_pixels:
        return pixel_scores(evaluation.confusion).mean_iou
    return evaluation.top1


def main(argv: list[str] | None = None) -> None:
    """Train the nets named on the command line; the exit status is 1 if one did not learn."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.small_training")
    parser.add_argument("names", nargs="*", metavar="NAME", help="nets of CASES (default: all)")
    parser.add_argument("--out", metavar="FILE", help="also write the table there, as Markdown")
    options = parser.parse_args(argv)
    for name in options.names:
        if name not in CASES:
            parser.error(f"NAME {name} must be one of {', '.join(CASES)}")
    table, all_learned = Table(COLUMNS), True
    for name in options.names or CASES:
        started = time.process_time()
        learned, held_out = learn(name)
        pixels, epochs, settings = CASES[name]
        seconds = time.process_time() - started
        width = settings.get("width", 1)
        table.add(name, pixels, width, epochs, learned, held_out, seconds)
        if model_entry(name).of_pixels:
            all_learned = all_learned and held_out >= LEARNED_PIXELS
        else:
            all_learned = all_learned and learned >= LEARNED
    if options.out:
        title = "A net of every family learns the digits"
        table.save(options.out, title, "python -m benchmarks.small_training", options.names)
    sys.exit(not all_learned)


if __name__ == "__main__":
    main()

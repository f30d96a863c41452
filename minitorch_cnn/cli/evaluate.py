"""minitorch-cnn evaluate: how good the model of a run is on the data held out from it."""

from __future__ import annotations

from pathlib import Path

from .parser import Parser
from .report import accuracy, confusions

DESCRIPTION = """\
Measure the model of a finished run on the images that were held out: accuracy, loss, the accuracy
in each class and what is mixed up most often; if it labels pixels, also how well masks overlap.

example:
  minitorch-cnn evaluate runs/lenet5-digits"""


def add_parser(commands) -> None:
    parser: Parser = commands.add_parser(
        "evaluate", help="measure a trained model on held-out images", description=DESCRIPTION
    )
    parser.add_argument("directory", type=Path, metavar="DIR", help="the folder of the run")
    parser.set_defaults(run=run)


def run(options) -> None:
    from ..training import evaluate_run
    from ..training.run import read_config

    config = read_config(options.directory)
    evaluation = evaluate_run(options.directory)
    classes, matrix = config["classes"], evaluation.confusion
    print(f"{config['model']} on the held-out part of {config['data']}: {accuracy(evaluation)}")
    width = max(map(len, classes))
    print("\nin each class")
    for i, name in enumerate(classes):
        count = matrix[i].sum()
        share = f"{matrix[i, i] / count:7.2%}" if count else "      -"
        print(f"  {name:{width}}  {share}  ({matrix[i, i]:,} of {count:,})")
    pairs = confusions(matrix, classes)
    if pairs:
        print("\nmixed up most often")
        print("\n".join(f"  {pair}" for pair in pairs))

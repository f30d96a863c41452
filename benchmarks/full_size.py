"""Runs one step of every model at full size on two images, and checks that all results are finite.

    OPENBLAS_NUM_THREADS=1 python -m benchmarks.full_size [NAME ...] [--out FILE]

Images have the published size and are drawn from N(0, 1). Models have auxiliary heads where their
recipe has them. Memory is the peak of a separate process: Python, the model, its activations and
gradients. A model takes some seconds.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from typing import NamedTuple

import minitorch_cnn as mt
from minitorch_cnn.models import create_model, list_models, model_entry
from minitorch_cnn.models.stochastic_depth import let_survive
from minitorch_cnn.nn import Module
from minitorch_cnn.training import recipe
from minitorch_cnn.training.nonfinite import finite
from minitorch_cnn.training.objective import with_heads

from .peak import peak_memory
from .tables import Table

BATCH = 2
COLUMNS = {"model": "", "forward s": ".1f", "backward s": ".1f", "GiB": ".2f", "finite": ""}


class Step(NamedTuple):
    """Seconds of both directions, peak memory in GiB, and the first non-finite result (or "")."""

    forward: float
    backward: float
    memory: float
    wrong: str


def one_step(name: str) -> Step:
    """Loss and gradients of the model `name` for a batch of random images and labels."""
    mt.manual_seed(0)
    auxiliary = recipe(name).auxiliary
    model = create_model(name, **({"aux": True} if auxiliary else {}))
    let_survive(model, 1.0)  # a dropped block has no gradients
    images = mt.randn(BATCH, *model_entry(name).input_shape)
    total = with_heads(mt.functional.cross_entropy, auxiliary)
    started = time.perf_counter()
    output = model(images)
    N, K, *pixels = (output[0] if isinstance(output, tuple) else output).shape
    loss = total(output, mt.randint(0, K, (N, *pixels)))
    halfway = time.perf_counter()
    loss.backward()
    ended = time.perf_counter()
    memory = peak_memory()
    return Step(halfway - started, ended - halfway, memory, nonfinite(model, loss))


def nonfinite(model: Module, loss: mt.Tensor) -> str:
    """The first of loss, gradients and running statistics with a NaN or an infinity, or ""."""
    results = {"loss": loss}
    results |= {f"gradient of {name}": p.grad for name, p in model.named_parameters()}
    results |= dict(model.named_buffers())
    return next((name for name, t in results.items() if t is None or not finite(t)), "")


def main(argv: list[str] | None = None) -> None:
    """Run the models named on the command line; the exit status is 1 if one is not finite."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.full_size", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="models (default: all)")
    parser.add_argument("--out", metavar="FILE", help="also write the table there, as Markdown")
    options = parser.parse_args(argv)
    names = options.names or list_models()
    for name in names:
        model_entry(name)  # refuses an unknown name before the others take minutes
    table = Table(COLUMNS)
    all_finite = True
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for name, step in zip(names, pool.imap(one_step, names), strict=True):
            forward, backward, memory, wrong = step
            table.add(name, forward, backward, memory, f"not: {wrong}" if wrong else "yes")
            all_finite = all_finite and not wrong
    if options.out:
        title = "A step of every model at its full size: batch 2, float32"
        table.save(options.out, title, "python -m benchmarks.full_size", options.names)
    sys.exit(not all_finite)


if __name__ == "__main__":
    main()

"""Check a user's own net before a run: its input sizes, and that its output is logits."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.modes import set_grad_enabled
from ..models import Entry
from ..nn import Module
from ..random import get_rng_state, set_rng_state
from ..tensor import Tensor
from .metrics import place_of
from .run_config import RunConfig

SIZES = (8, 16, 28, 32, 48, 64, 96, 128, 224, 227, 256, 299)  # common image sizes in pixels


def run_on_blanks(
    model: Module, images: int, config: RunConfig, side: int = 0, record: bool = False
) -> Any:
    """Run a model once on blank images without leaving a trace, and return its output.

    side: height and width in pixels, by default the run's; record: whether to record the graph.
    """
    side, random_state = side or config.size, get_rng_state()
    buffers = {name: b.array.copy() for name, b in model.named_buffers()}
    x = Tensor(np.zeros((images, config.channels or 0, side, side), np.float32))
    try:
        with set_grad_enabled(record):
            return model(x.to(device=place_of(model)))
    finally:
        set_rng_state(random_state)
        for name, buffer in model.named_buffers():
            buffer.array[...] = buffers[name]


def check_own(model: Module, entry: Entry, config: RunConfig) -> None:
    """Raises ValueError if a user's own net cannot take the images of a run, or if its output is
    not logits (N, classes).

    In training mode a net may return a tuple, the logits and those of auxiliary heads, if the
    recipe gives these a weight.
    """
    side = config.size
    shape = f"(N, {config.channels}, {side}, {side})"
    for training in (True, False):
        try:
            answer = run_on_blanks(model.train(training), 2, config, record=training)
        except Exception as error:
            plain = f"{type(error).__name__}: {error}"
            why = plain if entry.file is None else entry.file.located(error)
            raise ValueError(
                f"train_run: {entry.name} cannot take images {shape}: "
                f"{why}{_other_size(model, config)}"
            ) from error
        heads = training and config.recipe.auxiliary
        parts = answer if heads and isinstance(answer, tuple) else (answer,)
        for part in parts:
            wrong = _wrong(part, config, entry.of_pixels)
            if not wrong and training and not part.requires_grad:
                wrong = (
                    "with logits that depend on no trainable parameter: none requires grad, or its "
                    "forward does not record the graph"
                )
            if wrong:
                said = f"{entry.name} answers in {'training' if training else 'evaluation'}"
                raise ValueError(f"train_run: {said} to images {shape} {wrong}")
    model.train()


def _wrong(answer: Any, config: RunConfig, of_pixels: bool) -> str:
    """The fault in the output for two images, or "" if there is none."""
    count = len(config.classes or ())
    if not isinstance(answer, Tensor):
        found = f"a tuple of {len(answer)}" if isinstance(answer, tuple) else None
        if isinstance(answer, dict):
            found = f"a dict of {', '.join(map(repr, answer))}"
        heads = (
            "; the logits of heads that help in training only are learned with --set aux=true, if "
            "the net has an argument aux"
        )
        return (
            f"with {found or 'a ' + type(answer).__name__}, it must be one tensor of logits "
            "(N, classes)" + (heads if isinstance(answer, tuple) else "")
        )
    wanted = (2, count, config.size, config.size) if of_pixels else (2, count)
    shape = tuple(answer.shape)
    if shape == wanted and answer.is_floating_point():
        return ""
    found = f"with {answer.dtype} {shape} for two of them"
    if len(shape) != len(wanted) or shape[0] != 2:
        return f"{found}, it must be a tensor of logits {wanted}: one number for each class"
    if shape != wanted:
        return (
            f"{found}, it must be {wanted}: a logit for each of the {count} classes of "
            f"{config.data}; a parameter num_classes of the net gets their number"
        )
    return f"{found}, it must be of floating-point numbers"


def _other_size(model: Module, config: RunConfig) -> str:
    """Suggest a --size that the net accepts, if one of the common sizes works."""
    for side in SIZES:
        try:
            answer = run_on_blanks(model.eval(), 2, config, side)
        except Exception:
            continue
        if isinstance(answer, Tensor) and answer.ndim > 1 and answer.shape[0] == 2:
            return f"; it takes images of {side} x {side}, which --size {side} makes of the data's"
    return ""

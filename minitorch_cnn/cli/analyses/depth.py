"""The effects of depth: sizes of signals, functions of blocks, and the loss around weights."""

from __future__ import annotations

import numpy as np

from ..parser import CommandError
from .found import Found, drawn


def of_signals(subject, options) -> Found:
    from ...analysis import signals

    found = signals(subject.model.train(), subject.x, subject.labels)
    lines = [
        f"{name:30} {std:10.3g} {gradient:10.3g} {dead:6} of {units}"
        for name, _, std, gradient, units, dead in zip(*found, strict=True)
    ]
    head = f"{'layer':30} {'activation':>10} {'gradient':>10} {'dead':>6}"
    return drawn("\n".join([head, *lines]), found)


def of_initialisations(subject, options) -> Found:
    from ...analysis import compare_initialisations

    found = compare_initialisations(subject.model.train(), subject.x, subject.labels)
    first, last = found.weighted[0], found.weighted[-1]
    lines = [f"{'':34} {'activations':>12} {'gradients':>12}    {last} / {first}"]
    for name, s in found.signals.items():
        a, b = s.layers.index(first), s.layers.index(last)
        ratios = [v[b] / v[a] if v[a] else np.nan for v in (s.std, s.gradient_std)]
        lines.append(f"{name:34} {ratios[0]:12.3g} {ratios[1]:12.3g}")
    return drawn("\n".join(lines), found)


def of_gradients(subject, options) -> Found:
    from ...analysis import gradient_norms

    found = gradient_norms(subject.model.train(), subject.x, subject.labels)
    lines = [f"{name:30} {v:10.3g}" for name, v in zip(*found, strict=True)]
    return drawn("\n".join([f"{'block':30} {'||dL/dw||':>10}", *lines]), found)


def of_lesions(subject, options) -> Found:
    from ...analysis import lesion_study

    found = lesion_study(subject.model, subject.x, subject.labels)
    rows = [f"{name:30} {100 * e:6.1f}" for name, e in zip(found.units, found.errors, strict=True)]
    head = f"{'left out':30} error (%)\n{'nothing':30} {100 * found.intact:6.1f}"
    return drawn("\n".join([head, *rows]), found)


def of_several_lesions(subject, options) -> Found:
    from ...analysis import drop_several

    found = drop_several(subject.model, subject.x, subject.labels)
    rows = [f"{size:8.0f} {100 * error:6.1f}" for size, error in found.medians()]
    return drawn("\n".join(["left out  median error (%)", *rows]), found)


def of_reordering(subject, options) -> Found:
    from ...analysis import reorder

    found = reorder(subject.model, subject.x, subject.labels)
    rows = [f"{size:11.2f} {100 * error:8.1f}" for size, error in found.medians()]
    return drawn("\n".join(["correlation  median error (%)", *rows]), found)


def of_paths(subject, options) -> Found:
    from ...analysis import gradient_by_path_length

    found = gradient_by_path_length(subject.model, subject.x, subject.labels)
    rows = [
        f"{k:6} {norm:10.3g} {100 * share:8.2f}"
        for k, norm, share in zip(found.lengths, found.norms, found.total, strict=True)
    ]
    return drawn("\n".join(["length  ||dL/dx||  share (%)", *rows]), found)


def of_refinement(subject, options) -> Found:
    from ...analysis import iterative_refinement

    found = iterative_refinement(subject.model, subject.x)
    rows = [
        f"{name:30} {error:10.3g} {spread:10.3g} {distance:10.3g}"
        for name, _, error, spread, distance, _ in zip(*found, strict=True)
    ]
    head = f"{'block':30} {'mean':>10} {'spread':>10} {'distance':>10}   of a_k - a_K"
    return drawn("\n".join([head, *rows]), found)


def of_landscape(subject, options) -> Found:
    from ...analysis import loss_line

    found = loss_line(subject.model, subject.x, subject.labels)
    rows = [f"{step:6.2f} {loss:10.4g}" for step, loss in zip(*found, strict=True)]
    return drawn("\n".join(["  step       loss", *rows]), found)


def of_surface(subject, options) -> Found:
    from ...analysis import loss_surface

    found = loss_surface(subject.model, subject.x, subject.labels)
    rows = [" ".join(f"{loss:8.3g}" for loss in row) for row in found.losses]
    return drawn("\n".join(["loss, steps from -1 to 1 along two directions", *rows]), found)


def of_degradation(subject, options) -> Found:
    from ...analysis import degradation
    from ...data.datasets import Digits
    from ...models import model_entry
    from ...tensor import Tensor
    from ...training.config import build_model

    if not subject.given:
        raise CommandError("degradation trains a MODEL from scratch: it takes no run or --image")
    names = [subject.given, *options.against]
    digits, others = Digits(train=True, size=16), Digits(train=False, size=16)
    mean, std = digits.images.mean(), digits.images.std()
    x, test_x = (Tensor((d.images - mean) / std) for d in (digits, others))

    def maker(name: str):
        entry, data = model_entry(name), {"num_classes": 10, "in_channels": 1}
        settings = {k: v for k, v in data.items() if entry.takes(k)}
        return lambda: build_model(entry, dict(options.set or ()) | settings)

    nets = {name: maker(name) for name in names}
    held_out = test_x, others.labels
    epochs = options.epochs or 10
    found = degradation(nets, x, digits.labels, epochs, seed=options.seed, test=held_out)
    tested = found.test_errors or {}
    rows = [
        f"{n:24} {100 * e[-1]:9.2f} {100 * tested[n][-1]:9.2f} {found.losses[n][-1]:9.4f}"
        for n, e in found.errors.items()
    ]
    head = f"{'':24} {'training':>9} {'test':>9} {'training':>9}\n"
    head += f"{'':24} {'error (%)':>9} {'error (%)':>9} {'loss':>9}"
    return drawn("\n".join([head, *rows]), found)

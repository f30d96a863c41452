"""Registered models at the smallest size of images that they take, with weights drawn quickly."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.models.registry import model_entry
from minitorch_cnn.nn import init


class RepeatedNumbers:
    """A generator that draws 65,537 numbers once and repeats them, from another place for each
    array: drawing hundreds of millions of weights would take most of the time of these tests."""

    def __init__(self):
        self.rng = np.random.default_rng(0)
        self.uniform_numbers = self.rng.random(65537)
        self.normal_numbers = self.rng.standard_normal(65537)

    def random(self, shape, dtype=np.float64):
        return self.repeated(self.uniform_numbers, shape, dtype)

    def standard_normal(self, shape, dtype=np.float64):
        return self.repeated(self.normal_numbers, shape, dtype)

    def repeated(self, numbers, shape, dtype):
        return np.resize(np.roll(numbers, self.rng.integers(len(numbers))).astype(dtype), shape)

    def __getattr__(self, name):
        return getattr(self.rng, name)


def _settle(model, x):
    """Give batch norms the statistics of other images: otherwise what a thousand untrained
    layers make grows beyond what float32 holds.
    """
    norms = [m for m in model.modules() if isinstance(m, mt.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    if norms:
        model(mt.randn(8, *x.shape[1:], dtype=x.dtype))
    model.eval()


def model_and_images(name, dtype=mt.float32):
    """A model in evaluation mode, two images, and its results for them."""
    entry, rng = model_entry(name), RepeatedNumbers()
    mt.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(init, "_rng", lambda generator: rng)
        model = entry.build().to(dtype).eval()
    with mt.no_grad():
        for p in model.parameters():
            if p.ndim == 4 and not p.array.any():  # the scores of an FCN begin as zeros
                p.normal_(0, 0.01)
    channels, _, whole = entry.input_shape or (3, 32, 32)
    for size in sorted({min(n, whole) for n in (32, 64, 96, 128, whole)}):
        x = mt.randn(2, channels, size, size, dtype=dtype)
        with mt.no_grad():
            try:
                y = model(x)
            except (ValueError, RuntimeError):  # the model takes no images of that size
                continue
            if not np.isfinite((y[0] if isinstance(y, tuple) else y).numpy()).all():
                _settle(model, x)
                y = model(x)
            return model, x, y
    raise AssertionError(f"{name} takes no images")

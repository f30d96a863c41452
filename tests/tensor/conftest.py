"""Helpers of the tests of tensors."""

import numpy as np
import pytest


@pytest.fixture
def rng():
    """A generator that starts anew for each test."""
    return np.random.default_rng(0)


@pytest.fixture
def torch():
    """PyTorch on one thread; the test is skipped where it is not installed."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return torch

"""Helpers of the tests of optimizers."""

import numpy as np
import pytest


@pytest.fixture
def rng():
    """A generator that starts anew for each test."""
    return np.random.default_rng(0)

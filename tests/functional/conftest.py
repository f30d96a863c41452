"""Helpers of the tests of functions."""

import numpy as np
import pytest


@pytest.fixture
def rng():
    """A generator that starts anew for each test."""
    return np.random.default_rng(0)

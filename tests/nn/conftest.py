"""Helpers of the tests of layers."""

import numpy as np
import pytest

import minitorch_cnn as mt


@pytest.fixture
def rng():
    """A generator that starts anew for each test."""
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def seeded():
    """Every test draws the same weights, alone or in company."""
    mt.manual_seed(0)

"""Fixtures of all tests of models."""

import pytest

import minitorch_cnn as mt


@pytest.fixture(autouse=True)
def seed():
    """The same random weights and images in every run."""
    mt.manual_seed(0)

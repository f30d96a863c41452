"""Nets of part of the families learn the digits in their small form."""

import pytest

from benchmarks.small_training import CASES, training_accuracy
from minitorch_cnn.models import list_models


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vgg11"])
def test_a_small_form_learns_the_images_it_is_trained_on(name):
    assert training_accuracy(name) >= 0.95


def test_the_cases_are_models_there_are():
    assert CASES.keys() <= set(list_models())

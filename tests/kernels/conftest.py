"""Fixtures of all tests of kernels."""

import pytest

from minitorch_cnn.kernels import get_num_threads, set_num_threads, threads
from minitorch_cnn.kernels.cuda.launch import forget_plans


@pytest.fixture(autouse=True)
def same_number_of_threads():
    """Restore the number of threads after each test, even if it fails."""
    before = get_num_threads()
    yield
    if get_num_threads() != before:
        set_num_threads(before)


@pytest.fixture(autouse=True)
def new_plans():
    """Plan the launches of kernels anew, since a test may have changed what plans depend on."""
    forget_plans()
    yield
    forget_plans()


@pytest.fixture
def three_threads():
    """Compute with three threads; the pool's are gone after the test."""
    before = threads._num_threads
    set_num_threads(3)
    yield
    set_num_threads(1)
    threads._num_threads = before

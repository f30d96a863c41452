"""Fixtures of all tests of kernels."""

import pytest

from minitorch_cnn.kernels import get_num_threads, set_num_threads


@pytest.fixture(autouse=True)
def same_number_of_threads():
    """Restore the number of threads after each test, even if it fails."""
    before = get_num_threads()
    yield
    if get_num_threads() != before:
        set_num_threads(before)

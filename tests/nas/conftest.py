"""What holds for the tests of the search."""

import pytest

import minitorch_cnn as mt


@pytest.fixture(autouse=True)
def threads():
    """Workers use one thread; those of a test may be this process."""
    before = mt.get_num_threads()
    yield
    mt.set_num_threads(before)

"""Settings of all tests."""

import os

import pytest

# The matrices here are small: threads of OpenBLAS that wait for one another cost more than they
# bring, many times more where other programs share the cores. It is read when NumPy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@pytest.fixture(autouse=True, scope="session")
def own_cache_folder(tmp_path_factory):
    """No test reads or writes measured times in the user's cache folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield

"""Settings of all tests."""

import os

# The matrices here are small: threads of OpenBLAS that wait for one another cost more than they
# bring, many times more where other programs share the cores. It is read when NumPy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

"""python -m minitorch_cnn.kernels warm: compile the usual kernels into the cache; see warm.py."""

import argparse

from .warm import warm

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m minitorch_cnn.kernels", description=__doc__)
    parser.add_argument("what", choices=["warm"], help="compile the usual kernels into the cache")
    parser.parse_args()
    try:
        warm()
    except RuntimeError as error:
        parser.error(str(error))

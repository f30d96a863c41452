"""`python -m minitorch_cnn.course`: the command `minitorch-cnn course`."""

import sys

from ..cli import main

if __name__ == "__main__":
    raise SystemExit(main(["course", *sys.argv[1:]]))

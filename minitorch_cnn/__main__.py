"""`python -m minitorch_cnn`: the command minitorch-cnn."""

from .cli import main

if __name__ == "__main__":
    raise SystemExit(main())

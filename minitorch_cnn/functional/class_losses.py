"""What the losses of class labels tell those who average them: how many of the labels count."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

_shares: ContextVar[list[float] | None] = ContextVar("shares", default=None)


@contextmanager
def watching_class_losses() -> Generator[list[float], None, None]:
    """The list that each loss of class labels inside the block adds a number to.

    It is what a mean divides by over the number of labels: the share of the labels that count, or,
    with weights of classes, their mean weight. A loss that does not average adds 1.
    """
    shares: list[float] = []
    token = _shares.set(shares)
    try:
        yield shares
    finally:
        _shares.reset(token)


def note_class_loss(divisor: float | None, labels: int) -> None:
    """Called by each loss of class labels; divisor: of its mean, None if it is none."""
    shares = _shares.get()
    if shares is not None:
        shares.append(1.0 if divisor is None else divisor / max(labels, 1))

"""Report the share of counted labels of a class loss to code that averages over batches."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

_shares: ContextVar[list[float] | None] = ContextVar("shares", default=None)


@contextmanager
def watching_class_losses() -> Generator[list[float], None, None]:
    """Yield a list to which each loss of class labels in the block appends a number.

    It is the divisor of the loss's mean relative to the number of labels: the share of labels that
    count, or with class weights their mean weight. A loss that does not average appends 1.
    """
    shares: list[float] = []
    token = _shares.set(shares)
    try:
        yield shares
    finally:
        _shares.reset(token)


def note_class_loss(divisor: float | None, labels: int) -> None:
    """Called by each loss of class labels; divisor: of its mean, None if it does not average."""
    shares = _shares.get()
    if shares is not None:
        shares.append(1.0 if divisor is None else divisor / max(labels, 1))

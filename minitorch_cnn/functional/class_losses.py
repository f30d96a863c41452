"""Report the share of counted labels of a class loss to code that averages over batches."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

_shares: ContextVar[list[Any] | None] = ContextVar("shares", default=None)


@contextmanager
def watching_class_losses() -> Generator[list[Any], None, None]:
    """Yield a list to which each loss of class labels in the block appends a number.

    It is the divisor of the loss's mean relative to the number of labels: the share of labels that
    count, or with class weights their mean weight. A loss that does not average appends 1, one
    on a device a DeviceShare.
    """
    shares: list[Any] = []
    token = _shares.set(shares)
    try:
        yield shares
    finally:
        _shares.reset(token)


class DeviceShare(NamedTuple):
    """A share that a device computes: total () / labels. The host waits for float(share)."""

    total: Any
    labels: int

    def __float__(self) -> float:
        return float(self.total) / max(self.labels, 1)


def note_class_loss(divisor: Any, labels: int) -> None:
    """Called by each loss of class labels.

    divisor: of its mean, a number or an array () on a device; None if it does not average.
    """
    shares = _shares.get()
    if shares is None:
        return
    if divisor is None or isinstance(divisor, float):
        shares.append(1.0 if divisor is None else divisor / max(labels, 1))
    else:
        shares.append(DeviceShare(divisor, labels))

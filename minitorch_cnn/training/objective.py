"""The objective of a step: the loss of a net's output, and each batch's weight in the mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from .. import functional as F
from ..functional.class_losses import watching_class_losses
from ..nn import CrossEntropyLoss, Module
from ..tensor import Tensor
from .batches import described


class BatchLoss(NamedTuple):
    """value: the loss of a batch, a Tensor of one element.

    share: the batch's weight in means over samples, per sample: 1, or for a mean over class labels
    the share of labels that count (their mean weight with class weights).
    of_classes: whether the loss is a cross entropy or nll_loss of class labels.
    """

    value: Tensor
    share: Any
    of_classes: bool


def loss_of_batch(function: str, loss: Callable[..., Any], output: Any, target: Any) -> BatchLoss:
    """Raises: TypeError in the name of `function` if the loss is not a Tensor, ValueError if it has
    several elements.
    """
    found = deferred_loss_of_batch(function, loss, output, target)
    return found._replace(share=float(found.share))


def deferred_loss_of_batch(
    function: str, loss: Callable[..., Any], output: Any, target: Any
) -> BatchLoss:
    """As loss_of_batch, but for a loss on a device the share may be a DeviceShare."""
    with watching_class_losses() as shares:
        value = loss(output, target)
    if not isinstance(value, Tensor):
        raise TypeError(f"{function}: loss must give a Tensor, got {described(value)}")
    if value.numel() != 1:
        raise ValueError(
            f"{function}: loss must give one number, got a Tensor of shape {value.shape}: average "
            "it over the batch"
        )
    return BatchLoss(value, shares[0] if shares else 1.0, bool(shares))


def with_heads(loss: Callable[..., Any], auxiliary: float | None) -> Callable[..., Any]:
    """The loss of a model's output: logits, or in training (logits, logits of its heads ...).

    With auxiliary=None the loss receives the output unchanged; but cross_entropy (or its module or
    partial), which does not accept a tuple, receives the first part.
    """
    bare = without_settings(loss)
    of_logits = bare is F.cross_entropy or isinstance(bare, CrossEntropyLoss)
    if auxiliary is None and not of_logits:
        return loss
    weight = auxiliary or 0.0

    def total(output: Tensor | tuple[Tensor, ...], target: Tensor) -> Tensor:
        if not isinstance(output, tuple):
            return loss(output, target)
        logits, *heads = output
        return loss(logits, target) + weight * sum(loss(head, target) for head in heads)

    total.has_heads = True
    return total


def main_output(loss: Callable[..., Any], output: Any) -> Any:
    """The part of a model's output that is evaluated: all of it, or the logits without heads."""
    heads = isinstance(output, tuple) and getattr(loss, "has_heads", False)
    return output[0] if heads else output


def loss_modules(loss: Callable[..., Any]) -> Iterator[Module]:
    """The modules behind a loss: the loss itself, or the one whose method or partial it is."""
    inner = without_settings(loss)
    owner = inner if isinstance(inner, Module) else getattr(inner, "__self__", None)
    if isinstance(owner, Module):
        yield owner


def without_settings(loss: Callable[..., Any]) -> Callable[..., Any]:
    """The function that a partial calls in the end."""
    while isinstance(loss, partial):
        loss = loss.func
    return loss


def adds_up(loss: Callable[..., Any]) -> bool:
    """Whether the loss declares that it is the sum over a batch, not the mean."""
    if isinstance(loss, partial):
        return loss.keywords.get("reduction") == "sum" or adds_up(loss.func)
    return getattr(loss, "reduction", None) == "sum"

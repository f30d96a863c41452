"""The Kullback-Leibler divergence of two distributions of one kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..tensor.tensor import Tensor
from .bernoulli import Bernoulli
from .categorical import Categorical, OneHotCategorical
from .distribution import Distribution, Independent
from .normal import Normal


def _normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale) ** 2
    return (ratio + ((p.loc - q.loc) / q.scale) ** 2 - 1 - ratio.log()) / 2


def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    return -p.entropy() - (p.probs * q.log_prob(p.probs * 0 + 1)
                           + (1 - p.probs) * q.log_prob(p.probs * 0))  # fmt: skip


def _categorical(p: Categorical, q: Categorical) -> Tensor:
    return (p.probs * (p.logits - q.logits)).sum(-1)


def _independent(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise ValueError("kl_divergence: p and q must have the same number of event axes")
    return p.added(kl_divergence(p.base_dist, q.base_dist))


RULES: dict[type[Distribution], Callable[[Any, Any], Tensor]] = {
    Normal: _normal,
    Bernoulli: _bernoulli,
    Categorical: _categorical,
    OneHotCategorical: lambda p, q: _categorical(p.of_classes, q.of_classes),
    Independent: _independent,
}


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """The expectation of log p - log q under p.

    Both are Normal, Bernoulli, Categorical, OneHotCategorical, or Independent of these.

    Raises: NotImplementedError for other distributions.
    """
    rule = RULES.get(type(p))
    if rule is None or type(p) is not type(q):
        raise NotImplementedError(
            f"kl_divergence: there is no rule for {type(p).__name__} and {type(q).__name__}"
        )
    return rule(p, q)

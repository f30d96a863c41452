"""The categorical distribution, with classes as indices or as one-hot vectors."""

from __future__ import annotations

import math

from ..functional import one_hot
from ..tensor import broadcast_to, multinomial
from ..tensor.tensor import Tensor
from .distribution import Distribution, Shape, one_of


class Categorical(Distribution):
    """Class i with probability probs[..., i] / sum of probs, or softmax(logits)[..., i].

    Raises: ValueError unless exactly one of the two is given, or for probabilities below 0.
    """

    def __init__(
        self,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ):
        one_of("Categorical", probs, logits)
        if probs is not None:
            if not bool((probs.array >= 0).all()):
                raise ValueError("Categorical: probs must be at least 0")
            self.probs = probs / probs.sum(-1, keepdim=True)
            tiny = 1e-7 if probs.dtype.itemsize <= 4 else 1e-15
            self.logits = self.probs.clamp(tiny, 1 - tiny).log()
        elif logits is not None:
            self.logits = logits - logits.logsumexp(-1, keepdim=True)
            self.probs = self.logits.softmax(-1)
        self.n = self.probs.shape[-1]
        super().__init__(self.probs.shape[:-1])

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        count = math.prod(sample_shape)
        rows = self.probs.detach().reshape(-1, self.n)
        drawn = multinomial(rows, count, replacement=True)  # (batch, count)
        return drawn.t().reshape(*sample_shape, *self.batch_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        value = value.long()
        shape = self.logits.shape[:-1] if value.ndim < len(self.batch_shape) else value.shape
        logits = broadcast_to(self.logits, (*shape, self.n))
        return logits.gather(-1, broadcast_to(value, shape).unsqueeze(-1)).squeeze(-1)

    def entropy(self) -> Tensor:
        return -(self.logits * self.probs).sum(-1)


class OneHotCategorical(Distribution):
    """Categorical with classes as one-hot vectors."""

    def __init__(
        self,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ):
        self.of_classes = Categorical(probs, logits)
        super().__init__(self.of_classes.batch_shape, (self.of_classes.n,))
        self.probs, self.logits = self.of_classes.probs, self.of_classes.logits

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        return one_hot(self.of_classes.sample(sample_shape), self.of_classes.n).to(self.probs.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        return self.of_classes.log_prob(value.argmax(-1))

    def entropy(self) -> Tensor:
        return self.of_classes.entropy()

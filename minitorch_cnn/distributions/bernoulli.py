"""The Bernoulli distribution."""

from __future__ import annotations

from ..functional import binary_cross_entropy_with_logits
from ..tensor import bernoulli, broadcast_tensors, broadcast_to
from ..tensor.tensor import Tensor
from .distribution import Distribution, Shape, one_of, parameters


class Bernoulli(Distribution):
    """1 with probability probs or sigmoid(logits), otherwise 0.

    Raises: ValueError unless exactly one of the two is given, or for probabilities outside [0, 1].
    """

    def __init__(
        self,
        probs: float | Tensor | None = None,
        logits: float | Tensor | None = None,
        validate_args: bool | None = None,
    ):
        one_of("Bernoulli", probs, logits)
        if logits is None:
            (self.probs,) = parameters(probs)
            if not bool(((self.probs.array >= 0) & (self.probs.array <= 1)).all()):
                raise ValueError("Bernoulli: probs must be in [0, 1]")
            limit = 1e-7 if self.probs.dtype.itemsize <= 4 else 1e-15
            self.logits = self.probs.clamp(limit, 1 - limit).logit()
        else:
            (self.logits,) = parameters(logits)
            self.probs = self.logits.sigmoid()
        super().__init__(self.logits.shape)

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        return bernoulli(broadcast_to(self.probs.detach(), self._extended(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        logits, value = broadcast_tensors(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self) -> Tensor:
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

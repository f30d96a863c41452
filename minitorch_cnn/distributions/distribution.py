"""Distribution, the base of all distributions, and Independent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..autograd import no_grad
from ..tensor import broadcast_tensors, tensor
from ..tensor.tensor import Tensor

Shape = Sequence[int]


class Distribution:
    """Base class; a subclass defines rsample or sample, log_prob and entropy.

    batch_shape: the shape of the parameters; event_shape: the shape of one draw. A sample has the
    shape sample_shape + batch_shape + event_shape.
    """

    has_rsample = False

    def __init__(self, batch_shape: Shape = (), event_shape: Shape = ()):
        self.batch_shape, self.event_shape = tuple(batch_shape), tuple(event_shape)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        """A differentiable sample: gradients reach the parameters."""
        raise NotImplementedError(f"{type(self).__name__}: rsample is not defined")

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """A sample without gradients."""
        with no_grad():
            return self.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the probability, or of the density, at `value`."""
        raise NotImplementedError(f"{type(self).__name__}: log_prob is not defined")

    def entropy(self) -> Tensor:
        """The expectation of -log_prob."""
        raise NotImplementedError(f"{type(self).__name__}: entropy is not defined")

    @property
    def mean(self) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__}: mean is not defined")

    @property
    def variance(self) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__}: variance is not defined")

    @property
    def stddev(self) -> Tensor:
        """The square root of the variance."""
        return self.variance.sqrt()

    def _extended(self, sample_shape: Shape) -> tuple[int, ...]:
        return (*sample_shape, *self.batch_shape, *self.event_shape)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(batch_shape={self.batch_shape})"


def parameters(*values: Any) -> list[Tensor]:
    """Numbers and Tensors as Tensors of one shape, in the dtype of the first Tensor."""
    given = next((v for v in values if isinstance(v, Tensor)), None)
    if given is None:
        return [tensor(float(v)) for v in values]
    made = [
        v if isinstance(v, Tensor) else tensor(v, dtype=given.dtype, device=given.device)
        for v in values
    ]
    return list(broadcast_tensors(*made))


def one_of(name: str, probs: Any, logits: Any) -> None:
    """Check that exactly one of the two is given. Raises: ValueError, beginning with `name`."""
    if (probs is None) == (logits is None):
        raise ValueError(f"{name}: either probs or logits must be given")


class Independent(Distribution):
    """A distribution whose last batch axes become event axes: log_prob sums over them."""

    def __init__(self, base_distribution: Distribution, reinterpreted_batch_ndims: int):
        shape = base_distribution.batch_shape
        if not 0 <= reinterpreted_batch_ndims <= len(shape):
            raise ValueError(
                f"Independent: reinterpreted_batch_ndims={reinterpreted_batch_ndims} must be in "
                f"0..{len(shape)}"
            )
        split = len(shape) - reinterpreted_batch_ndims
        super().__init__(shape[:split], (*shape[split:], *base_distribution.event_shape))
        self.base_dist = base_distribution
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        self.has_rsample = base_distribution.has_rsample

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        return self.base_dist.rsample(sample_shape)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        return self.base_dist.sample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        return self.added(self.base_dist.log_prob(value))

    def entropy(self) -> Tensor:
        return self.added(self.base_dist.entropy())

    def added(self, x: Tensor) -> Tensor:
        """The sum over the event axes."""
        n = self.reinterpreted_batch_ndims
        return x.sum(tuple(range(-n, 0))) if n else x

    @property
    def mean(self) -> Tensor:
        return self.base_dist.mean

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

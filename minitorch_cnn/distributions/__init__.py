"""Probability distributions that networks use, under torch.distributions' names.

q = Normal(mu, sigma)
z = q.rsample()                       # gradients reach mu and sigma
loss = -p.log_prob(x).sum() + kl_divergence(q, Normal(0.0, 1.0)).sum()
"""

from .bernoulli import Bernoulli
from .categorical import Categorical, OneHotCategorical
from .distribution import Distribution, Independent
from .kl import kl_divergence
from .normal import Normal
from .uniform import Beta, Uniform

__all__ = [
    "Bernoulli",
    "Beta",
    "Categorical",
    "Distribution",
    "Independent",
    "Normal",
    "OneHotCategorical",
    "Uniform",
    "kl_divergence",
]

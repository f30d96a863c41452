"""Claims of the lectures, each tested by training small nets on the bundled data.

`measure_claim(name)` trains them with several seeds and gives the numbers, a verdict and a figure;
docs/claims.md has those of all claims.
"""

from .activations import ACTIVATION_MEMORY, OFFSET_BIAS
from .batch_norm import COVARIATE_SHIFT, SPEED
from .claim import Claim, Finding, Panel, measure_claim
from .depth import IDENTITY_COPY, SHALLOW_NETS, SMALL_NETS
from .inception import AUXILIARY_HEADS, INCEPTION_BRANCHES, INCEPTION_RESNET
from .orthonormality import ORTHONORMALITY
from .overfitting import AUGMENTATION, AVERAGE_POOLING, DROPOUT
from .residual import PERTURBATION
from .reuse import FEATURE_REUSE
from .shifts import POOLING_SHIFTS
from .smoothing import LABEL_SMOOTHING

CLAIMS: dict[str, Claim] = {
    claim.name: claim
    for claim in (
        SPEED,
        COVARIATE_SHIFT,
        DROPOUT,
        AUGMENTATION,
        AVERAGE_POOLING,
        LABEL_SMOOTHING,
        POOLING_SHIFTS,
        AUXILIARY_HEADS,
        INCEPTION_RESNET,
        INCEPTION_BRANCHES,
        IDENTITY_COPY,
        SHALLOW_NETS,
        SMALL_NETS,
        PERTURBATION,
        OFFSET_BIAS,
        ACTIVATION_MEMORY,
        FEATURE_REUSE,
        ORTHONORMALITY,
    )
}

__all__ = ["CLAIMS", "Claim", "Finding", "Panel", "measure_claim"]

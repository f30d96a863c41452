"""The register and shared-memory budget of the cross-entropy kernels."""

from ..cuda.check import Specialisation, Usage

SPECIALISATIONS = [
    Specialisation(
        "cross_entropy/cross_entropy.cu",
        {"REAL": real},
        dict.fromkeys(
            ("forward_rows", "forward_places", "backward", "mean", "tally"),
            Usage(registers, shared),
        ),
    )
    for real, registers, shared in (("float", 64, 128), ("double", 64, 256))
]

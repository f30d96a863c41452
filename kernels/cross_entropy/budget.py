"""The register and shared-memory budget of the cross-entropy kernels."""

from ..cuda.check import Specialisation, Usage

SPECIALISATIONS = [
    Specialisation(
        "cross_entropy/cross_entropy.cu",
        {"REAL": real},
        dict.fromkeys(("forward_rows", "forward_places", "backward"), Usage(registers, 0)),
    )
    for real, registers in (("float", 64), ("double", 64))
]

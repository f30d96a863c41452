"""The register and shared-memory budget of the activation kernels."""

from ..cuda.check import Specialisation, Usage

SPECIALISATIONS = [
    Specialisation(
        "activation/activation.cu",
        {"REAL": real, "VECTOR": vector},
        dict.fromkeys(("forward", "backward"), Usage(registers, 0)),
    )
    for real, registers in (("float", 40), ("double", 64))
    for vector in (1, 4)
]

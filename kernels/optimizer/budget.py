"""The register and shared-memory budget of the optimizer kernels."""

from ..cuda.check import Specialisation, Usage

SPECIALISATIONS = [
    Specialisation(
        "optimizer/optimizer.cu",
        {"REAL": real, "VECTOR": vector},
        dict.fromkeys(("sgd", "adam"), Usage(registers, 0)),
    )
    for real, registers in (("float", 40), ("double", 64))
    for vector in (1, 4)
]

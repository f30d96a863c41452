"""The register and shared-memory budget of the local response normalisation kernels."""

from ..cuda.check import Specialisation, Usage

SPECIALISATIONS = [
    Specialisation(
        "local_response_norm/local_response_norm.cu",
        {"REAL": real},
        dict.fromkeys(("forward", "backward_terms", "backward_windows"), Usage(registers, 0)),
    )
    for real, registers in (("float", 48), ("double", 64))
]

"""The register and shared-memory budget of the activation kernels."""

from ..cuda.check import Specialisation, Usage

SPECIALISATIONS = [
    Specialisation(
        "activation/activation.cu",
        {"REAL": real, "VECTOR": vector},
        dict.fromkeys(
            ("forward", "backward", "relu_of_sum", "relu_backward_of_sum"), Usage(registers, 0)
        ),
    )
    for real, registers in (("float", 40), ("double", 64))
    for vector in (1, 4)
]

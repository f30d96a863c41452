"""The register and shared-memory budget of the random numbers' kernels."""

from ..cuda.check import Specialisation, Usage

NAMES = ("random_bits", "uniform", "normal", "keep_mask")

SPECIALISATIONS = [
    Specialisation("philox/philox.cu", {"REAL": real}, dict.fromkeys(NAMES, Usage(registers, 0)))
    for real, registers in (("float", 40), ("double", 64))
]

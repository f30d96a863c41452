"""What the kernels of cross entropy may take of a multiprocessor."""

from ..cuda.check import Specialisation, Usage

SPECIALISATIONS = [
    Specialisation(
        "cross_entropy/cross_entropy.cu",
        {"REAL": real},
        dict.fromkeys(("forward_rows", "forward_places", "backward"), Usage(registers, 0)),
    )
    for real, registers in (("float", 64), ("double", 64))
]

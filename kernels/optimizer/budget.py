"""The register and shared-memory budget of the optimizer kernels."""

from ..cuda.check import Specialisation, Usage

KERNELS = (
    *("sgd", "adam", "adam_settings", "rmsprop", "squares", "lars"),
    *("find_nonfinite", "unscale", "update_scale", "total_norm", "clip"),
)

SPECIALISATIONS = [
    Specialisation(
        "optimizer/optimizer.cu", {"REAL": real}, dict.fromkeys(KERNELS, Usage(registers, shared))
    )
    for real, registers, shared in (("float", 64, 128), ("double", 96, 256))
]

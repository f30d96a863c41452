"""The register and shared-memory budget of the batch normalisation kernels."""

from ..cuda.check import Specialisation, Usage


def _batch_norm(real: str, vector: int) -> Specialisation:
    registers, size = (40, 4) if real == "float" else (64, 8)
    budget = {
        "statistics": Usage(registers, 8 * 3 * size + 8),
        "merge_statistics": Usage(registers, 8 * 32 * 3 * size + 8),
        "normalise": Usage(registers, 0),
        "gradient_sums": Usage(registers, 32 * size + 8),
        "input_grad": Usage(registers, 0),
    }
    return Specialisation("batch_norm/batch_norm.cu", {"REAL": real, "VECTOR": vector}, budget)


SPECIALISATIONS = [_batch_norm(real, vector) for real in ("float", "double") for vector in (1, 4)]

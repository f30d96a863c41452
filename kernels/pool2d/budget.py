"""The register and shared-memory budget of the pooling kernels."""

from ..cuda.check import Specialisation, Usage

THIRTY_TWO, FORTY, FORTY_EIGHT = Usage(32, 0), Usage(40, 0), Usage(48, 0)


def _pool(real: str, index: str, k: int) -> Specialisation:
    narrow = FORTY if real == "float" else FORTY_EIGHT
    budget = {
        "max_pool": FORTY if index == "int" else Usage(50, 0),
        "avg_pool": narrow,
        "avg_pool_input_grad": narrow,
        "max_pool_input_grad": FORTY,
        "max_pool_scatter": THIRTY_TWO,
        "max_pool_gather": THIRTY_TWO,
    }
    return Specialisation(
        "pool2d/pool.cu", {"REAL": real, "INDEX": index, "KH": k, "KW": k}, budget
    )


def _adaptive(real: str) -> Specialisation:
    names = "adaptive_avg_pool", "adaptive_avg_pool_input_grad", "adaptive_max_pool"
    budget = {name: Usage(64, 0) for name in names}  # few threads, and integer divisions
    return Specialisation("pool2d/adaptive.cu", {"REAL": real, "INDEX": "int"}, budget)


SPECIALISATIONS = [
    *(_pool("float", "int", k) for k in (0, 2, 3)),
    _pool("double", "int", 0),
    _pool("double", "long long", 3),
    _adaptive("float"),
    _adaptive("double"),
]

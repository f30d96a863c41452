"""PyTorch's switches of results that repeat. They can be set and asked for, and change nothing:
results always repeat here, bit for bit.
"""

from __future__ import annotations

_switches = {"deterministic": False, "warn_only": False, "precision": "highest"}
PRECISIONS = ("highest", "high", "medium")


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Accepted, as in PyTorch; results repeat with True and with False."""
    _switches["deterministic"], _switches["warn_only"] = bool(mode), bool(warn_only)


def are_deterministic_algorithms_enabled() -> bool:
    """What `use_deterministic_algorithms` was given last."""
    return bool(_switches["deterministic"])


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """What `use_deterministic_algorithms` was given last as warn_only."""
    return bool(_switches["warn_only"])


def set_float32_matmul_precision(precision: str) -> None:
    """Accepted, as in PyTorch; products of float32 are as exact as float32 always.

    Raises: ValueError for another word than "highest", "high" and "medium".
    """
    if precision not in PRECISIONS:
        raise ValueError(
            f"set_float32_matmul_precision: precision={precision!r} must be one of "
            f"{', '.join(PRECISIONS)}"
        )
    _switches["precision"] = precision


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` was given last."""
    return str(_switches["precision"])

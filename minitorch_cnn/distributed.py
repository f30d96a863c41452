"""torch.distributed's queries, for a program of one process; its other functions raise.

Scripts call `is_available()` or `is_initialized()` before they use more processes.
"""

from __future__ import annotations

from typing import Any, NoReturn


def is_available() -> bool:
    """False: training runs in one process."""
    return False


def is_initialized() -> bool:
    """False: training runs in one process."""
    return False


is_nccl_available = is_gloo_available = is_mpi_available = is_torchelastic_launched = is_available


def _refused(name: str) -> Any:
    def refuse(*args: Any, **settings: Any) -> NoReturn:
        raise RuntimeError(
            f"distributed.{name}: training runs in one process; is_available() and "
            "is_initialized() are False"
        )

    refuse.__name__ = name
    refuse.__doc__ = "Raises RuntimeError: training runs in one process."
    return refuse


init_process_group = _refused("init_process_group")
destroy_process_group = _refused("destroy_process_group")
new_group = _refused("new_group")
get_rank = _refused("get_rank")
get_world_size = _refused("get_world_size")
barrier = _refused("barrier")
all_reduce = _refused("all_reduce")
all_gather = _refused("all_gather")
broadcast = _refused("broadcast")
reduce = _refused("reduce")

"""torch.distributed's names over MPI: process groups, and collectives on tensors.

    mpiexec -n 4 python train.py

Each of the 4 processes, the ranks, runs the whole program:

    mt.distributed.init_process_group()
    model = nn.parallel.DistributedDataParallel(model)
    sampler = data.DistributedSampler(dataset)

MPI (mpi4py) moves arrays of the CPU, NCCL those of GPUs. group.py holds the processes, waiting.py
what happens while some are late, collectives.py the functions on tensors, reducer.py the reduction
of gradients during backward.
"""

from .collectives import (
    ReduceOp,
    all_gather,
    all_gather_object,
    all_reduce,
    barrier,
    broadcast,
    broadcast_object_list,
)
from .group import (
    abort,
    destroy_process_group,
    get_backend,
    get_node_local_rank,
    get_rank,
    get_world_size,
    init_process_group,
    is_available,
    is_initialized,
    is_mpi_available,
    is_nccl_available,
    launched_rank,
    launched_size,
)

__all__ = [
    "ReduceOp",
    "abort",
    "all_gather",
    "all_gather_object",
    "all_reduce",
    "barrier",
    "broadcast",
    "broadcast_object_list",
    "destroy_process_group",
    "get_backend",
    "get_node_local_rank",
    "get_rank",
    "get_world_size",
    "init_process_group",
    "is_available",
    "is_gloo_available",
    "is_initialized",
    "is_mpi_available",
    "is_nccl_available",
    "is_torchelastic_launched",
    "launched_rank",
    "launched_size",
]


def is_gloo_available() -> bool:
    """False: PyTorch's gloo is not here; "mpi" is the backend for arrays of the CPU."""
    return False


def is_torchelastic_launched() -> bool:
    """False: processes are started by mpiexec or srun, not by torchrun."""
    return False

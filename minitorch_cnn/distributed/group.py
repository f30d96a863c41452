"""The process group: all processes that MPI started, and this one's rank among them."""

from __future__ import annotations

import atexit
import hashlib
import os
import platform
import sys
import threading
import time
import traceback
from datetime import timedelta
from types import TracebackType
from typing import Any

from ..kernels import threads
from ..kernels.cores import usable_cores
from ..kernels.installed import is_installed
from . import waiting, watcher
from .mpi import MPIBackend

RECORD = 1024  # bytes of a call's description, which the ranks compare
HASH = 16
TIMEOUT = timedelta(minutes=30)
# The number of processes that a launcher started: Hydra's, Open MPI's, that of PMIx and Slurm.
SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "PMIX_SIZE")
RANKS = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "SLURM_PROCID")


class Group:
    """The processes, and how they compare what they are about to do.

    comm carries the data, control the descriptions of calls: a rank that makes another call than
    the others is noticed before any data are sent.
    """

    def __init__(self, MPI: Any, backend: str | None, timeout: float):
        self.MPI, self.backend_name, self.timeout = MPI, backend, timeout
        self.comm, self.control = MPI.COMM_WORLD.Dup(), MPI.COMM_WORLD.Dup()
        self.rank, self.size = self.comm.Get_rank(), self.comm.Get_size()
        node = self.comm.Split_type(MPI.COMM_TYPE_SHARED)
        self.local_rank, self.local_size = node.Get_rank(), node.Get_size()
        self.cores = len(set().union(*node.allgather(_cores())))
        here = dict(node.allgather((self.rank, os.getpid())))
        node.Free()
        self.watcher = watcher.start(here) if self.size > 1 and not self.local_rank else None
        self.comm.Barrier()  # all watchers watch
        self.processes = self.comm.allgather(f"process {os.getpid()} on {platform.node()}")
        self.calls = 0
        self.mpi = MPIBackend(MPI, self.comm)
        # SyncBatchNorm's messages pass those of the gradients' buckets, in any order.
        self.statistics = MPIBackend(MPI, MPI.COMM_WORLD.Dup())
        self.nccl: Any = None  # made when the first array of a GPU arrives

    def backend(self, array: Any) -> Any:
        """The backend that moves arrays of this kind: NCCL for CuPy's, MPI for all others.

        With backend="mpi" arrays of GPUs are staged through the host.
        """
        if type(array).__module__.partition(".")[0] != "cupy" or self.backend_name == "mpi":
            return self.mpi
        if self.nccl is None:
            from .nccl import NCCLBackend, cupy_library

            self.nccl = NCCLBackend(cupy_library(), self.comm)
        return self.nccl

    def agree(self, call: str) -> None:
        """Compare the description of a call with those of the other ranks.

        Raises: RuntimeError on every rank if they differ.
        """
        said = self.exchange(call)
        if any(other != said[0] for other in said):
            first = next(rank for rank, other in enumerate(said) if other != said[0])
            raise RuntimeError(
                f"{call.partition('(')[0]}: the ranks make different calls: rank 0 "
                f"{said[0]}, rank {first} {said[first]}"
            )

    def exchange(self, text: str) -> list[str]:
        """The texts of all ranks; a long one is cut, but counts as different from others."""
        if self.size == 1:
            return [text]
        self.calls += 1
        encoded = text.encode()
        if len(encoded) > RECORD - HASH:
            digest = hashlib.sha256(encoded).hexdigest()[:HASH]
            encoded = encoded[: RECORD - HASH] + digest.encode()
        mine, everyone = bytearray(encoded.ljust(RECORD)), bytearray(RECORD * self.size)
        request = self.control.Iallgather([mine, self.MPI.BYTE], [everyone, self.MPI.BYTE])
        waiting.wait(self, request.Test, text)
        return [
            bytes(everyone[i * RECORD : (i + 1) * RECORD]).decode(errors="replace").rstrip()
            for i in range(self.size)
        ]


class _State:
    group: Group | None = None
    forked = False


_state = _State()


def current(function: str) -> Group:
    """The process group. Raises: RuntimeError in the name of `function` if there is none."""
    if _state.group is None:
        reason = (
            "this process was forked from an MPI process, where MPI cannot be used: start it by "
            "multiprocessing's 'spawn'"
            if _state.forked
            else "call init_process_group first"
        )
        raise RuntimeError(f"{function}: there is no process group; {reason}")
    return _state.group


def current_or_none() -> Group | None:
    """The process group if there is one of several processes."""
    group = _state.group
    return group if group is not None and group.size > 1 else None


def init_process_group(
    backend: str | None = None,
    init_method: str | None = None,
    timeout: timedelta | None = None,
    world_size: int = -1,
    rank: int = -1,
) -> None:
    """Join all processes that mpiexec or srun started; without a launcher there is one process.

    backend: "mpi" or "nccl", between GPUs; by default that which fits each tensor's device.
    init_method: None or "env://": MPI knows the processes. timeout: how long a call waits for other
    ranks, 30 minutes by default; who is waited for is printed every 60 s. world_size, rank: -1, or
    those of MPI.

    From now on an uncaught error ends all ranks. Operations use the machine's cores divided by the
    ranks there, unless `set_num_threads` was called before.

    Raises: ImportError without mpi4py, ValueError for settings that do not fit or a second call,
    RuntimeError if another launcher started the processes.
    """
    if _state.group is not None:
        raise ValueError("init_process_group: the process group is initialised already")
    if backend not in (None, "mpi", "nccl"):
        raise ValueError(f"init_process_group: backend={backend!r} must be 'mpi' or 'nccl'")
    if init_method not in (None, "env://"):
        raise ValueError(
            f"init_process_group: init_method={init_method!r} must be None: MPI knows the processes"
        )
    _refuse_worker()
    group = Group(_mpi(), backend, (timeout or TIMEOUT).total_seconds())
    for name, given, own in (("world_size", world_size, group.size), ("rank", rank, group.rank)):
        if given not in (-1, own):
            raise ValueError(f"init_process_group: {name}={given} must be MPI's {own}, or -1")
    started = max(launched_size(), int(os.environ.get("WORLD_SIZE", "1")))
    if group.size == 1 and started > 1:
        raise RuntimeError(
            f"init_process_group: the launcher started {started} processes, but MPI "
            f"({group.MPI.get_vendor()[0]}) sees one: start them by the mpiexec of that MPI, not "
            "by torchrun or another MPI's"
        )
    _state.group = group
    _share_cores(group)
    if group.size > 1:
        sys.excepthook, threading.excepthook = _end_all, _end_all_of_thread
        atexit.register(_leave)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_forget)


def _mpi() -> Any:
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise ImportError(
            "init_process_group: needs mpi4py and an MPI library: "
            f"pip install 'minitorch_cnn[mpi]' ({error})"
        ) from error
    return MPI


def _refuse_worker() -> None:
    import multiprocessing

    if multiprocessing.parent_process() is not None:
        raise RuntimeError(
            "init_process_group: this is a worker process of multiprocessing, no rank: put the "
            'program\'s start under `if __name__ == "__main__":`'
        )


def _cores() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return set(os.sched_getaffinity(0))
    return set(range(os.cpu_count() or 1))


def _share_cores(group: Group) -> None:
    """Compute in the machine's cores divided by its ranks: N times M threads would be slow."""
    if group.local_size == 1 or threads._num_threads:
        return
    from threadpoolctl import threadpool_limits

    count = max(1, min(usable_cores(), group.cores // group.local_size))
    threads.set_num_threads(count)
    threadpool_limits(count)


def destroy_process_group() -> None:
    """Leave the process group, together with the other ranks."""
    group = current("destroy_process_group")
    group.agree("destroy_process_group()")
    if group.watcher is not None:
        watcher.stop(group.watcher)
    group.exchange("end of the watchers")  # before which no rank may end
    _state.group = None
    atexit.unregister(_leave)
    sys.excepthook, threading.excepthook = sys.__excepthook__, threading.__excepthook__


def _forget() -> None:
    _state.group, _state.forked = None, True
    sys.excepthook, threading.excepthook = sys.__excepthook__, threading.__excepthook__
    atexit.unregister(_leave)


def _leave() -> None:
    """Tell ranks that still wait for this one that it is at the program's end."""
    group = current_or_none()
    if group is not None and not _state.forked:
        said = group.exchange("end of the program")
        if group.watcher is not None:
            watcher.stop(group.watcher)
        if len(set(said)) == 1:
            group.exchange("end of the watchers")  # before which no rank ends


def abort(code: int = 1) -> None:
    """End all ranks at once; rank 0 first, so that an error of all is told by it alone."""
    group = current_or_none()
    if group is None:
        sys.exit(code)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    time.sleep(0.2)  # in which launchers pass on what was printed
    group.MPI.COMM_WORLD.Abort(code)


def _end_all(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print the error of this rank and end all of them."""
    group = current_or_none()
    if group is not None and group.rank:
        time.sleep(1)  # an error that rank 0 has too ends this process first
    rank = "" if group is None else f"rank {group.rank}: "
    text = "".join(traceback.format_exception(kind, error, trace))
    sys.stderr.write(rank + text)
    abort()


def _end_all_of_thread(args: Any) -> None:
    if args.exc_type is not SystemExit:
        _end_all(args.exc_type, args.exc_value, args.exc_traceback)


def launched_size() -> int:
    """The number of processes that an MPI launcher started, 1 without a launcher."""
    if "SLURM_STEP_NUM_TASKS" in os.environ and "SLURM_PROCID" in os.environ:
        return int(os.environ["SLURM_STEP_NUM_TASKS"])
    return next((int(os.environ[name]) for name in SIZES if name in os.environ), 1)


def launched_rank() -> int:
    """This process's rank by its launcher, 0 without one: known before MPI is started."""
    if launched_size() == 1:
        return 0
    return next((int(os.environ[name]) for name in RANKS if name in os.environ), 0)


def is_available() -> bool:
    """Whether mpi4py is installed."""
    return is_installed("mpi4py")


is_mpi_available = is_available


def is_nccl_available() -> bool:
    """Whether CuPy finds the NCCL library."""
    if not is_installed("cupy") or not is_available():
        return False
    from cupy.cuda import nccl

    return bool(nccl.available)


def is_initialized() -> bool:
    """Whether `init_process_group` was called."""
    return _state.group is not None


def get_rank() -> int:
    """This process's number among all. Raises: RuntimeError without a process group."""
    return current("get_rank").rank


def get_world_size() -> int:
    """The number of processes. Raises: RuntimeError without a process group."""
    return current("get_world_size").size


def get_node_local_rank() -> int:
    """This process's number on its machine: that of its GPU, `f"cuda:{get_node_local_rank()}"`.

    Raises: RuntimeError without a process group.
    """
    return current("get_node_local_rank").local_rank


def get_backend() -> str:
    """The backend's name, "mpi" or "nccl". Raises: RuntimeError without a process group."""
    return current("get_backend").backend_name or "mpi"

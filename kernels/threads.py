"""One team of threads for all kernels: the pieces of an operation, spread over the cores.

Where a piece ends changes no number of the result, and none adds to what another one adds to:
results are the same, bit for bit, for any number of threads. Kernels let go of the interpreter's
lock (`nogil`), so plain threads run them at the same time.
"""

import atexit
import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from importlib import import_module
from queue import SimpleQueue

from .cores import usable_cores
from .jit import has_numba

LITTLE = 2**14  # numbers
PIECES = 4  # for each thread: one that another program holds up takes fewer

HOME = object()  # for a member's queue: there will be no more work

_team = None
_num_threads = 0  # 0: as many as cores that the process may use, asked for on first use
_lock = threading.Lock()
_here = threading.local()


def get_num_threads() -> int:
    """How many threads share the pieces of one operation, the calling one included.

    Unless set, as many as there are cores that the process may use, by its affinity and by the
    quota of its control group.
    """
    return _num_threads or usable_cores()


def set_num_threads(count: int) -> None:
    """Share the pieces of an operation among `count` threads, the calling one included.

    Raises TypeError unless count is an int, ValueError if it is below 1.
    """
    global _num_threads
    if not isinstance(count, int) or isinstance(count, bool):
        raise TypeError(f"set_num_threads: count={count!r} must be an int")
    if count < 1:
        raise ValueError(f"set_num_threads: count={count} must be at least 1")
    _num_threads = count
    _dismiss()


def parallel_for(task: Callable[[int], None], count: int) -> None:
    """Call task(block) for each block of range(count), each once, in any order, on all threads.

    Within a task another parallel_for stays on the task's thread. Tasks call no BLAS that has
    threads of its own (see matmul.py). Several Python threads may call this at once: the team helps
    one of them, and the others need not wait for it.
    Raises what a task raises; blocks that nobody has begun are then left out.
    """
    blocks, user, team = deque(range(count)), object(), None
    try:
        team = _gather(user) if count > 1 else None
        if team is None:
            _work_off(task, blocks)
            return
        futures = team.call(count - 1, task, blocks)
        try:
            _work_off(task, blocks)
        finally:
            # What no member has begun by now finds no block left.
            running = [future for future in futures if not future.cancel()]
            errors = [future.exception() for future in running]
    finally:
        try:
            if team is not None:
                blocks.clear()  # after an interrupt there may be some
                team.send_away(False)
        finally:
            team = team or _team
            if team is not None and team.taken == {"by": user}:
                del team.taken["by"]
    for error in errors:
        if error is not None:
            raise error


def parallel_ranges(
    kernel: Callable, items: int, size: int, *args, threads: int | None = None
) -> None:
    """kernel(*args, team, first, last) for ranges that make up range(items), on all threads.

    The kernel begins with `shared` (team.py); its items must not depend on each other. size: the
    numbers that it goes through; what is LITTLE is done by the calling thread alone. threads: how
    many there is memory for, where each needs its own (team_scratch).
    Raises MemoryError where the kernel found no memory on another thread.
    """
    if size < LITTLE or items < 2:
        kernel(*args, 0, 0, items)
        return
    user, team = object(), None
    try:
        team = _gather(user)
        if team is None:
            kernel(*args, 0, 0, items)
            return
        team.admit(team.size if threads is None else threads)
        team.wake(size // LITTLE)
        kernel(*args, team.address, 0, items)
        if team.failed():
            raise MemoryError(f"{kernel.__name__}: no memory for the work of one of the threads")
    finally:
        team = team or _team
        if team is not None and team.taken == {"by": user}:
            del team.taken["by"]


class _Team:
    """Threads beside the calling one, each with a queue at which it sleeps.

    Whoever gives the team work has taken it meanwhile. `taken` says so from within the `try` whose
    end leaves the team, and is looked at and emptied without a call: an interrupt of the program,
    which comes after a call of a function, finds no moment in between, as it does with a lock.
    """

    def __init__(self, size: int):
        self.size, self.taken = size, {}
        self.compiled = import_module(".team", __package__) if has_numba() else None
        if self.compiled:
            self.state = self.compiled.new_state(size, PIECES, size > usable_cores())
            self.address = self.state.ctypes.data
        self.members = [_Member(self, rank) for rank in range(1, size)]
        for member in self.members:
            member.start()

    def admit(self, threads: int) -> None:
        """Let only so many threads take part in the next kernel, the calling one included."""
        self.state[self.compiled.ADMITTED] = threads

    def wake(self, count: int) -> None:
        """Send those of the first `count` members who sleep to where kernels arrive."""
        for member in self.members[:count]:
            if member.asleep:
                member.asleep = False
                member.queue.put(None)

    def call(self, members: int, task, blocks) -> list[Future]:
        """Have some members work off Python's tasks, and the others sleep."""
        self.send_away(True)
        futures = [Future() for _ in self.members[:members]]
        for member, future in zip(self.members, futures, strict=False):
            member.queue.put((future, task, blocks))
        return futures

    def send_away(self, away: bool) -> None:
        """Whether members leave the place where kernels arrive at once."""
        if self.compiled:
            self.state[self.compiled.LEAVE] = away

    def failed(self) -> bool:
        """Whether a member could not do a piece since this was asked the last time."""
        failed = bool(self.state[self.compiled.FAILED])
        self.state[self.compiled.FAILED] = 0
        return failed

    def dismiss(self) -> None:
        """Send the members home, once they have done what they do."""
        self.send_away(True)
        for member in self.members:
            member.queue.put(HOME)


class _Member(threading.Thread):
    """A thread of a team. It does what it finds in its queue, then takes part in kernels."""

    def __init__(self, team: _Team, rank: int):
        super().__init__(name=f"kernels {rank}", daemon=True)
        self.team, self.rank = team, rank
        self.queue, self.asleep = SimpleQueue(), False

    def run(self):
        team = self.team
        while True:
            self.asleep = True
            work = self.queue.get()
            self.asleep = False
            if work is HOME:
                return
            if work is not None:
                future, *task = work
                if future.set_running_or_notify_cancel():
                    try:
                        _work_off(*task)
                        future.set_result(None)
                    except BaseException as error:
                        future.set_exception(error)
                del work, future, task  # the arrays of the task
            if team.compiled:
                team.compiled.serve(team.address, self.rank)


def _gather(user: object) -> _Team | None:
    """The team, now taken by `user`, if there is one and nobody else has taken it."""
    global _team
    if _num_threads == 1 or getattr(_here, "inside", False):
        return None
    team = _team
    if team is None or team.size != (_num_threads or team.size):
        with _lock:
            if _team is None or _team.size != get_num_threads():
                _dismiss()
                _team = _Team(get_num_threads())
            team = _team
    # setdefault is one step: of two threads that come at a time one has it.
    return team if team.members and team.taken.setdefault("by", user) is user else None


def _dismiss() -> None:
    global _team
    team, _team = _team, None
    if team is not None:
        team.dismiss()


def _work_off(task, blocks: deque) -> None:
    """Take blocks until none is left."""
    outermost = not getattr(_here, "inside", False)
    _here.inside = True
    try:
        while True:
            try:
                block = blocks.popleft()
            except IndexError:
                return
            task(block)
    except BaseException:
        blocks.clear()
        raise
    finally:
        _here.inside = not outermost


def _after_fork() -> None:
    """Start anew: a forked child has none of its parent's threads, and may inherit a held lock."""
    global _team, _lock, _here
    _team, _lock, _here = None, threading.Lock(), threading.local()


def _at_exit() -> None:
    """Wait for the members, who would be in code that is about to be unloaded."""
    members = _team.members if _team else []
    _dismiss()
    for member in members:
        member.join(timeout=1)


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

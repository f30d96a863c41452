"""The compiled half of threads.py: how the ranges of a kernel reach other threads, and back.

Threads that wait for the interpreter's lock, or for the system to wake them up, come too late for
an operation of a tenth of a millisecond. So the members of a team stay in compiled code between two
operations, go round in circles for some milliseconds, and look whether a kernel has come. One
that has is called by its address, without Python: it takes less than a microsecond to reach them.

A kernel whose last arguments are team, first and last shares itself out in its first line,

    if shared(team, first, last):
        return

and does the items first ... last - 1 in those that follow. `team` is the address of a team's state,
which makes `shared` cut the range into pieces and call the kernel for each of them, on any thread.
In these calls it is -k on thread k (rank), the one that began being 0.
"""

import os
import platform
from functools import cache

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .jit import c_function, kernel

# The state of a team, in numbers of 64 bits.
SHARE = 0  # address of `_share`, which kernels call
TASK, DATA, ITEMS = 1, 2, 3  # a kernel's address, that of its arguments, how many items it has
THREADS, PIECES = 4, 5  # how many there are; into how many pieces each one's items are cut, at most
GATE = 6  # odd while members may come in; another number for every kernel
INSIDE = 7  # members that have come in and not left
LEAVE = 8  # not 0: members go back to Python, where other work waits for them
FAILED = 9  # not 0: a piece could not be done
ADMITTED = 10  # how many threads may take part
CROWDED = 11  # not 0: there are more threads than cores
NEXT = 12  # and the numbers after it: for each thread, which of its pieces is the next

CIRCLES = 2**18  # without work, before a member goes to sleep: some milliseconds
SHORT = 2**10  # circles after which a thread that waits lets others have its core

I32, I64 = ir.IntType(32), ir.IntType(64)
BYTES = ir.IntType(8).as_pointer()
TASK_TYPE = ir.FunctionType(I32, [BYTES, I64, I64, I64])  # data, team, first, last -> status
SHARE_TYPE = ir.FunctionType(ir.VoidType(), [I64, I64, I64, I64])  # team, task, data, items


def _slot(builder, team, slot):
    return builder.gep(builder.inttoptr(team, I64.as_pointer()), [slot])


@intrinsic
def _load(typing, team, slot):
    def generate(context, builder, signature, args):
        return builder.load_atomic(_slot(builder, *args), "seq_cst", 8)

    return types.int64(types.int64, types.int64), generate


@intrinsic
def _store(typing, team, slot, value):
    def generate(context, builder, signature, args):
        builder.store_atomic(args[2], _slot(builder, *args[:2]), "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


@intrinsic
def _add(typing, team, slot, value):
    """The value before."""

    def generate(context, builder, signature, args):
        return builder.atomic_rmw("add", _slot(builder, *args[:2]), args[2], "seq_cst")

    return types.int64(types.int64, types.int64, types.int64), generate


@intrinsic
def _rest(typing, long):
    """A moment in which the core may do something else; with long, another thread's work."""

    def generate(context, builder, signature, args):
        nothing = ir.FunctionType(ir.VoidType(), [])
        if platform.machine() in ("x86_64", "AMD64"):
            builder.call(_declare(builder, nothing, "llvm.x86.sse2.pause"), [])
        if os.name == "posix":
            with builder.if_then(args[0]):
                builder.call(_declare(builder, ir.FunctionType(I32, []), "sched_yield"), [])
        return context.get_dummy_value()

    return types.void(types.boolean), generate


def _declare(builder, function_type, name):
    known = builder.module.globals.get(name)
    return known or ir.Function(builder.module, function_type, name)


@intrinsic
def _call(typing, task, data, team, first, last):
    """Whether the task, a kernel at that address, failed."""

    def generate(context, builder, signature, args):
        task = builder.inttoptr(args[0], TASK_TYPE.as_pointer())
        status = builder.call(task, [builder.inttoptr(args[1], BYTES), *args[2:]])
        return builder.icmp_signed("!=", status, I32(0))

    return types.boolean(*[types.int64] * 5), generate


@intrinsic
def shared(typing, team, first, last):
    """Whether a team was given, and has done all items; the first line of a kernel (see above)."""

    def generate(context, builder, signature, args):
        # The compiled kernel takes two places for results of its own, then its arguments, arrays
        # as their parts: shape, address, ... The last three are ours.
        own = builder.function
        bundle = ir.LiteralStructType([argument.type for argument in own.args[2:]])
        task = _task(builder.module, own, bundle)
        with builder.goto_entry_block():
            data = builder.alloca(bundle)
        team, _, items = args
        given = builder.icmp_signed(">", team, I64(0))
        with builder.if_then(given):
            for k, argument in enumerate(own.args[2:]):
                builder.store(argument, builder.gep(data, [I32(0), I32(k)]))
            address = builder.load(_slot(builder, team, I64(SHARE)))
            share = builder.inttoptr(address, SHARE_TYPE.as_pointer())
            addresses = builder.ptrtoint(task, I64), builder.ptrtoint(data, I64)
            builder.call(share, [team, *addresses, items])
        return given

    return types.boolean(types.int64, types.int64, types.int64), generate


def _task(module, own, bundle):
    """A function that calls the kernel `own` with a bundle but for its last three arguments."""
    task = ir.Function(module, TASK_TYPE, f"{own.name}.task")
    task.linkage = "internal"
    builder = ir.IRBuilder(task.append_basic_block())
    data = builder.bitcast(task.args[0], bundle.as_pointer())
    count = len(bundle.elements) - 3
    kept = [builder.load(builder.gep(data, [I32(0), I32(k)])) for k in range(count)]
    # An array begins with the addresses of its two owners. Views count their references to them,
    # at one place in memory that all threads would fight for. Without owners nothing is counted,
    # and until the kernel is done its caller keeps the arrays.
    for k in range(count - 1):
        if kept[k].type == kept[k + 1].type == BYTES:
            kept[k] = kept[k + 1] = ir.Constant(BYTES, None)
    places = [builder.alloca(argument.type.pointee) for argument in own.args[:2]]
    builder.ret(builder.call(own, [*places, *kept, *task.args[1:]]))
    return task


@kernel
def _take_pieces(team, rank):
    """Do pieces of the task until none is left: one's own, then those of the others.

    The same numbers go to the same thread in one operation after another, as long as none is
    late: what one has written is in its core's cache, from where another core's fetches it slowly.
    """
    task, data, items = _load(team, TASK), _load(team, DATA), _load(team, ITEMS)
    threads = _load(team, THREADS)
    for turn in range(threads):
        owner = (rank + turn) % threads
        begin, end = owner * items // threads, (owner + 1) * items // threads
        pieces = min(end - begin, _load(team, PIECES))
        while True:
            k = _add(team, NEXT + owner, 1)
            if k >= pieces:
                break
            first = begin + (end - begin) * k // pieces
            last = begin + (end - begin) * (k + 1) // pieces
            if _call(task, data, -rank, first, last):
                _store(team, FAILED, 1)


def _share(team, task, data, items):
    """Do all pieces of a task, together with the members who see it; they have left at the end."""
    _store(team, TASK, task)
    _store(team, DATA, data)
    _store(team, ITEMS, items)
    for owner in range(_load(team, THREADS)):
        _store(team, NEXT + owner, 0)
    _add(team, GATE, 1)
    _take_pieces(team, 0)
    _add(team, GATE, 1)
    circles = 0
    # Who comes in says so before looking at the gate, which was shut before we look who is inside.
    crowded = _load(team, CROWDED) != 0
    while _load(team, INSIDE) > 0:
        circles += 1
        _rest(crowded or circles > SHORT)


def new_state(threads: int, pieces: int, crowded: bool) -> np.ndarray:
    """The state of a team that nothing has been given to; so many pieces for each thread.

    crowded: whether there are more threads than cores. Then who waits lets others have its core at
    once, and goes to sleep sooner.
    """
    state = np.zeros(NEXT + threads, np.int64)
    state[SHARE] = _share_function().address
    state[THREADS], state[PIECES] = threads, pieces
    state[CROWDED], state[LEAVE] = crowded, 1
    serve(state.ctypes.data, 0)  # compiles it here: a fork must not find members doing it
    state[LEAVE] = 0
    return state


@cache
def _share_function():
    return c_function(_share, "void(int64, int64, int64, int64)")


@kernel
def serve(team, rank):
    """Take part in what is shared out, until nothing has come for a while or LEAVE is set."""
    seen = circles = 0
    crowded = _load(team, CROWDED) != 0
    most = SHORT if crowded else CIRCLES
    while circles < most and _load(team, LEAVE) == 0:
        gate = _load(team, GATE)
        if gate % 2 == 1 and gate != seen:
            _add(team, INSIDE, 1)
            if _load(team, GATE) == gate and rank < _load(team, ADMITTED):
                _take_pieces(team, rank)
            _add(team, INSIDE, -1)
            seen, circles = gate, 0
        else:
            circles += 1
            _rest(crowded)

"""The compiled half of threads.py: how workers get the ranges of a kernel.

A thread that waits for the interpreter's lock, or for the system to wake it, comes too late for an
operation of a tenth of a millisecond. So between two operations the workers stay in compiled code
and spin for some milliseconds, looking for a kernel. They call it by its address, without Python:
it reaches them in less than a microsecond.

A kernel whose last arguments are pool, first and last distributes itself in its first line,

    if shared(pool, first, last):
        return

and does the items first ... last - 1 in those that follow. `pool` is the address of the pool's
state: then `shared` cuts the range into pieces and calls the kernel for each of them, on any
thread. In these calls `pool` is -k on thread k (its rank); the calling thread has rank 0.
"""

import os
import platform
from functools import cache

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .compat_numba import own_arguments, result_addresses
from .jit import c_function, kernel

# The state of the pool, in 64-bit integers.
SHARE = 0  # address of `_share`, which kernels call
TASK, DATA, ITEMS = 1, 2, 3  # addresses of a kernel and of its arguments, number of items
THREADS, PIECES = 4, 5  # their number; the most pieces that the items of one are cut into
GATE = 6  # odd while workers may enter; another number for every kernel
INSIDE = 7  # workers that have entered and not left
LEAVE = 8  # not 0: workers return to Python, where other work waits for them
FAILED = 9  # not 0: a piece could not be done
ADMITTED = 10  # how many threads may take part
CROWDED = 11  # not 0: there are more threads than cores
NEXT = 12  # and the numbers after it: for each thread, which of its pieces is the next

SPINS = 2**18  # without work before a worker goes to sleep: some milliseconds
SHORT = 2**10  # spins after which a waiting thread yields its core

I32, I64 = ir.IntType(32), ir.IntType(64)
BYTES = ir.IntType(8).as_pointer()
TASK_TYPE = ir.FunctionType(I32, [BYTES, I64, I64, I64])  # data, pool, first, last -> status
SHARE_TYPE = ir.FunctionType(ir.VoidType(), [I64, I64, I64, I64])  # pool, task, data, items


def _slot(builder, pool, slot):
    return builder.gep(builder.inttoptr(pool, I64.as_pointer()), [slot])


@intrinsic
def _load(typing, pool, slot):
    def generate(context, builder, signature, args):
        return builder.load_atomic(_slot(builder, *args), "seq_cst", 8)

    return types.int64(types.int64, types.int64), generate


@intrinsic
def _store(typing, pool, slot, value):
    def generate(context, builder, signature, args):
        builder.store_atomic(args[2], _slot(builder, *args[:2]), "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


@intrinsic
def _add(typing, pool, slot, value):
    """The value before."""

    def generate(context, builder, signature, args):
        return builder.atomic_rmw("add", _slot(builder, *args[:2]), args[2], "seq_cst")

    return types.int64(types.int64, types.int64, types.int64), generate


@intrinsic
def _rest(typing, long):
    """Pause the core; with long, yield it to another thread."""

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
def _call(typing, task, data, pool, first, last):
    """Whether the task, a kernel at that address, failed."""

    def generate(context, builder, signature, args):
        task = builder.inttoptr(args[0], TASK_TYPE.as_pointer())
        status = builder.call(task, [builder.inttoptr(args[1], BYTES), *args[2:]])
        return builder.icmp_signed("!=", status, I32(0))

    return types.boolean(*[types.int64] * 5), generate


@intrinsic
def shared(typing, pool, first, last):
    """Whether a pool was given and has done all items: the first line of a kernel (see above)."""

    def generate(context, builder, signature, args):
        # The last three of its arguments are ours.
        own = builder.function
        bundle = ir.LiteralStructType([argument.type for argument in own_arguments(own)])
        task = _task(builder.module, own, bundle)
        with builder.goto_entry_block():
            data = builder.alloca(bundle)
        pool, _, items = args
        given = builder.icmp_signed(">", pool, I64(0))
        with builder.if_then(given):
            for k, argument in enumerate(own_arguments(own)):
                builder.store(argument, builder.gep(data, [I32(0), I32(k)]))
            address = builder.load(_slot(builder, pool, I64(SHARE)))
            share = builder.inttoptr(address, SHARE_TYPE.as_pointer())
            addresses = builder.ptrtoint(task, I64), builder.ptrtoint(data, I64)
            builder.call(share, [pool, *addresses, items])
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
    results = [builder.alloca(argument.type.pointee) for argument in result_addresses(own)]
    builder.ret(builder.call(own, [*results, *kept, *task.args[1:]]))
    return task


@kernel
def _take_pieces(pool, rank):
    """Do pieces of the task until none is left: those of this rank, then those of the others.

    As long as no thread is late, each gets the same numbers in one operation after another: what
    it has written is in its core's cache, and another core would fetch it slowly.
    """
    task, data, items = _load(pool, TASK), _load(pool, DATA), _load(pool, ITEMS)
    threads = _load(pool, THREADS)
    for step in range(threads):
        owner = (rank + step) % threads
        begin, end = owner * items // threads, (owner + 1) * items // threads
        pieces = min(end - begin, _load(pool, PIECES))
        while True:
            k = _add(pool, NEXT + owner, 1)
            if k >= pieces:
                break
            first = begin + (end - begin) * k // pieces
            last = begin + (end - begin) * (k + 1) // pieces
            if _call(task, data, -rank, first, last):
                _store(pool, FAILED, 1)


def _share(pool, task, data, items):
    """Do all pieces of a task with the workers that see it; return when they have left."""
    _store(pool, TASK, task)
    _store(pool, DATA, data)
    _store(pool, ITEMS, items)
    for owner in range(_load(pool, THREADS)):
        _store(pool, NEXT + owner, 0)
    _add(pool, GATE, 1)
    _take_pieces(pool, 0)
    _add(pool, GATE, 1)
    spun = 0
    # A worker counts itself in before it reads the gate, and the gate is shut before INSIDE is
    # read.
    crowded = _load(pool, CROWDED) != 0
    while _load(pool, INSIDE) > 0:
        spun += 1
        _rest(crowded or spun > SHORT)


def new_state(threads: int, pieces: int, crowded: bool) -> np.ndarray:
    """The state of an idle pool, with so many pieces for each thread.

    crowded: whether there are more threads than cores. Then a waiting thread yields its core at
    once and goes to sleep sooner.
    """
    state = np.zeros(NEXT + threads, np.int64)
    state[SHARE] = _share_function().address
    state[THREADS], state[PIECES] = threads, pieces
    state[CROWDED], state[LEAVE] = crowded, 1
    serve(state.ctypes.data, 0)  # compiled here: no worker must compile it during a fork
    state[LEAVE] = 0
    return state


@cache
def _share_function():
    return c_function(_share, "void(int64, int64, int64, int64)")


@kernel
def serve(pool, rank):
    """Take part in kernels until none has come for SPINS or LEAVE is set."""
    seen = spun = 0
    crowded = _load(pool, CROWDED) != 0
    most = SHORT if crowded else SPINS
    while spun < most and _load(pool, LEAVE) == 0:
        gate = _load(pool, GATE)
        if gate % 2 == 1 and gate != seen:
            _add(pool, INSIDE, 1)
            if _load(pool, GATE) == gate and rank < _load(pool, ADMITTED):
                _take_pieces(pool, rank)
            _add(pool, INSIDE, -1)
            seen, spun = gate, 0
        else:
            spun += 1
            _rest(crowded)

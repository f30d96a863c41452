"""The compiled half of threads.py: how workers receive the ranges of a kernel.

An operation of a tenth of a millisecond is over before a thread gets the interpreter's lock, or
before the system wakes it. So between two operations the workers stay in compiled code and spin
for some milliseconds, waiting for a kernel. They call it by its address, without Python: it
reaches them in less than a microsecond.

A kernel takes pool, first and last as its last arguments. Its first lines distribute it,

    if shared(pool, first, last):
        return

and the lines after them compute the items first ... last - 1. If `pool` is the address of the
pool's state, `shared` cuts the range into pieces and calls the kernel for each of them, on any
thread. In these calls `pool` is -k on thread k (its rank); the calling thread has rank 0.
"""

import os
import platform
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from .compat_numba import own_arguments, result_addresses
from .intrinsic import intrinsic
from .jit import c_function, kernel

# The state of the pool, in 64-bit integers.
SHARE = 0  # address of `_share`, which kernels call
TASK, DATA, ITEMS = 1, 2, 3  # addresses of a kernel and of its arguments, number of items
THREADS, PIECES = 4, 5  # number of threads; maximum number of pieces of a thread's items
GATE = 6  # odd while workers may enter; a new value for every kernel
INSIDE = 7  # number of workers that have entered and not left
LEAVE = 8  # not 0: workers return to Python, where other work waits for them
FAILED = 9  # not 0: a piece has failed
ADMITTED = 10  # number of threads that may take part
CROWDED = 11  # not 0: there are more threads than cores
NEXT = 12  # this slot and those after it: for each thread, the index of its next piece

SPINS_BEFORE_SLEEP = 2**18  # spins without work before a worker goes to sleep: some milliseconds
SPINS_BEFORE_YIELD = 2**10  # spins after which a waiting thread yields its core

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
    """Add to a slot; return its value before."""

    def generate(context, builder, signature, args):
        return builder.atomic_rmw("add", _slot(builder, *args[:2]), args[2], "seq_cst")

    return types.int64(types.int64, types.int64, types.int64), generate


@intrinsic
def _rest(typing, long):
    """Pause the core; if `long`, yield it to another thread."""

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
    """Call the task, the kernel at that address; return whether it failed."""

    def generate(context, builder, signature, args):
        task = builder.inttoptr(args[0], TASK_TYPE.as_pointer())
        status = builder.call(task, [builder.inttoptr(args[1], BYTES), *args[2:]])
        return builder.icmp_signed("!=", status, I32(0))

    return types.boolean(*[types.int64] * 5), generate


@intrinsic
def shared(typing, pool, first, last):
    """Whether a pool was given and has computed all items: the first line of a kernel."""

    def generate(context, builder, signature, args):
        # Its last three arguments are pool, first and last.
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
    """A function that calls the kernel `own`: the bundle holds all but its last three arguments."""
    task = ir.Function(module, TASK_TYPE, f"{own.name}.task")
    task.linkage = "internal"
    builder = ir.IRBuilder(task.append_basic_block())
    data = builder.bitcast(task.args[0], bundle.as_pointer())
    count = len(bundle.elements) - 3
    kept: list[Any] = [builder.load(builder.gep(data, [I32(0), I32(k)])) for k in range(count)]
    # An array begins with the addresses of its two owners. Views count references to them at one
    # memory address, for which all threads would contend. Without owners nothing is counted; the
    # caller keeps the arrays until the kernel is done.
    for k in range(count - 1):
        if kept[k].type == kept[k + 1].type == BYTES:
            kept[k] = kept[k + 1] = ir.Constant(BYTES, None)
    results = [builder.alloca(argument.type.pointee) for argument in result_addresses(own)]
    builder.ret(builder.call(own, [*results, *kept, *task.args[1:]]))
    return task


@kernel
def _take_pieces(pool, rank):
    """Compute pieces of the task until none is left: those of this rank, then those of others.

    Unless a thread is late, each thread gets the same elements in successive operations: the
    elements that it has written are in its core's cache, from which another core reads slowly.
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
    """Compute all pieces of a task with the workers that see it; return when they have left."""
    _store(pool, TASK, task)
    _store(pool, DATA, data)
    _store(pool, ITEMS, items)
    for owner in range(_load(pool, THREADS)):
        _store(pool, NEXT + owner, 0)
    _add(pool, GATE, 1)
    _take_pieces(pool, 0)
    _add(pool, GATE, 1)
    spun = 0
    # A worker increments INSIDE before it reads the gate, and the gate is closed before INSIDE is
    # read here.
    crowded = _load(pool, CROWDED) != 0
    while _load(pool, INSIDE) > 0:
        spun += 1
        _rest(crowded or spun > SPINS_BEFORE_YIELD)


def new_state(threads: int, pieces: int, crowded: bool) -> np.ndarray:
    """The state of an idle pool, with at most `pieces` pieces per thread.

    crowded: whether there are more threads than cores. Then a waiting thread yields its core at
    once and goes to sleep earlier.
    """
    state = np.zeros(NEXT + threads, np.int64)
    state[SHARE] = _share_function().address
    state[THREADS], state[PIECES] = threads, pieces
    state[CROWDED], state[LEAVE] = crowded, 1
    serve(state.ctypes.data, 0)  # compiled here: no worker must compile it during a fork
    state[LEAVE] = 0
    return state


@cache
def _share_function() -> Any:
    return c_function(_share, "void(int64, int64, int64, int64)")


@kernel
def serve(pool, rank):
    """Take part in kernels until none arrives for SPINS_BEFORE_SLEEP spins or LEAVE is set."""
    seen = spun = 0
    crowded = _load(pool, CROWDED) != 0
    most = SPINS_BEFORE_YIELD if crowded else SPINS_BEFORE_SLEEP
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

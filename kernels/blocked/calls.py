"""Calls of kernels that are written down once and run many times, all by one compiled function.

A call from Python takes microseconds to pass a kernel's arrays and settings, longer than a small
kernel runs. So each call is recorded: the kernel, asked to, stores the address of its code and its
arguments in memory. `run_all` calls a list of records, and passes each to the threads of the pool.

The first lines of a kernel that can be recorded are

    if shared(pool, first, last) or recorded(pool, first, last):
        return
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types

from ..compat_numba import own_arguments
from ..intrinsic import intrinsic
from ..jit import kernel
from ..thread_pool import I32, I64, SHARE, SHARE_TYPE, _call, _slot, _task
from ..threads import parallel_ranges

TASK, ARGUMENTS = 0, 1  # of a record, in words: the address of the code, the arguments
MOST = 160  # words of a record
# An array is passed as its two owners, numbers of elements and of bytes, address, size and stride.
ADDRESS = ARGUMENTS + 4  # the word with the address of the first argument, an array
WORDS_OF_VECTOR = 7
MIN_SIZE = 2**11  # elements: a call with less work is left to one thread


class Call(NamedTuple):
    """A kernel with everything but its arrays: kernel(*arrays, *settings, pool, first, last)."""

    kernel: Callable[..., None]
    settings: tuple[Any, ...]
    items: int
    size: int  # elements that the call processes, as parallel_ranges counts them


def run(call: Call, *arrays: np.ndarray) -> None:
    """Run a call on flat arrays, contiguous and of one dtype, in the order that its plan names."""
    parallel_ranges(call.kernel, call.items, call.size, *arrays, *call.settings)


class Record:
    """A call with its arrays, written down. `arrays` may be exchanged for others of their sizes."""

    def __init__(self, call: Call, arrays: Sequence[np.ndarray]) -> None:
        self.call, self.kept = call, (arrays, call.settings)
        self.words = np.zeros(MOST, np.int64)
        self.address = self.words.ctypes.data
        call.kernel(*arrays, *call.settings, -self.address, -1, call.items)

    def row(self) -> tuple[int, int, int, int]:
        """The call's row among those of `run_records`."""
        alone = self.call.items < 2 or self.call.size < MIN_SIZE
        task, arguments = int(self.words[TASK]), self.address + 8 * ARGUMENTS
        return task, arguments, self.call.items, int(not alone)

    def exchange(self, place: int, array: np.ndarray) -> None:
        """Let the array at that place among the first arguments, all vectors, be another one."""
        self.words[ADDRESS + place * WORDS_OF_VECTOR] = array.ctypes.data


class Records:
    """A list of records to run one after another, on the threads that they have memory for."""

    def __init__(self, records: Sequence[Record], threads: int | None = None) -> None:
        self.kept, self.threads = records, threads
        self.rows = np.array([record.row() for record in records], np.int64)
        self.size = sum(record.call.size for record in records)

    def run(self) -> None:
        """Run all calls in order. Their arrays must not be used elsewhere at the same time."""
        parallel_ranges(run_all, len(self.rows), self.size, self.rows, threads=self.threads)


@intrinsic
def recorded(typing, pool, first, last):
    """Whether the call was only written down, at the address -pool: where `first` is negative."""

    def generate(context, builder, signature, args):
        own = builder.function
        bundle = ir.LiteralStructType([argument.type for argument in own_arguments(own)])
        if context.get_abi_sizeof(bundle) > 8 * (MOST - ARGUMENTS):
            raise NotImplementedError(f"recorded: {own.name} has more than {MOST} words")
        task = builder.module.globals.get(f"{own.name}.task") or _task(builder.module, own, bundle)
        asked = builder.icmp_signed("<", args[1], I64(0))
        with builder.if_then(asked):
            words = builder.inttoptr(builder.neg(args[0]), I64.as_pointer())
            builder.store(builder.ptrtoint(task, I64), builder.gep(words, [I64(TASK)]))
            data = builder.bitcast(builder.gep(words, [I64(ARGUMENTS)]), bundle.as_pointer())
            for k, argument in enumerate(own_arguments(own)):
                builder.store(argument, builder.gep(data, [I32(0), I32(k)]))
        return asked

    return types.boolean(types.int64, types.int64, types.int64), generate


@intrinsic
def _distribute(typing, pool, task, data, items):
    """Let all threads of the pool compute the items of a task."""

    def generate(context, builder, signature, args):
        share = builder.load(_slot(builder, args[0], I64(SHARE)))
        builder.call(builder.inttoptr(share, SHARE_TYPE.as_pointer()), args)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 4), generate


@kernel
def run_all(rows, pool, first, last):
    """Run the calls of some rows, in order. The pool, if there is one, takes those with a 1."""
    for k in range(first, last):
        task, data, items, many = rows[k, 0], rows[k, 1], rows[k, 2], rows[k, 3]
        if pool > 0 and many:
            _distribute(pool, task, data, items)
        else:
            _call(task, data, 0, 0, items)

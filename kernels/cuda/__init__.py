"""Runs CUDA C kernels on a GPU through CuPy, or on the host processor through an emulator.

A kernel is a .cu text in the folder of its operator. The modules, in reading order:

    array.py      array types, and the device that each type belongs to
    launch.py     compiles a text and its settings to a module; checks and launches a call
    signature.py  the parameters of a kernel
    prelude.h     the header that all .cu texts include
    emulator.py   with emulator.h and scheduler.cpp: threads, warps and blocks on the host processor
    check.py      registers and shared memory, as reported by the compiler
"""

from .tf32 import allow_tf32

__all__ = ["allow_tf32"]

"""CUDA C kernels on two machines: a GPU through CuPy, or this processor through an emulator.

A kernel is a .cu text in its operator. To read how one gets run: array.py (where an array lies),
launch.py (a text and its settings become a module; a call is checked and handed to the machine
where the arrays are), signature.py (what a kernel takes), prelude.h (what all .cu texts include),
emulator.py, emulator.h and scheduler.cpp (threads, warps and blocks on a processor), check.py (the
compiler's word on registers and shared memory).
"""

from .tf32 import allow_tf32

__all__ = ["allow_tf32"]

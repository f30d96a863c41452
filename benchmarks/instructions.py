"""Restricts all libraries to the vector instructions for which our kernels are compiled.

`MINITORCH_CNN_MACHINE=avx2` compiles our kernels as for a processor without AVX-512. A comparison
is fair only if the others, and the BLAS of our own NumPy, do without it, too. Each reads a variable
of its own when its process starts. ONNX Runtime has none, so it is not compared then.

Sources: oneDNN, CPU Dispatcher Control; oneMKL, Instruction Set-Specific Dispatching on Intel
Architectures, and Conditional Numerical Reproducibility (on AMD processors oneMKL has no AVX-512
code, and MKL_CBWR turns AVX2 off); OpenVINO, OV_CPU_MAX_ISA; NumPy, CPU build options; OpenBLAS,
DYNAMIC_ARCH.
"""

from __future__ import annotations

import os

from minitorch_cnn.kernels.machine import VARIABLE

VARIABLES = {
    "avx2": {
        "ATEN_CPU_CAPABILITY": "avx2",  # PyTorch's own loops
        "ONEDNN_MAX_CPU_ISA": "AVX2",  # convolutions of PyTorch and OpenVINO
        "OV_CPU_MAX_ISA": "AVX2",  # OpenVINO's own loops
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",  # matrix products of PyTorch
        "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",  # NumPy's own loops
        "OPENBLAS_CORETYPE": "Haswell",  # matrix products of NumPy
    },
    "sse": {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "OV_CPU_MAX_ISA": "SSE41",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        "MKL_CBWR": "COMPATIBLE",
        "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
        "OPENBLAS_CORETYPE": "Nehalem",
    },
}
UNRESTRICTED = ("onnxruntime",)


def described() -> str:
    """The instructions that MINITORCH_CNN_MACHINE names; empty if it is not set."""
    return os.environ.get(VARIABLE, "").split(",")[0]


def restrictions() -> dict[str, str]:
    """The variables that restrict the other libraries as ours is, by name."""
    return VARIABLES.get(described(), {})


def are_restricted() -> bool:
    """Whether this process was started with these variables."""
    return all(os.environ.get(name) == value for name, value in restrictions().items())

"""The devices on which tests run besides the CPU: the emulator, and a GPU where there is one."""

import pytest

from minitorch_cnn.kernels.cuda.array import has_compiler, has_gpu

GPU = [pytest.param("cuda", marks=pytest.mark.gpu)] if has_gpu() else []
DEVICES = ["emulator", *GPU]
# Where kernels run, too, and not only operations of arrays.
KERNEL_DEVICES = (["emulator"] if has_compiler() else []) + GPU

"""Write a CUDA kernel and run it: on a GPU if there is one, else on the emulator (Linux, g++).

python cuda_kernel.py
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from minitorch_cnn.kernels.cuda.array import has_gpu, to_emulator
from minitorch_cnn.kernels.cuda.emulator import EmulatorError, emulated
from minitorch_cnn.kernels.cuda.launch import cuda_module, empty

# Each block sums 256 numbers in shared memory, halving the number of active threads.
TEXT = """
#include "prelude.h"

extern "C" __global__ void __launch_bounds__(256) sums(const float* x, float* y, int n)
{
    __shared__ float part[256];
    const int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    part[t] = i < n ? x[i] : 0;
    __syncthreads();
    for (int half = 128; half > 0; half /= 2) {
        if (t < half) part[t] += part[t + half];
        __syncthreads();
    }
    if (t == 0) y[blockIdx.x] = part[0];
}
"""
STEP = "if (t < half) part[t] += part[t + half];\n        __syncthreads();"
FORGOTTEN = TEXT.replace(STEP, "if (t < half) { part[t] += part[t + half]; __syncthreads(); }")


def block_sums(text: str, x) -> np.ndarray:
    """The sums of blocks of 256 numbers of a float32 array on the device."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "sums.cu")
        path.write_text(text, encoding="utf-8")
        count = -(-x.size // 256)
        y = empty((count,), x.dtype, like=x)
        cuda_module(str(path))["sums"]((count,), (256,), (x, y, np.int32(x.size)))
    return y.get()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--numbers", type=int, default=1000)
    options = parser.parse_args()

    host = np.random.default_rng(0).random(options.numbers, dtype=np.float32)
    if has_gpu():
        import cupy

        x = cupy.asarray(host)
    else:
        x = to_emulator(host)
    expected = np.add.reduceat(host.astype(np.float64), np.arange(0, host.size, 256))
    np.testing.assert_allclose(block_sums(TEXT, x), expected, rtol=1e-5)
    print(f"{expected.size} blocks are correct")

    # The emulator reports what a GPU leaves undefined: a barrier that some threads do not reach.
    try:
        with emulated(order="backward", guards=True):
            block_sums(FORGOTTEN, to_emulator(host))
    except EmulatorError as error:
        print("found:", str(error).splitlines()[0])


if __name__ == "__main__":
    main()

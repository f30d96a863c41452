"""The emulator tests are tested: faults planted into the texts of the kernels must be caught.

Each replaces one piece of a text in a copy of the folder; the check of a layer must then fail, by a
wrong number, by a NaN that was never overwritten, or by the emulator itself.
"""

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from minitorch_cnn.kernels import Window
from minitorch_cnn.kernels.conv2d.cuda import depthwise, grouped, im2col, implicit_gemm, tiles
from minitorch_cnn.kernels.conv2d.cuda.implicit_gemm import PLAIN, TF32
from minitorch_cnn.kernels.cuda import launch
from minitorch_cnn.kernels.cuda.compiler import EmulatorError
from minitorch_cnn.kernels.cuda.emulator import ORDERS, emulated
from tests.kernels.conv2d.cuda.emulated_check import Layer, assert_agrees, needs_compiler

pytestmark = needs_compiler

PLANES = Layer(3, 2, 2, 2, (9, 7), Window(3, padding=1), np.float32)
STRIDED = Layer(2, 4, 6, 2, (9, 8), Window(3, 2, 1), np.float32)
SUMMED = Layer(4, 4, 5, 1, (16, 16), Window(3, padding=1), np.float32, integers=True)
DENSE = Layer(1, 40, 5, 1, (5, 6), Window(3, padding=1), np.float32, integers=True)


class Fault(NamedTuple):
    """`right` becomes `wrong` in a text; then the check of `layer` with `kernel` must fail."""

    file: str
    right: str
    wrong: str
    kernel: Any
    layer: Layer


FAULTS = {
    "halo: a tile one row short": Fault(
        "taps.h",
        "#define SPAN_H ((KH - 1) * DH + 1)",
        "#define SPAN_H ((KH - 1) * DH)",
        depthwise, PLANES._replace(size=(10, 7), window=Window(3)),
    ),
    "halo: a tile of the gradient one row short": Fault(
        "taps.h",
        "/ SH + (KH - 1) * DH / SH + 1)",
        "/ SH + (KH - 1) * DH / SH)",
        depthwise, PLANES._replace(batch=1, size=(32, 128), window=Window(3, 2, 1)),
    ),
    "halo: the column after the image read from its next row": Fault(
        "taps.h",
        "0 <= w && w < W",
        "0 <= w && w <= W",
        depthwise, PLANES,
    ),
    "depthwise: no barrier between loading a tile and reading it": Fault(
        "depthwise.cu",
        "lane);\n                __syncthreads();",
        "lane);",
        depthwise, PLANES,
    ),
    "depthwise weight gradient: no barrier before the next tile": Fault(
        "depthwise_weight_grad.cu",
        "        __syncthreads();\n        load_tile(",
        "        load_tile(",
        depthwise, PLANES._replace(batch=25),
    ),
    "grouped: no barrier before the next channels": Fault(
        "grouped.cu",
        "        __syncthreads();\n        for (int i = 0; i < IMAGES; i++)",
        "        for (int i = 0; i < IMAGES; i++)",
        grouped, STRIDED,
    ),
    "grouped: the stride forgotten where there are groups": Fault(
        "grouped.cu",
        "strip * STRIP * STEP_H",
        "strip * STRIP",
        grouped, STRIDED,
    ),
    "grouped: every group reads the weights of the first": Fault(
        "grouped.cu",
        "((long long)group * OUT + out) * IN + in",
        "(long long)out * IN + in",
        grouped, STRIDED,
    ),
    "grouped weight gradient: = for += over the positions": Fault(
        "grouped_weight_grad.cu",
        "sum[o][in][kh][kw] += g[o] * value",
        "sum[o][in][kh][kw] = g[o] * value",
        grouped, STRIDED,
    ),
    "im2col: rows of the kernel not dilated": Fault(
        "im2col.cu",
        "h0 + kh * DH",
        "h0 + kh",
        im2col, STRIDED._replace(window=Window(3, 1, 2, 2)),
    ),
    "col2im: a tap whose stride does not divide": Fault(
        "im2col.cu",
        "|| i * SH != h - kh * DH",
        "",
        im2col, STRIDED,
    ),
    "implicit GEMM: no barrier between pieces": Fault(
        "implicit_gemm.cu",
        "        __syncthreads();\n    }\n",
        "    }\n",
        PLAIN, DENSE,
    ),
    "implicit GEMM: the last piece of the sum forgotten": Fault(
        "implicit_gemm.cu",
        "const int chunks = (K + BK - 1) / BK",
        "const int chunks = K / BK",
        PLAIN, DENSE._replace(channels=41),
    ),
    "TF32: no barrier after the copies": Fault(
        "implicit_gemm_tf32.cu",
        "            __syncthreads();\n",
        "",
        TF32, DENSE,
    ),
    "TF32: multiplied before the copies have arrived": Fault(
        "implicit_gemm_tf32.cu",
        "cp_async_wait<STAGES - 2>",
        "cp_async_wait<STAGES - 1>",
        TF32, DENSE,
    ),
    "TF32 weight gradient: copies of 16 bytes to a place of 4": Fault(
        "tf32_tile.h",
        "#define PITCH_K (BK + 4)",
        "#define PITCH_K (BK + 3)",
        TF32, DENSE._replace(size=(4, 6)),
    ),
    "TF32: fragments of a product mixed up": Fault(
        "tf32_tile.h",
        "lane % 16) * PITCH_K + lane / 16 * 4",
        "lane / 2) * PITCH_K + lane % 2 * 4",
        TF32, DENSE,
    ),
    "TF32 weight gradient: fragments of the second factor mixed up": Fault(
        "tf32_tile.h",
        "lane / 16 * 8 + lane % 8) * PITCH_K + lane / 8 % 2 * 4",
        "lane / 8 % 2 * 8 + lane % 8) * PITCH_K + lane / 16 * 4",
        TF32, DENSE,
    ),
    "TF32: the channels of a tap begin where those of the last one ended": Fault(
        "implicit_gemm_tf32.cu",
        "                channel = 0;\n",
        "                channel -= IN;\n",
        TF32, DENSE,
    ),
    "TF32 weight gradient: the image stays at the end of its rows": Fault(
        "implicit_gemm_tf32_weight_grad.cu",
        "n += step_n + (i >= OH)",
        "n += step_n",
        TF32, DENSE._replace(batch=2),
    ),
    "TF32 of few channels: taps across that are not dilated": Fault(
        "implicit_gemm_tf32.cu",
        "across = i % KW * dilation_w",
        "across = i % KW",
        TF32, STRIDED._replace(channels=3, groups=1, window=Window(3, 1, 2, 2), integers=True),
    ),
    "TF32 of few channels: no barrier after the table of places": Fault(
        "implicit_gemm_tf32.cu",
        "    }\n    __syncthreads();\n#else",
        "    }\n#else",
        TF32, STRIDED._replace(channels=3, groups=1, integers=True),
    ),
    "TF32: a pair of one column twice": Fault(
        "implicit_gemm_tf32.cu",
        "sum[i][j][f + 1]",
        "sum[i][j][f]",
        TF32, DENSE,
    ),
    "TF32 weight gradient: a pair of one column twice": Fault(
        "implicit_gemm_tf32_weight_grad.cu",
        "sum[i][j][e + 1]",
        "sum[i][j][e]",
        TF32, DENSE,
    ),
    "phases: the last tap of the longest ones forgotten": Fault(
        "axis.h",
        "(K - 1 - least) / apart + 1",
        "K / apart",
        TF32, STRIDED._replace(integers=True),
    ),
    "phases: pixels before the first": Fault(
        "axis.h",
        "    first += first < 0 ? S : 0;\n",
        "",
        PLAIN, STRIDED,
    ),
    "phases: those without taps not told apart": Fault(
        "axis.h",
        "beside == 0 && least",
        "least",
        PLAIN, STRIDED._replace(window=Window(2, 2, 0, 2)),
    ),
    "phases: the weights of adjacent taps": Fault(
        "implicit_gemm.cu",
        "k % taps % along_w.taps * along_w.apart",
        "k % taps % along_w.taps",
        PLAIN, STRIDED,
    ),
    "TF32 phases: the weights of adjacent taps": Fault(
        "implicit_gemm_tf32.cu",
        "(along_w.apart - 1) * padded",
        "0",
        TF32, STRIDED._replace(integers=True),
    ),
    "TF32 phases: every row of taps reads the weights of the first": Fault(
        "implicit_gemm_tf32.cu",
        "(along_h.apart * KW + (1 - along_w.taps)",
        "((1 - along_w.taps)",
        TF32, STRIDED._replace(integers=True),
    ),
    "TF32 weight gradient of one tap: the result ordered by taps": Fault(
        "implicit_gemm_tf32_weight_grad.cu",
        "k = c * TAPS + tap;",
        "k = tap * IN + c;",
        TF32, DENSE._replace(channels=128),
    ),
    "TF32 weight gradient of one tap: all rows from the first channels": Fault(
        "implicit_gemm_tf32_weight_grad.cu",
        "                from_b += ROWS_B * plane;\n",
        "",
        TF32, DENSE._replace(channels=128),
    ),
    "TF32 weight gradient of one tap: the same tap in all blocks": Fault(
        "implicit_gemm_tf32_weight_grad.cu",
        "tap = blockIdx.x % TAPS",
        "tap = 0",
        TF32, DENSE._replace(channels=128),
    ),
    "split sums: bias added once for every part": Fault(
        "splits.cu",
        "REAL start = bias ?",
        "REAL start = bias ? count *",
        PLAIN, DENSE,
    ),
    "split sums: the last part left out": Fault(
        "finish.h",
        "part < count;",
        "part < count - 1;",
        PLAIN, DENSE,
    ),
    "both gradients: the last block of the sum packs weights": Fault(
        "pack.cu",
        "(total_size + blockDim.x - 1) / blockDim.x",
        "total_size / blockDim.x",
        PLAIN, SUMMED,
    ),
    "both gradients: the first elements of the weights are not packed": Fault(
        "pack.cu",
        "(blockIdx.x - adding) * blockDim.x",
        "(blockIdx.x - adding + 1) * blockDim.x",
        PLAIN, SUMMED,
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_planted_fault_is_caught(monkeypatch, tmp_path, fault):
    folder = Path("conv2d/cuda")
    shutil.copytree(launch.SOURCES / folder, tmp_path / folder)
    text = (tmp_path / folder / fault.file).read_text(encoding="utf-8")
    assert fault.right in text, "the text has changed: plant the fault anew"
    (tmp_path / folder / fault.file).write_text(
        text.replace(fault.right, fault.wrong), encoding="utf-8"
    )
    monkeypatch.setattr(launch, "SOURCES", tmp_path)
    monkeypatch.setattr(depthwise, "TARGET_BLOCKS", 2)  # blocks that go through several tiles
    monkeypatch.setattr(grouped, "CHUNK", 1)
    monkeypatch.setattr(implicit_gemm, "MIN_PIECES", 4)
    with pytest.raises((AssertionError, EmulatorError)):
        for order in ORDERS:
            with emulated(order=order, guards=True):
                assert_agrees(fault.kernel, fault.layer)


def test_vectors_of_an_odd_width_are_caught(monkeypatch):
    monkeypatch.setattr(tiles.Taps, "vector", 4)
    with pytest.raises(EmulatorError, match="multiple of 16"):
        assert_agrees(depthwise, PLANES)

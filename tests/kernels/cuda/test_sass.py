import shutil

import pytest

from minitorch_cnn.kernels.conv2d.cuda.implicit_gemm import TF32
from minitorch_cnn.kernels.cuda import check
from minitorch_cnn.kernels.cuda.launch import SOURCES
from minitorch_cnn.kernels.cuda.sass import product_loop

pytestmark = pytest.mark.skipif(check.nvrtc() is None, reason="NVRTC is not installed")

LARGEST = TF32.tiles[-1]  # 128 x 128 by eight warps
FORWARD = {"PAIRS": 1, "FEW": 0, "PHASES": 0}


@pytest.mark.parametrize("architecture", [80, 90, 100])
@pytest.mark.parametrize(
    ("taps", "vector", "rounded", "phases"),
    [(3, 1, 1, 0), (3, 1, 1, 1), (1, 4, 0, 0), (1, 4, 1, 0), (1, 1, 0, 0)],
)
def test_a_warp_takes_at_most_250_instructions_for_a_piece_of_the_largest_tf32_tile(
    taps, vector, rounded, phases, architecture
):
    settings = FORWARD | {
        "KH": taps, "KW": taps, "VECTOR": vector, "ROUNDED": rounded, "PHASES": phases
    }  # fmt: skip
    loop = product_loop(TF32.path, LARGEST | settings, architecture)
    assert loop["HMMA"] == 32  # so a turn of the loop is one piece
    assert loop["LDSM"] == 8 and loop["LDGSTS"] >= 2 + (2 if vector == 4 else 8)
    assert loop.instructions <= 250


@pytest.mark.parametrize("architecture", [80, 90, 100])
@pytest.mark.parametrize(
    ("taps", "vector", "one_tap", "most"),
    [(3, 4, 1, 250), (1, 4, 1, 250), (3, 1, 1, 290), (3, 4, 0, 330)],
    ids=["channels fill the tile", "1 x 1", "odd planes", "channels do not fill the tile"],
)
def test_a_warp_takes_few_instructions_for_a_piece_of_a_weight_gradient(
    taps, vector, one_tap, most, architecture
):
    settings = {"KH": taps, "KW": taps, "VECTOR": vector, "ONE_TAP": one_tap, "PAIRS": 0}
    loop = product_loop(TF32.weight_grad_path, LARGEST | settings, architecture)
    assert loop["HMMA"] == 32 and loop["LDSM"] == 12
    assert loop["LDGSTS"] == 8 + (2 if vector == 4 else 8)
    assert loop.instructions <= most


# What a loop had before it was shortened.
SLOWER = {
    "the packed weights rounded once more": (
        "tf32_tile.h", "                mma_tf32(sum[i][j], left, right[j]);",
        "{ for (int p = 0; p < 4; p++) left[p] = to_tf32(__uint_as_float(left[p])); "
        "mma_tf32(sum[i][j], left, right[j]); }"),
    "a division for every piece": (
        "implicit_gemm_tf32_weight_grad.cu", "i += step_i + (j >= OW);",
        "i = (t + piece * BK) / OW % OH;"),
    "a test of the channel for every element": (
        "implicit_gemm_tf32.cu", "inside && channel + row + i < IN",
        "inside && (channel + row + i) % padded < IN && h * W + w < plane"),
}  # fmt: skip


@pytest.mark.parametrize("fault", SLOWER.values(), ids=SLOWER)
def test_a_loop_that_does_more_exceeds_its_bound(fault, tmp_path):
    file, right, wrong = fault
    folder = tmp_path / "cuda"
    shutil.copytree((SOURCES / TF32.path).parent, folder)
    text = (folder / file).read_text(encoding="utf-8")
    assert right in text, "the text has changed: plant the fault anew"
    (folder / file).write_text(text.replace(right, wrong), encoding="utf-8")
    if "weight" in file:
        path, settings = TF32.weight_grad_path, {"VECTOR": 4, "ONE_TAP": 1, "PAIRS": 0}
    else:
        path, settings = TF32.path, FORWARD | {"VECTOR": 1, "ROUNDED": 1}
    path = str(folder / path.rsplit("/", 1)[1])
    assert product_loop(path, LARGEST | settings | {"KH": 3, "KW": 3}, 90).instructions > 250


@pytest.mark.parametrize("architecture", [80, 90, 100])
def test_the_instructions_of_a_loop_are_counted_whole(architecture, tmp_path):
    path = tmp_path / "loop.cu"
    path.write_text(
        '#include "prelude.h"\n'
        'extern "C" __global__ void f(const float* x, float* y, int n)\n'
        "{\n"
        "    float d[4] = {}; const unsigned a[4] = {1, 2, 3, 4}, b[2] = {5, 6};\n"
        "    #pragma unroll 1\n"
        "    for (int i = 0; i < n; i++) {\n"
        "        mma_tf32(d, a, b);\n"
        "        if (x[i] > d[0]) mma_tf32(d, a, b);\n"
        "    }\n"
        "    for (int i = 0; i < n; i++) y[i] = d[i % 4];\n"
        "}\n"
    )
    loop = product_loop(str(path), {}, architecture)
    assert loop["HMMA"] == 2 and 6 <= loop.instructions <= 40 and loop["LDSM"] == 0


def test_a_text_without_such_a_loop_is_refused():
    with pytest.raises(ValueError, match=r"splits.cu has no loop with products"):
        product_loop("conv2d/cuda/splits.cu", {"REAL": "float"}, 90)

"""Kernels of notebook 12 in any notation: correct ones pass, and their reads are counted."""

import numpy as np
import pytest

from minitorch_cnn.course import cuda as check
from minitorch_cnn.kernels.cuda.array import has_compiler

pytestmark = pytest.mark.skipif(not has_compiler(), reason="the emulator needs g++ on Linux")

COPY = """
    __shared__ float tile[TILE + 2][TILE + 2];
    const int top = blockIdx.y * TILE, left = blockIdx.x * TILE;
    {setup}
    for (int k = threadIdx.y * TILE + threadIdx.x; k < (TILE + 2) * (TILE + 2); k += TILE * TILE) {{
        const int i = top + k / (TILE + 2), j = left + k % (TILE + 2);
        if (i < H && j < W)
            tile[k / (TILE + 2)][k % (TILE + 2)] = {pixel};
    }}
    __syncthreads();
    const int i = top + threadIdx.y, j = left + threadIdx.x;
    if (i >= H - 2 || j >= W - 2)
        return;
    {weights}
    float sum = 0;
    for (int k = 0; k < 9; k++)
        sum += tile[threadIdx.y + k / 3][threadIdx.x + k % 3] * {weight};
    y[i * (W - 2) + j] = sum;
"""


def tiled(pixel="LOAD(x, i * W + j)", weight="LOAD(w, k)", setup="", weights=""):
    return COPY.format(pixel=pixel, weight=weight, setup=setup, weights=weights)


COUNTED = {
    "LOAD": tiled(),
    "an index": tiled("x[i * W + j]", "w[k]"),
    "weights by an index": tiled(weight="w[k]"),
    "pixels by an index": tiled("x[i * W + j]"),
    "a dereferenced sum": tiled("*(x + i * W + j)", "*(w + k)"),
    "a sum the other way round": tiled("*(i * W + j + x)", "*(k + w)"),
    "an automatic pointer": tiled("row[j]", "w[k]", setup="auto row = x;").replace(
        "row[j]", "(row + i * W)[j]"
    ),
    "a read-only load": tiled("__ldg(x + i * W + j)", "__ldg(w + k)"),
    "a read-only load of an address": tiled("__ldg(&x[i * W + j])", "w[k]"),
    "weights in registers": tiled(
        weight="r[k]", weights="float r[9]; for (int k = 0; k < 9; k++) r[k] = w[k];"
    ),
    "a pointer to weights": tiled(weight="v[k]", setup="const float* v = w;"),
}
UNCOUNTED = {
    "a pointer": tiled("row[i * W + j]", "w[k]", setup="const float* row = x;"),
    "two pointers": tiled("p[i * W + j]", "q[k]", setup="const float *p = x, *q = w;"),
    "an address": tiled("*(&x[i * W] + j)", "w[k]"),
}


@pytest.mark.parametrize("form", COUNTED)
def test_a_right_kernel_is_right_and_counted_however_it_is_written(form, answer):
    said = answer(check.tiled, lambda: COUNTED[form])
    assert said == "yes: every output, and 1.3 pixels read for each\n"
    x, w = check.images()
    x = x[:34, :34].copy()
    assert np.isclose(check.pixels(COUNTED[form], x, w), (18 / 16) ** 2)


def test_a_smaller_tile_has_a_larger_halo():
    x, w = check.images()
    assert check.pixels(tiled(), x[:34, :34].copy(), w, tile=4) == (6 / 4) ** 2


@pytest.mark.parametrize("form", UNCOUNTED)
def test_where_reads_cannot_be_counted_that_is_explained_and_nothing_ends(form, answer, capsys):
    said = answer(check.tiled, lambda: UNCOUNTED[form])
    assert said.startswith("yes: every output, for any order of threads; but the reads of this")
    assert np.isnan(check.pixels(UNCOUNTED[form], *check.images()))
    assert "not counted: the reads of this kernel cannot" in capsys.readouterr().out


def test_one_thread_for_an_output_reads_nine_pixels_and_its_weights_do_not_count():
    body = """
    const int j = blockIdx.x * TILE + threadIdx.x, i = blockIdx.y * TILE + threadIdx.y;
    if (i < H - 2 && j < W - 2) {
        float sum = 0;
        for (int a = 0; a < 3; a++)
            for (int b = 0; b < 3; b++)
                sum = fmaf(x[(i + a) * W + j + b], w[a * 3 + b], sum);
        y[i * (W - 2) + j] = sum;
    }
    """
    assert check.pixels(body, *check.images()) == 9


def test_a_text_that_does_not_compile_is_told_in_a_line_with_its_number(answer):
    said = answer(check.convolution, lambda: "\nint i = 0;\nint j = i + missing;\n")
    assert said.count("\n") == 1
    assert said.startswith("no: line 3 of the kernel does not compile:") and "missing" in said


def test_a_kernel_that_leaves_an_array_is_told_in_a_line(answer):
    said = answer(check.convolution, lambda: "y[(H - 2) * (W - 2) + threadIdx.x] = 1;")
    assert said.startswith("no: the kernel cannot run: conv: ") and said.count("\n") == 1


def test_what_is_no_text_is_told(answer):
    assert "is there no return?" in answer(check.reduction, lambda: None)
    assert "it returns int, not the kernel's text" in answer(check.tiled, lambda: 3)

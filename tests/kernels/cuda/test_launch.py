import numpy as np
import pytest

from minitorch_cnn.kernels.cuda.array import has_compiler, to_emulator
from minitorch_cnn.kernels.cuda.launch import (
    blocks,
    contiguous,
    cuda_module,
    empty,
    vector_width,
    zeros,
)
from minitorch_cnn.kernels.cuda.signature import real, signatures

rng = np.random.default_rng(7)
X = to_emulator(np.zeros(4, np.float32))
TEXT = """#include "prelude.h"
#include "scale.h"
// extern "C" __global__ void not_this(int n)
extern "C" __global__ void __launch_bounds__(2 * HALF) scale(
    const REAL* __restrict__ x, /* where from */ REAL *y, long long n, REAL by)
{
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        y[i] = scaled(x ? x[i] : REAL(1), by);
}
extern "C" __global__ void nothing(const unsigned char* x, bool b, unsigned int u) {}
"""


@pytest.fixture
def module(tmp_path):
    (tmp_path / "scale.cu").write_text(TEXT)
    (tmp_path / "scale.h").write_text(
        "#define HALF 32\n__device__ inline REAL scaled(REAL x, REAL by) { return x * by; }\n"
    )
    return cuda_module(str(tmp_path / "scale.cu"), REAL="float")


@pytest.fixture
def scale(module):
    return module["scale"]


def test_a_signature_is_parsed_with_macros_comments_and_headers(module):
    scale = module.signatures["scale"]
    assert (scale.name, scale.threads) == ("scale", 64)
    assert [str(parameter) for parameter in scale.parameters] == [
        "x (array of float32)",
        "y (array of float32)",
        "n (int64)",
        "by (float32)",
    ]
    assert [parameter.is_const for parameter in scale.parameters] == [True, False, False, False]
    nothing = module.signatures["nothing"]
    assert [p.dtype.name for p in nothing.parameters] == ["uint8", "bool", "uint32"]
    assert nothing.threads == 1024
    assert list(module.signatures) == ["scale", "nothing"]


def test_a_type_that_no_array_has_is_refused():
    with pytest.raises(TypeError, match=r"^f: parameter 'half\* x' must be of bool, char"):
        signatures('extern "C" __global__ void f(half* x) {}', {})


@pytest.mark.skipif(not has_compiler(), reason="no g++ on Linux")
def test_a_kernel_runs_on_the_device_of_its_arrays(scale):
    x = to_emulator(rng.standard_normal(1000).astype(np.float32))
    y = empty(1000, np.float32, like=x)
    scale((blocks(1000, 64),), (64,), (x, y, np.int64(1000), np.float32(3)))
    assert np.array_equal(y.get(), 3 * x.get())
    scale((16, 1, 1), (64, 1), (None, y, np.int64(1000), np.float32(3)))
    assert np.array_equal(y.get(), np.full(1000, 3))


ARGS = (X, X, np.int64(4), np.float32(2))


@pytest.mark.parametrize(
    ("grid", "block", "args", "error", "message"),
    [
        ((1,), (1,), ARGS[:3], TypeError, "3 arguments for 4 parameters x .*, y .*, n .*, by"),
        ((1,), (1,), (*ARGS[:2], 4, ARGS[3]), TypeError, r"n \(int64\) .* numpy.int64, not a int"),
        ((1,), (1,), (*ARGS[:2], np.int32(4), ARGS[3]), TypeError, "not a int32 of int32"),
        ((1,), (1,), (*ARGS[:3], 2.0), TypeError, r"by \(float32\) .* not a float"),
        ((1,), (1,), (X, X.astype(np.float64), *ARGS[2:]), TypeError, "y .* of float64"),
        ((1,), (1,), (np.zeros(4, np.float32), *ARGS[1:]), TypeError, "x .* not a ndarray"),
        ((1,), (1,), (X[::2], *ARGS[1:]), ValueError, r"x .* C-contiguous, not of strides \(8,\)"),
        ((1,), (65,), ARGS, ValueError, r"block=\(65, 1, 1\) must have at most 64 threads"),
        ((0,), (1,), ARGS, ValueError, r"grid=\(0,\) must be within 1 and"),
        ((1, 65536), (1,), ARGS, ValueError, r"grid=\(1, 65536\) must be within 1 and \(2147"),
        ((1,), (1, 1, 65), ARGS, ValueError, r"block=\(1, 1, 65\) must be within"),
        ((1, 1, 1, 1), (1,), ARGS, ValueError, r"grid=\(1, 1, 1, 1\)"),
    ],
)
def test_arguments_that_do_not_match_a_kernel_or_a_gpu_are_refused_by_name(
    scale, grid, block, args, error, message
):
    with pytest.raises(error, match=f"^scale: .*{message}"):
        scale(grid, block, args)


def test_more_shared_memory_than_any_gpu_has_is_refused(scale):
    with pytest.raises(ValueError, match="shared_bytes=232449 must be within 0 and 232448"):
        scale((1,), (1,), ARGS, shared_bytes=232449)


@pytest.mark.skipif(not has_compiler(), reason="no g++ on Linux")
def test_a_read_only_array_is_not_written_to(scale):
    y = X.copy()
    y.flags.writeable = False
    scale((1,), (1,), (y, X, *ARGS[2:]))
    with pytest.raises(ValueError, match=r"scale: y \(array of float32\) .* read-only"):
        scale((1,), (1,), (X, y, *ARGS[2:]))


def test_a_module_is_created_once_per_settings(module):
    assert cuda_module(str(module.path), REAL="float") is module
    assert cuda_module(str(module.path), REAL="double") is not module
    with pytest.raises(KeyError, match=r"no kernel 'scael' in scale.cu; it has scale, nothing"):
        module["scael"]


def test_headers_are_inlined_once_with_their_line_numbers(module):
    assert module.text.count("REAL scaled(") == 1
    assert '#line 3 "scale.cu"' in module.text
    (module.path.parent / "lost.cu").write_text('#include "nowhere.h"\n')
    with pytest.raises(FileNotFoundError, match=r"lost.cu includes nowhere.h, which is not there"):
        cuda_module(str(module.path.parent / "lost.cu"))


def test_new_arrays_are_on_the_device_of_like():
    y = empty((2, 3), np.float64, like=X)
    assert type(y) is type(X) and np.isnan(y.get()).all()
    assert (empty(2, np.int32, like=X).get() == -1).all()
    assert not zeros((2, 3), np.float32, like=X).get().any()
    assert contiguous(X) is X
    assert contiguous(X[::2]).flags.c_contiguous


def test_four_elements_are_read_at_once_where_all_arrays_allow_it():
    assert vector_width(8, X, None) == 4
    assert vector_width(6, X) == 1
    assert vector_width(8, X, X[1:]) == 1


def test_the_types_of_kernels_are_float_and_double():
    assert (real(np.float32), real(np.dtype("f8"))) == ("float", "double")
    with pytest.raises(TypeError, match="dtype=float16 must be float32 or float64"):
        real(np.float16)

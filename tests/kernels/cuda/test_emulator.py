import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from minitorch_cnn.kernels.cuda import compiler, emulator
from minitorch_cnn.kernels.cuda.array import has_compiler, to_emulator
from minitorch_cnn.kernels.cuda.emulator import ORDERS, EmulatorError, emulated
from minitorch_cnn.kernels.cuda.launch import cuda_module, empty
from tests.interpreter import ROOT

pytestmark = pytest.mark.skipif(not has_compiler(), reason="no g++ on Linux")
rng = np.random.default_rng(7)
HERE = Path(__file__).parent
ANY = to_emulator(np.zeros(1, np.int32))


def run(name, *args, grid=(1,), block=(64,), shared_bytes=0, defines=None):
    module = cuda_module(str(HERE / "faults.cu"), REAL="float", **(defines or {}))
    module[name](grid, block, args, shared_bytes)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("order", ORDERS)
def test_blocks_warps_and_shared_memory_add_up(order, dtype):
    x = to_emulator(rng.integers(-9, 9, 3000).astype(dtype))
    y = empty(3, dtype, like=x)
    real = {"float32": "float", "float64": "double"}[dtype]
    with emulated(order=order):
        kernel = cuda_module(str(HERE / "faults.cu"), REAL=real)["block_sums"]
        kernel((3,), (256,), (x, y, np.int64(x.size)))
    assert float(y.sum()) == float(x.sum())


@pytest.mark.parametrize("order", ORDERS)
def test_every_thread_of_every_block_runs_once_with_its_indices(order):
    grid, block = (3, 2, 2), (4, 3, 2)
    thread, number = (empty(12 * 24, np.int32, like=ANY) for _ in range(2))
    with emulated(order=order, seed=3):
        run("who_is_who", thread, number, grid=grid, block=block)
    assert np.array_equal(thread.get(), np.tile(np.arange(24), 12))
    assert np.array_equal(number.get(), np.repeat(np.arange(12), 24))


@pytest.mark.parametrize("order", ORDERS)
def test_lanes_of_a_warp_exchange_values(order):
    x = rng.integers(0, 99, 64).astype(np.int32)
    y = empty((64, 10), np.int32, like=ANY)
    with emulated(order=order):
        run("warp_operations", to_emulator(x), y)
    y, lane = y.get(), np.arange(64)
    warp, first = x.reshape(2, 32), lane // 32 * 32
    in_half = np.where(lane % 16 + 3 < 16, lane + 3, lane)
    bits = (warp % 3 == 0) @ (1 << np.arange(32, dtype=np.int64))
    assert np.array_equal(y[:, 0], x[first + 5])
    assert np.array_equal(y[:, 1], x[np.where(lane % 32 >= 3, lane - 3, lane)])
    assert np.array_equal(y[:, 2], x[in_half])
    assert np.array_equal(y[:, 3], x[lane ^ 9])
    assert np.array_equal(y[:, 4].astype(np.uint32), np.repeat(bits, 32).astype(np.uint32))
    assert np.array_equal(y[:, 5], np.repeat((warp == 7).any(1), 32))
    assert y[:, 6].all()
    assert np.array_equal(y[:, 8], [bin(value).count("1") for value in x])


def test_atomic_operations_of_all_blocks_add_up():
    x = rng.integers(0, 9999, 5 * 64).astype(np.int32)
    count, largest = to_emulator(np.zeros((2, 1), np.int32))
    total = to_emulator(np.zeros(1, np.float32))
    run("atomics", to_emulator(x), count, largest, total, grid=(5,))
    assert (int(count[0]), int(largest[0]), float(total[0])) == (320, x.max(), 160.0)


def test_the_maximum_of_a_number_and_nan_is_the_number():
    y = to_emulator(np.zeros(5, np.float32))
    x, n = to_emulator(np.array([2, 5], np.float32)), to_emulator(np.array([7, 3], np.int32))
    run("larger", x, n, y, block=(1,))
    assert y.tolist() == [5, 2, 2, 2, 307]


@pytest.mark.parametrize("kernel", ["static_shared", "dynamic_shared"])
def test_shared_memory_is_nan_at_the_start_of_every_block(kernel):
    y = to_emulator(np.zeros(3 * 64, np.float32))
    run(kernel, y, grid=(3,), shared_bytes=64 * 4)
    assert np.isnan(y.get()).all()


def test_a_missing_barrier_shows_in_some_order():
    x = to_emulator(rng.standard_normal(64).astype(np.float32))
    for defines, right in (({}, True), ({"NO_BARRIER": 1}, False)):
        for order in ORDERS:
            y = empty(64, np.float32, like=x)
            with emulated(order=order):
                run("reverse", x, y, defines=defines)
            assert np.array_equal(y.get(), x.get()[::-1]) == right


def test_a_thread_prints(capsys):
    run("hello", np.int32(2), ANY)
    expected = "thread 0 of 64: hello\nthread 1 of 64: hello\n"
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize(
    ("kernel", "args", "message"),
    [
        ("two_barriers", (3,), r"thread \(3, 0, 0\): comes to __syncthreads in faults.cu:\d+, but"),
        ("early_exit", (3,), r"for thread \(0, 0, 0\), which has ended"),
        ("two_shuffles", (3,), r"comes to __ballot_sync in .* waits at __shfl_sync"),
        ("barrier_beside_warp", (3,), r"__syncwarp in .* waits at __syncthreads"),
        ("asserted", (5,), r"thread \(5, 0, 0\): assert\(threadIdx.x < n\) in faults.cu"),
    ],
)
def test_threads_at_different_barriers_are_named(kernel, args, message):
    with pytest.raises(EmulatorError, match=rf"^{kernel}: block \(0, 0, 0\), .*{message}"):
        run(kernel, *map(np.int32, args), ANY)


def test_part_of_a_warp_is_refused():
    y = to_emulator(np.zeros(64, np.float32))
    with pytest.raises(EmulatorError, match=r"thread \(40, 0, 0\), which has ended"):
        run("part_of_a_warp", np.int32(40), y)
    with pytest.raises(EmulatorError, match="mask 0x0000ffff must name all 32 lanes"):
        run("half_a_mask", y)
    with pytest.raises(EmulatorError, match="for a full warp, but this one has 16 threads"):
        run("part_of_a_warp", np.int32(64), y, block=(48,))


@pytest.mark.parametrize(
    ("kernel", "args", "settings", "message"),
    [
        ("write_at", (ANY, -(2**40)), {}, "touches address 0x.*, where no array is"),
        ("quotient", (1, 0, ANY), {}, "divides an integer by zero"),
        ("recursion", (7, ANY), {}, "needs more than 128 KiB of stack"),
        ("overrun", (ANY, 9), {"sanitize": True}, r"index out of bounds in faults.cu:\d+"),
        ("product", (2**16, 2**15, ANY), {"sanitize": True}, "signed product overflows"),
    ],
)
def test_a_crash_of_a_thread_is_an_error(kernel, args, settings, message):
    types = {"write_at": (np.float32, np.int64), "overrun": (np.float32, np.int32)}
    array_type, value_type = types.get(kernel, (np.int32, np.int32))
    y = to_emulator(np.zeros(4, array_type))
    with emulated(**settings), pytest.raises(EmulatorError, match=message):
        run(kernel, *(y if arg is ANY else value_type(arg) for arg in args), block=(1,))


@pytest.mark.parametrize("index", [-1, -4, 10, 12, 1024])
def test_guards_detect_a_write_outside_an_array(index):
    y = to_emulator(np.zeros(10, np.float32))
    with emulated(guards=True), pytest.raises(EmulatorError, match="array 'y'"):
        run("write_at", y, np.int64(index))


def test_guards_accept_correct_kernels():
    y = to_emulator(np.zeros(10, np.float32))
    with emulated(guards=True):
        run("write_at", y, np.int64(9))
    assert np.array_equal(y.get(), [0] * 9 + [1])


def test_vectors_must_be_aligned():
    x = to_emulator(rng.standard_normal(70).astype(np.float32))
    y = to_emulator(np.zeros(70, np.float32))
    run("vectors", x, y, np.int32(4), block=(16,))
    assert np.array_equal(y.get()[4:68], x.get()[4:68]) and not y.get()[68:].any()
    with pytest.raises(EmulatorError, match=r"ld4 in faults.cu:\d+: address .* multiple of 16"):
        run("vectors", x, y, np.int32(1), block=(16,))


def test_some_blocks_may_be_run_alone():
    y = to_emulator(np.zeros(6, np.int32)), to_emulator(np.zeros(6, np.int32))
    with emulated(blocks=(4, 6)):
        run("who_is_who", *y, grid=(3, 2), block=(1,))
    assert y[1].tolist() == [0, 0, 0, 0, 4, 5]


def multiply(a, b, rounded):
    d = empty((16, 8), np.float32, like=ANY)
    kernel = cuda_module(str(HERE / "tensor_core.cu"))["multiply_tile"]
    kernel((1,), (32,), (to_emulator(a), to_emulator(b), d, np.bool_(rounded)))
    return d.get()


def test_a_tensor_core_multiplies_tf32_numbers_exactly():
    a, b = (rng.integers(-1023, 1023, shape).astype(np.float32) for shape in ((16, 8), (8, 8)))
    assert np.array_equal(multiply(a, b, True), a @ b)


def test_a_tensor_core_rounds_to_eleven_bits():
    a, b = (rng.standard_normal(shape).astype(np.float32) for shape in ((16, 8), (8, 8)))
    scale = np.abs(a) @ np.abs(b)
    for rounded, bound in ((True, 2**-10), (False, 2**-9)):
        error = np.abs(multiply(a, b, rounded) - a.astype(float) @ b) / scale
        assert bound / 100 < error.max() < bound
    half = np.float32(1 + 2**-11)  # a tie: away from zero, where the bits alone are cut off
    assert multiply(np.full((16, 8), half), np.eye(8, dtype="f"), True)[0, 0] == 1 + 2**-10
    assert multiply(np.full((16, 8), half), np.eye(8, dtype="f"), False)[0, 0] == 1


@pytest.mark.parametrize("pitch", [4, 20])
def test_a_warp_reads_four_matrices_at_once(pitch):
    x, y = rng.standard_normal((4, 8, 4)).astype(np.float32), empty((4, 8, 4), "f", like=ANY)
    kernel = cuda_module(str(HERE / "tensor_core.cu"))["read_matrices"]
    kernel((1,), (32,), (to_emulator(x), y, np.int32(pitch)))
    assert np.array_equal(y.get(), x)


def test_a_row_of_a_matrix_is_aligned_to_16_bytes():
    x, y = to_emulator(np.zeros((4, 8, 4), "f")), empty((4, 8, 4), "f", like=ANY)
    kernel = cuda_module(str(HERE / "tensor_core.cu"))["read_matrices"]
    with pytest.raises(EmulatorError, match=r"ldmatrix4.*not a multiple of 16"):
        kernel((1,), (32,), (x, y, np.int32(5)))


def copies(shift=0, valid=True):
    x = rng.standard_normal(300).astype(np.float32)
    y = empty((3, 128), np.float32, like=ANY)
    kernel = cuda_module(str(HERE / "tensor_core.cu"))["copies"]
    kernel((1,), (32,), (to_emulator(x), y, np.int32(shift), np.bool_(valid)))
    return x, y.get()


def test_asynchronous_copies_have_arrived_after_the_wait():
    x, y = copies()
    assert np.isnan(y[0]).all()
    assert np.array_equal(y[1], x[:128])
    assert np.array_equal(y[2], x[:128] + x[128:256])
    assert not copies(valid=False)[1][1:].any()
    with pytest.raises(EmulatorError, match=r"cp_async16 .* must be multiples of 16"):
        copies(shift=1)


def test_a_text_that_does_not_compile_says_where(tmp_path):
    path = tmp_path / "wrong.cu"
    path.write_text(
        '#include "prelude.h"\nextern "C" __global__ void wrong(int* y)\n{ y = nobody; }\n'
    )
    with pytest.raises(EmulatorError, match=r"g\+\+ cannot compile wrong:\n(.|\n)*wrong.cu:3"):
        cuda_module(str(path))["wrong"]((1,), (1,), (ANY,))


def test_modules_are_compiled_once_and_cached(tmp_path, monkeypatch):
    monkeypatch.setattr(compiler, "cache_folder", lambda: tmp_path)
    source = 'extern "C" int three() { return 3; }'
    first = compiler.compiled("three", source, [])
    stamp = first.stat().st_mtime_ns
    assert compiler.compiled("three", source, []) == first
    assert first.stat().st_mtime_ns == stamp
    assert compiler.compiled("three", source, ["-O1"]) != first
    assert [path.suffix for path in tmp_path.iterdir()] == [".so", ".so"]


@pytest.mark.parametrize("home", ["/proc/nowhere", ""])
def test_without_a_cache_folder_modules_last_as_long_as_the_process(home):
    code = """if True:
        from minitorch_cnn.kernels.cuda.compiler import cache_folder
        print(cache_folder())
    """
    env = {"PATH": os.environ["PATH"], "HOME": "/proc/nowhere", "XDG_CACHE_HOME": home}
    run = [sys.executable, "-c", code]
    folder = subprocess.run(run, env=env, cwd=ROOT, capture_output=True, text=True, check=True)
    folder = Path(folder.stdout.strip())
    assert folder.name.startswith("minitorch_cnn-") and not folder.exists()


def test_settings_nest_and_are_checked():
    with emulated(order="backward"):
        with emulated(guards=True) as now:
            assert (now.order, now.guards) == ("backward", True)
        assert not emulator.current_settings().guards
    assert emulator.current_settings().order == "forward"
    with pytest.raises(ValueError, match="order='sideways' must be one of forward, backward"):
        emulator.Settings(order="sideways")

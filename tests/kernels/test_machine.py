"""The description of the machine: read from the system, or replaced by a variable."""

import subprocess
import sys

import pytest

from minitorch_cnn.kernels.machine import KNOWN, Cache, described, system_caches

AVX2 = {"avx2": True, "fma": True}

ASSEMBLY = """
import numpy as np
from minitorch_cnn.kernels import machine, micro_kernel as tile
from minitorch_cnn.kernels.jit import kernel

@kernel
def multiply(a, b, steps, c):
    tile.multiply_tile(3, a, 0, 8, 1, b, 0, steps, 8, c, 0, 64, False)

a, b, c, steps = np.ones(64), np.ones(500), np.zeros(2000), np.arange(8)
multiply(a, b, steps, c)
registers = [name for name in ("zmm", "ymm", "xmm") if name in str(multiply.inspect_asm().values())]
print(machine.machine().instructions, tile.VECTOR_BYTES, registers[0], c[0])
"""


def test_the_caches_are_those_that_linux_reports(tmp_path):
    rows = [("1", "Data", "48K", "12"), ("1", "Instruction", "32K", "8")]
    rows += [("2", "Unified", "2048K", "16"), ("3", "Unified", "36M", "12")]
    for index, row in enumerate(rows):
        folder = tmp_path / f"sys/devices/system/cpu/cpu0/cache/index{index}"
        folder.mkdir(parents=True)
        for name, value in zip(
            ("level", "type", "size", "ways_of_associativity"), row, strict=True
        ):
            (folder / name).write_text(value + "\n")
    assert system_caches(str(tmp_path)) == {
        "l1": Cache(49152, 12),
        "l2": Cache(2**21, 16),
        "l3": Cache(36 * 2**20, 12),
    }
    assert Cache(49152, 12).sets == 64


def test_a_cache_that_is_not_reported_is_left_to_the_table(tmp_path):
    folder = tmp_path / "sys/devices/system/cpu/cpu0/cache/index0"
    folder.mkdir(parents=True)
    for name, value in (("level", "1"), ("type", "Data"), ("size", "unknown")):
        (folder / name).write_text(value)
    assert system_caches(str(tmp_path)) == {}


def test_a_description_names_instructions_and_sizes():
    found = described("avx2,l1=48K/12,l3=2M/16", AVX2)
    assert found.vector_bytes == 32 and found.registers == 16
    assert (found.l1, found.l2, found.l3) == (
        Cache(49152, 12),
        KNOWN["avx2"].l2,
        Cache(2**21, 16),
    )
    assert found.lanes(4) == 8 and found.lanes(8) == 4


@pytest.mark.parametrize("text", ["avx3", "avx2,l1=32K", "avx2,l4=1M/8", "avx2,l1=0K/8", "avx512"])
def test_a_description_that_cannot_be_read_or_run_is_refused(text):
    with pytest.raises(ValueError, match=f"MINITORCH_CNN_MACHINE={text}: "):
        described(text, AVX2)


@pytest.mark.parametrize("name, width, register", [("avx2", 32, "ymm"), ("sse", 16, "xmm")])
def test_kernels_compile_for_the_machine_of_the_variable(name, width, register, monkeypatch):
    pytest.importorskip("numba")
    from llvmlite import binding

    if name == "avx2" and not binding.get_host_cpu_features().get("avx2"):
        pytest.skip("this processor has no AVX2")
    monkeypatch.setenv("MINITORCH_CNN_MACHINE", name)
    command = [sys.executable, "-c", ASSEMBLY]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.split() == [name, str(width), register, "8.0"], done.stderr

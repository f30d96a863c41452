"""Files of compiled kernels: loaded only if intact and of this version."""

import errno
import hashlib
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")

import numba
from llvmlite import binding

from minitorch_cnn.kernels import jit, machine, sources
from minitorch_cnn.kernels.machine import KNOWN, Cache
from tests.interpreter import ROOT


def triple(x):
    return 3 * x


@pytest.fixture
def started_anew(monkeypatch, tmp_path):
    """A kernel as a process that has just begun sees it."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    return lambda: jit.kernel(triple)


@pytest.fixture
def file(started_anew, tmp_path):
    """The file of the kernel, compiled for floats."""
    assert started_anew()(1.5) == 4.5
    (path,) = tmp_path.rglob("*.nbc")
    return path


def was_loaded(kernel) -> bool:
    return sum(kernel.stats.cache_hits.values()) == 1


def test_a_kernel_is_compiled_once(started_anew, file):
    kernel = started_anew()
    assert kernel(1.5) == 4.5 and was_loaded(kernel)


def test_a_process_loads_a_kernel_without_numba_s_compiler_and_then_compiles_another(file):
    code = f"""
import sys, numpy as np
from tests.kernels import test_cache
test_cache.numba.config.CACHE_DIR = {str(file.parents[1])!r}
kernel = test_cache.jit.kernel(test_cache.triple)
assert kernel(1.5) == 4.5 and test_cache.was_loaded(kernel)
assert not {{"numba.np.linalg", "scipy.linalg"}} & set(sys.modules)
assert kernel(2) == 6 and "numba.np.linalg" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)


def test_each_signature_has_a_file_of_its_own(started_anew, file, tmp_path):
    kernel = started_anew()
    assert kernel(2) == 6 and kernel(np.float32(0.5)) == 1.5
    assert len(list(tmp_path.rglob("*.nbc"))) == 3
    for value in (2, np.float32(0.5), 1.5):
        kernel = started_anew()
        assert kernel(value) == 3 * value and was_loaded(kernel)


def test_each_machine_has_a_file_of_its_own(started_anew, file, tmp_path, monkeypatch):
    for other in (KNOWN["sse"], KNOWN["sse"]._replace(l1=Cache(2**14, 4))):
        monkeypatch.setattr(machine, "machine", lambda other=other: other)
        kernel = started_anew()
        assert kernel(1.5) == 4.5 and not was_loaded(kernel)
    monkeypatch.undo()
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    kernel = started_anew()
    assert kernel(1.5) == 4.5 and was_loaded(kernel)
    assert len(list(tmp_path.rglob("*.nbc"))) == 3


def test_a_file_names_the_processor_and_its_instructions(started_anew, file):
    key, _ = pickle.loads(file.read_bytes()[32:])
    _, processor, _ = key
    features = binding.get_host_cpu_features()
    assert binding.get_host_cpu_name() in processor
    assert any(features.flatten() == part for part in processor)


@pytest.mark.parametrize("where", [0, 10, 40, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, -1])
def test_a_kernel_is_recompiled_if_a_byte_of_its_file_changed(started_anew, file, where):
    content = bytearray(file.read_bytes())
    content[int(where * len(content)) if isinstance(where, float) else where] ^= 1
    file.write_bytes(content)
    kernel = started_anew()
    assert kernel(1.5) == 4.5 and not was_loaded(kernel)
    kernel = started_anew()
    assert kernel(1.5) == 4.5 and was_loaded(kernel)


@pytest.mark.parametrize("size", [0, 1, 32, 33, 1000])
def test_a_kernel_is_recompiled_if_its_file_is_truncated(started_anew, file, size):
    file.write_bytes(file.read_bytes()[:size])
    assert started_anew()(1.5) == 4.5
    kernel = started_anew()
    assert kernel(1.5) == 4.5 and was_loaded(kernel)


def test_a_kernel_is_recompiled_if_a_folder_has_the_name_of_its_file(started_anew, file):
    file.unlink()
    file.mkdir()
    assert started_anew()(1.5) == 4.5
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_the_file_of_another_kernel_or_version_is_ignored(started_anew, file, monkeypatch):
    kernel = jit.kernel(lambda x: 4 * x)
    assert kernel(1.5) == 6.0
    (other,) = set(file.parent.glob("*.nbc")) - {file}
    file.write_bytes(other.read_bytes())
    assert started_anew()(1.5) == 4.5
    monkeypatch.setattr(sources, "version_of", lambda path: "other sources")
    kernel = started_anew()
    assert kernel(1.5) == 4.5 and not was_loaded(kernel)


def test_another_numba_has_files_of_its_own(started_anew, file, monkeypatch):
    monkeypatch.setattr(numba, "__version__", "0.1")
    kernel = started_anew()
    assert kernel(1.5) == 4.5 and not was_loaded(kernel)
    assert len(list(file.parent.glob("*.nbc"))) == 2


def test_a_file_of_another_version_is_not_unpickled(started_anew, file):
    content = b"cmodule_of_another_numba\nname\n."
    file.write_bytes(hashlib.sha256(content).digest() + content)
    kernel = started_anew()
    assert kernel(1.5) == 4.5 and not was_loaded(kernel)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT])
@pytest.mark.parametrize("call", ["write_bytes", "unlink"])
def test_a_folder_that_is_full_or_closed_leaves_the_kernel_in_memory(
    started_anew, monkeypatch, tmp_path, number, call
):
    def fail(*args, **settings):
        raise OSError(number, "no")

    kernel = started_anew()
    monkeypatch.setattr(Path, call, fail)
    assert kernel(1.5) == 4.5 and kernel(2.5) == 7.5
    monkeypatch.undo()
    assert call == "unlink" or not list(tmp_path.rglob("*triple*"))


def test_without_any_folder_the_kernel_lives_in_memory(monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", "/proc/none")
    monkeypatch.setattr(numba.config, "CACHE_LOCATOR_CLASSES", "UserProvidedCacheLocator")
    assert jit.kernel(triple)(1.5) == 4.5

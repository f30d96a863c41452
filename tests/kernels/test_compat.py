"""The parts of other libraries that they do not document are where we look for them.

The name of a failing test tells what a library has changed; see kernels/compat.py, compat_numba.py.
"""

import ast
import inspect

import numpy as np
import pytest

from minitorch_cnn.kernels import compat
from tests.interpreter import ROOT


def test_numpy_keeps_floating_point_warnings_in_a_context_variable():
    variable, silent = compat.silent_floating_point()
    assert variable.name == "numpy.ufunc.extobj"
    token = variable.set(silent)
    try:
        assert np.isinf(np.float64(1) / np.zeros(1)).all()  # or a warning, which is an error here
    finally:
        variable.reset(token)
    with pytest.warns(RuntimeWarning):
        np.float64(1) / np.zeros(1)


def test_numpy_has_a_value_for_arguments_that_were_not_given():
    assert inspect.signature(np.sum).parameters["keepdims"].default is compat.NOT_GIVEN


def test_cupy_stores_the_compute_type_of_products():
    cupy = pytest.importorskip("cupy")
    kinds = cupy._core._routines_linalg
    before = cupy._core.get_compute_type(cupy.float32)
    compat.set_cupy_tf32(True)
    assert cupy._core.get_compute_type(cupy.float32) == kinds.COMPUTE_TYPE_TF32
    compat.set_cupy_tf32(before == kinds.COMPUTE_TYPE_TF32)


@pytest.fixture
def numba_parts():
    pytest.importorskip("numba")
    from minitorch_cnn.kernels import compat_numba

    return compat_numba


def test_numba_s_cache_has_a_folder_a_name_and_files(numba_parts, tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    cache = numba_parts.FunctionCache(test_numba_s_cache_has_a_folder_a_name_and_files)
    folder, name = numba_parts.base_of_files(cache)
    assert isinstance(folder, str) and name.startswith("test_compat.")
    assert hasattr(cache, "_cache_file") and callable(cache.load_overload)


def test_numba_loads_from_and_saves_to_the_cache_that_it_is_given(numba_parts):
    from numba import njit

    asked = []

    class Files:
        def load(self, key):
            asked.append("load")

        def save(self, key, data):
            asked.append("save")

    def doubled(x):
        return 2 * x

    compiled = njit(doubled)
    cache = numba_parts.FunctionCache(doubled)
    numba_parts.use_files(cache, Files())
    numba_parts.use_cache(compiled, cache)
    assert numba_parts.cache_of(compiled) is cache
    assert compiled(4) == 8 and asked == ["load", "save"]


def test_numba_s_machine_code_runs_from_a_file(numba_parts, tmp_path, monkeypatch):
    import numba

    def bytes_of(n):
        return np.empty(n).nbytes  # a function of Numba's runtime allocates it

    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    saved, loaded = (numba.njit(bytes_of) for _ in range(2))
    caches = [numba_parts.FunctionCache(bytes_of) for _ in range(2)]
    numba_parts.use_cache(saved, caches[0])
    assert saved(2) == 16
    monkeypatch.setattr(
        caches[1], "load_overload", lambda *args: numba_parts.load(caches[1], *args)
    )
    numba_parts.use_cache(loaded, caches[1])
    assert loaded(3) == 24 and sum(loaded.stats.cache_hits.values()) == 1


def test_numba_compiles_a_function_that_c_can_call(numba_parts):
    compiled = numba_parts.c_function(lambda n: n + 1, "int64(int64)")
    compiled.compile()
    assert compiled.address and compiled.ctypes(41) == 42


def test_numba_compiles_a_function_as_a_part_of_its_callers(numba_parts):
    from numba import njit

    def twice(x):
        return 2 * x

    compiled, part = njit(twice), njit(pipeline_class=numba_parts.PartCompiler)(twice)
    numba_parts.call_part(compiled, part)

    @njit
    def square_of_twice(x):
        return compiled(x) * compiled(x)

    assert square_of_twice(3) == 36 and square_of_twice(0.5) == 1.0
    assert compiled.signatures == [] and len(part.signatures) == 2
    assert compiled(4) == 8 and len(compiled.signatures) == 1


def test_numba_s_compiler_has_one_lock(numba_parts):
    with numba_parts.global_compiler_lock:
        assert numba_parts.global_compiler_lock.is_locked()


def test_llvmlite_writes_out_an_attribute_with_a_value(numba_parts):
    from llvmlite import ir

    function = ir.Function(ir.Module(), ir.FunctionType(ir.VoidType(), []), "f")
    numba_parts.use_longest_vectors(function)
    assert '"prefer-vector-width"="512"' in str(function)


def test_compiled_kernels_take_two_addresses_and_then_their_arguments(numba_parts):
    from numba import njit, types
    from numba.extending import intrinsic

    seen = []

    @intrinsic
    def look(typing):
        def generate(context, builder, signature, args):
            own = builder.function
            seen.append([str(a.type) for a in numba_parts.own_arguments(own)])
            seen.append([a.type.is_pointer for a in numba_parts.result_addresses(own)])
            return context.get_dummy_value()

        return types.void(), generate

    @njit
    def kernel(x, n):
        look()

    kernel(np.zeros(3), 5)
    (owner, parent, size, *_, n), results = seen
    assert owner == parent and owner.endswith("*") and size == n == "i64" and results == [True] * 2


def test_private_parts_are_used_in_these_files_alone():
    """Names with an underscore of NumPy, Numba, llvmlite and CuPy."""
    found = set()
    for tree in ("kernels", "minitorch_cnn"):
        for path in (ROOT / tree).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
                    root = ast.unparse(node.value).split(".")[0]
                    dunder = node.attr.startswith("__")
                    if root in ("np", "numpy", "numba", "cupy", "llvmlite") and not dunder:
                        found.add(path.name)
    assert found == {"compat.py"}

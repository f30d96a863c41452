"""What we use of Numba and llvmlite beyond what they document, all of it here.

Where one of these moves a test in tests/kernels/test_compat.py fails by its name.
"""

from collections.abc import Callable

from numba.core.caching import FunctionCache
from numba.core.ccallback import CFunc
from numba.core.compiler_lock import global_compiler_lock
from numba.core.serialize import dumps
from numba.core.sigutils import normalize_signature

__all__ = ["FunctionCache", "c_function", "dumps", "global_compiler_lock"]


def use_cache(compiled, cache: FunctionCache) -> None:
    """Let what Numba compiles be kept in a cache."""
    compiled._cache = cache


def cache_of(compiled) -> FunctionCache:
    """The cache that `use_cache` gave it."""
    return compiled._cache


def base_of_files(cache: FunctionCache) -> tuple[str, str]:
    """The folder of a cache's files, and how their names begin."""
    return cache.cache_path, cache._impl.filename_base


def use_files(cache: FunctionCache, files) -> None:
    """Let a cache load from and save to `files`, which has load(key) and save(key, data)."""
    cache._cache_file = files


def c_function(function: Callable, signature: str) -> CFunc:
    """What compiles a function of plain numbers, whose address compiled code can call."""
    return CFunc(function, normalize_signature(signature), {}, {})


def use_longest_vectors(function) -> None:
    """Let LLVM take vectors of 512 bits in a function, where the processor has them."""
    # llvmlite knows no attribute with a value, but writes out what its set holds.
    set.add(function.attributes, '"prefer-vector-width"="512"')


def own_arguments(function) -> tuple:
    """The arguments of a compiled kernel: behind two addresses, where its results are written.

    Arrays are passed as their parts: owner, owner's parent, size, ...
    """
    return function.args[2:]


def result_addresses(function) -> tuple:
    """The two arguments before them."""
    return function.args[:2]

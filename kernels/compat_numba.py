"""All uses of undocumented parts of Numba and llvmlite.

If a release changes one of them, the test of that name in tests/kernels/test_compat.py fails.
"""

from collections.abc import Callable

from numba.core.caching import FunctionCache
from numba.core.ccallback import CFunc
from numba.core.compiler_lock import global_compiler_lock
from numba.core.serialize import dumps
from numba.core.sigutils import normalize_signature

__all__ = ["FunctionCache", "c_function", "dumps", "global_compiler_lock"]


def use_cache(compiled, cache: FunctionCache) -> None:
    """Let a function that Numba compiles keep its code in `cache`."""
    compiled._cache = cache


def cache_of(compiled) -> FunctionCache:
    """The cache that `use_cache` gave a compiled function."""
    return compiled._cache


def base_of_files(cache: FunctionCache) -> tuple[str, str]:
    """The folder of a cache's files and the prefix of their names."""
    return cache.cache_path, cache._impl.filename_base


def use_files(cache: FunctionCache, files) -> None:
    """Let a cache load from and save to `files`, which has load(key) and save(key, data)."""
    cache._cache_file = files


def c_function(function: Callable, signature: str) -> CFunc:
    """A function of scalars, not yet compiled, that compiled code can call by its address."""
    return CFunc(function, normalize_signature(signature), {}, {})


def use_longest_vectors(function) -> None:
    """Let LLVM use vectors of 512 bits in a function, where the processor has them."""
    # llvmlite has no attributes with values, but prints any element of the set.
    set.add(function.attributes, '"prefer-vector-width"="512"')


def own_arguments(function) -> tuple:
    """The arguments of a compiled kernel: they follow the two addresses of its results.

    An array is passed as its fields: owner, owner's parent, size, ...
    """
    return function.args[2:]


def result_addresses(function) -> tuple:
    """The first two arguments of a compiled kernel: the addresses of its results."""
    return function.args[:2]

"""All uses of undocumented parts of Numba and llvmlite.

If a release changes one of them, the test of that name in tests/kernels/test_compat.py fails.
"""

from collections.abc import Callable
from functools import cache as once
from typing import Any

from llvmlite import binding
from numba.core import types
from numba.core.caching import FunctionCache
from numba.core.ccallback import CFunc
from numba.core.codegen import CodeLibrary, JITCodeLibrary
from numba.core.compiler import Compiler, compile_result
from numba.core.compiler_lock import global_compiler_lock
from numba.core.runtime import nrt
from numba.core.serialize import dumps
from numba.core.sigutils import normalize_signature

__all__ = [
    "FunctionCache",
    "KernelCompiler",
    "PartCompiler",
    "c_function",
    "dumps",
    "global_compiler_lock",
]


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


def key_of(cache: FunctionCache, signature, context):
    """The key under which the files of a cache have the code for a signature."""
    return cache._index_key(signature, context.codegen())


def load(cache: FunctionCache, signature, context):
    """The code that the files of a cache have for a signature, or None.

    Numba would prepare to compile first: import what it knows of Python, NumPy and SciPy's BLAS,
    and compile its own runtime, which takes 50 MB and half a second.
    """
    codegen = context.codegen()
    data = cache._cache_file.load(key_of(cache, signature, context))
    if data is None:
        return None
    (name, _, (code, _)), function, environment, signature, *_, environments = data
    _define_runtime()
    library = _Loaded(codegen, name, code)
    entry = context.get_executable(library, function, environment)
    for each in environments:
        codegen.set_env(each.env_name, each)
    return compile_result(
        target_context=context,
        typing_context=context.typing_context,
        library=library,
        environment=environment,
        entry_point=entry,
        fndesc=function,
        signature=signature,
        objectmode=False,
    )


class _Loaded(JITCodeLibrary):
    """Machine code from a file, without the intermediate code that Numba keeps beside it.

    That is for callers, which have parts of their own; see `call_part`.
    """

    def __init__(self, codegen, name, code):
        CodeLibrary.__init__(self, codegen, name)
        self._finalized = True
        self._engine, self._object = codegen._engine, binding.ObjectFileRef.from_data(code)
        self._engine._ee.add_object_file(self._object)
        self._engine.finalize_object()

    def get_pointer_to_function(self, name):
        """The address of one of its functions."""
        return self._engine.get_function_address(name)


@once
def _define_runtime() -> None:
    """Tell LLVM where the functions of Numba's runtime are, which machine code calls."""
    runtime: Any = nrt
    for name, address in runtime._nrt.c_helpers.items():
        binding.add_symbol(name if name.startswith("_") else f"NRT_{name}", address)


def c_function(function: Callable, signature: str) -> CFunc:
    """A function of scalars, not yet compiled, that compiled code can call by its address."""
    return CFunc(function, normalize_signature(signature), {}, {})


def use_longest_vectors(function) -> None:
    """Let LLVM use vectors of 512 bits in a function, where the processor has them."""
    # llvmlite has no attributes with values, but prints any element of the set.
    set.add(function.attributes, '"prefer-vector-width"="512"')


class _Whole(JITCodeLibrary):
    """The code of a kernel: LLVM optimises it once, together with the functions that it calls.

    Numba optimises the functions one by one before, and does all in a cheap way before that, to
    find the counts of references that cancel each other. That takes a third of LLVM's time.
    """

    def _optimize_functions(self, module):
        """Leave that to the optimisation of the whole."""
        module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self):
        passes, builder = self._codegen._module_pass_manager()
        passes.run(self._final_module, builder)


class KernelCompiler(Compiler):
    """Compiles a function that Python calls."""

    def __init__(self, typing, target, library, args, return_type, flags, locals):
        library = _Whole(target.codegen(), "kernel")
        library.enable_object_caching()
        super().__init__(typing, target, library, args, return_type, flags, locals)


class _Part(_Whole):
    """The code of a function that others call: LLVM optimises and compiles it with each of them.

    Numba optimises and compiles each function by itself, and again with its callers, and theirs.
    """

    def finalize(self):
        """Only link what the function calls."""
        for library in dict.fromkeys(self._linking_libraries):
            self._reload_init.update(library._reload_init)
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        self._finalized = True

    def get_pointer_to_function(self, name):
        """There is no machine code."""
        return 0

    @property
    def codegen(self):
        """Receives the environment of the function, which has nowhere to go without code."""
        return self

    def set_env(self, name, environment):
        pass


class PartCompiler(Compiler):
    """Compiles a function as a part of its callers: Python cannot call it."""

    def __init__(self, typing, target, library, args, return_type, flags, locals):
        flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
        library = _Part(target.codegen(), "part")
        super().__init__(typing, target, library, args, return_type, flags, locals)


def call_part(compiled, part) -> None:
    """Let other functions call `part` where they name `compiled`, which Python calls.

    A constant has the type of a variable, so that each does not make another version of the part.
    """

    def template(args, kws):
        return part.get_call_template(
            tuple(map(types.unliteral, args)), {k: types.unliteral(kws[k]) for k in kws}
        )

    compiled.get_call_template, compiled.get_overload = template, part.get_overload


def own_arguments(function) -> tuple:
    """The arguments of a compiled kernel: they follow the two addresses of its results.

    An array is passed as its fields: owner, owner's parent, size, ...
    """
    return function.args[2:]


def result_addresses(function) -> tuple:
    """The first two arguments of a compiled kernel: the addresses of its results."""
    return function.args[:2]

"""The imports of a Python file from its own folder, and a way to run them from there."""

from __future__ import annotations

import ast
import contextlib
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

_imported: dict[str, ModuleType] = {}  # modules that a net's file imported from its folder


def imported_names(source: bytes) -> set[str]:
    """The top-level names of all modules that a source imports; none if it is not valid Python."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return set()
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names.add(node.module.partition(".")[0])
    return names


def files_beside(path: Path, folder: Path) -> dict[str, Path]:
    """The files in a folder that a file imports, directly or indirectly, by relative path.

    For a package these are all its Python files. A module already loaded from elsewhere, such as
    one of the standard library, takes precedence over a file of that name.
    """
    found: dict[str, Path] = {}
    waiting = [path]
    while waiting:
        for name in imported_names(waiting.pop().read_bytes()):
            for file in _files_of(folder, name):
                place = file.relative_to(folder).as_posix()
                if place not in found and file != path:
                    found[place] = file
                    waiting.append(file)
    return found


def _files_of(folder: Path, name: str) -> list[Path]:
    if name in sys.stdlib_module_names or name == __name__.partition(".")[0]:
        return []
    loaded = sys.modules.get(name)
    if loaded is not None and _imported.get(name) is not loaded and not _lies_in(loaded, folder):
        return []
    package, module = folder / name, folder / f"{name}.py"
    if module.is_file() and not (package / "__init__.py").is_file():
        return [module]
    files = {file: file.relative_to(folder).parts for file in sorted(package.rglob("*.py"))}
    return [
        file
        for file, parts in files.items()
        if not any(part[0] == "." or part == "__pycache__" for part in parts)
    ]


def _lies_in(module: ModuleType, folder: Path) -> bool:
    file = getattr(module, "__file__", None)
    places = [file] if file else getattr(module, "__path__", ())
    return any(folder in Path(place).resolve().parents for place in places)


@contextlib.contextmanager
def importing_from(folder: Path, names: set[str], anew: bool = False) -> Iterator[None]:
    """Import modules of those names from a folder during the block, without compiled files.

    Modules of the same names that other nets' files imported are set aside; with anew=True also
    those from this folder, which may have changed.
    """
    for name in names:
        ours = _imported.get(name)
        if ours is not None and (anew or not _lies_in(ours, folder)):
            _forget(name)
    place, writes = str(folder), sys.dont_write_bytecode
    sys.path.insert(0, place)
    sys.dont_write_bytecode = True
    importlib.invalidate_caches()
    before = set(sys.modules)
    try:
        yield
    finally:
        sys.dont_write_bytecode = writes
        with contextlib.suppress(ValueError):
            sys.path.remove(place)
        for name in names & (set(sys.modules) - before):
            _imported[name] = sys.modules[name]


def _forget(name: str) -> None:
    module = _imported.pop(name)
    if sys.modules.get(name) is module:
        for other in [n for n in sys.modules if n == name or n.startswith(f"{name}.")]:
            del sys.modules[other]

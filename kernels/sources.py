"""The version of the sources of a kernel: a hash of its file and of those that it imports.

The contents count, not the times of the files: a checkout may take over the compiled kernels of
another one, and an edit invalidates only what is compiled from the edited file.
"""

import hashlib
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent
IMPORT = re.compile(r"^[ \t]*from (\.+)([\w.]*) import (\([^)]*\)|[^#\n]*)", re.MULTILINE)


def version_of(path: str) -> str:
    """A hash of the names and contents of a file and of all that it imports, also indirectly.

    The package's own files are imported by relative names; other packages do not count. Raises
    OSError if there is no such file, as for a function of an interactive session.
    """
    files = [Path(path)]
    for file in files:  # grows meanwhile
        files += [other for other in _read(file)[1] if other not in files]
    version = hashlib.sha256()
    for file in sorted(files):
        name = file.relative_to(ROOT).as_posix() if file.is_relative_to(ROOT) else file.name
        version.update(name.encode() + b"\0" + _read(file)[0])
    return version.hexdigest()


@cache
def _read(path: Path) -> tuple[bytes, list[Path]]:
    """A hash of a file, and the files that it imports."""
    content = path.read_bytes()
    imported: set[Path] = set()
    for dots, module, names in IMPORT.findall(content.decode("utf-8")):
        source = path.parents[len(dots) - 1].joinpath(*filter(None, module.split(".")))
        inside = [_file_of(source / name.split()[0]) for name in _names(names)]
        imported.update(file for file in inside if file is not None)
        if None in inside and (file := _file_of(source)) is not None:
            imported.add(file)
    return hashlib.sha256(content).digest(), sorted(imported)


def _names(names: str) -> list[str]:
    """The names after `import`, without the comments and the parentheses."""
    names = re.sub(r"#.*", "", names).strip("() \n")
    return [name.strip() for name in names.split(",") if name.strip()]


def _file_of(module: Path) -> Path | None:
    """The file of a module or package; None if it is neither."""
    for file in (module.with_suffix(".py"), module / "__init__.py"):
        if file.is_file():
            return file
    return None

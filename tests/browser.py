"""A Python like a browser's, for tests: what Pyodide has not cannot be imported here either.

    python -m tests.browser SCRIPT [PACKAGE ...]     run a script with NumPy and these packages

Pyodide is CPython compiled to WebAssembly. Threads do not start there, there are no other
processes, and of packages with native code only those that were built for it exist. Which modules
of the standard library it lacks: https://pyodide.org/en/stable/usage/wasm-constraints.html.
"""

import _posixsubprocess
import _thread
import importlib.machinery
import runpy
import sys
import threading
from importlib.abc import MetaPathFinder

MISSING = {
    "curses", "dbm", "ensurepip", "grp", "pwd", "resource", "syslog", "termios", "tkinter",
    # They can be imported there, but do not work.
    "_multiprocessing", "_posixsubprocess", "multiprocessing", "subprocess",
    # Native modules that the package can do without.
    "_ctypes", "ctypes", "fcntl", "lzma", "mmap", "sqlite3", "ssl",
}  # fmt: skip


class Finder(MetaPathFinder):
    """Refuse the missing modules, and everything installed, but for `packages`."""

    def __init__(self, packages: set[str]):
        self.packages = packages

    def find_spec(self, fullname, path=None, target=None):
        top = fullname.partition(".")[0]
        if top in self.packages:
            return None
        spec = None if top in MISSING else importlib.machinery.PathFinder.find_spec(fullname, path)
        foreign = spec is not None and "site-packages" in (spec.origin or "")
        if top in MISSING or foreign:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None  # found by the finders behind this one


def cannot_start(*args, **kwargs):
    raise RuntimeError("can't start new thread")  # or process


def hide(packages: set[str]) -> None:
    """Make this process like a browser's."""
    for name in list(sys.modules):
        if name.partition(".")[0] in MISSING:
            del sys.modules[name]
    sys.meta_path.insert(0, Finder(packages))
    for module, name in [
        (_posixsubprocess, "fork_exec"),
        (_thread, "start_new_thread"),
        (threading, "_start_new_thread"),  # before Python 3.13
        (threading, "_start_joinable_thread"),
    ]:
        if hasattr(module, name):
            setattr(module, name, cannot_start)


if __name__ == "__main__":
    hide({"numpy", *sys.argv[2:]})
    runpy.run_path(sys.argv[1], run_name="__main__")

"""guard: whether the student's code changes the library, and what it is refused.

A Snapshot holds the functions and classes of the package, NumPy and Python's builtins; what the
student's cells have put in their place is put back before a check, and named. A hook of Python's
auditing refuses the student's code what only serves to deceive or disturb.

The check and the student's function share a process. So a determined author who reads this file may
still deceive it, by native code of installed packages for example.
"""

from __future__ import annotations

import builtins
import contextlib
import inspect
import os
import signal
import sys
import sysconfig
import types
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

PACKAGES = ("minitorch_cnn", "numpy")
STANDARD = (
    "builtins", "collections", "contextlib", "copy", "dataclasses", "functools", "inspect", "io",
    "itertools", "json", "linecache", "math", "operator", "os", "random", "re", "time",
    "traceback", "types", "typing",
)  # fmt: skip
VOLATILE = frozenset(
    {"__abstractmethods__", "__annotations__", "__annotations_cache__", "__doc__", "__slotnames__",
     "__weakref__", "__dict__", "_abc_impl"}
)  # fmt: skip
PARTS = ("__code__", "__defaults__", "__kwdefaults__")


class Change(NamedTuple):
    """An attribute that is not what it was. was: MISSING for one that is new."""

    owner: Any
    name: str
    was: Any

    def __str__(self) -> str:
        owner = getattr(self.owner, "__qualname__", None) or self.owner.__name__
        module = getattr(self.owner, "__module__", None)
        return ".".join([*([module] if isinstance(module, str) else []), owner, self.name])


MISSING = object()


class Snapshot:
    """The functions, classes and modules of the library as they are now."""

    def __init__(self) -> None:
        self.modules = {
            name: module
            for name, module in sys.modules.items()
            if isinstance(module, types.ModuleType)
            and (name in STANDARD or name.split(".")[0] in PACKAGES)
        }
        self.attributes = {name: dict(vars(module)) for name, module in self.modules.items()}
        self.classes: dict[type, dict[str, Any]] = {}
        self.functions: dict[Any, tuple] = {}
        for module, names in self.attributes.items():
            for value in names.values():
                self._add(value, module.split(".")[0])

    def _add(self, value: Any, package: str) -> None:
        if isinstance(value, types.FunctionType):
            self.functions.setdefault(value, tuple(getattr(value, part) for part in PARTS))
            wrapped = vars(value).get("__wrapped__")
            if wrapped is not None and wrapped not in self.functions:
                self._add(wrapped, package)
        elif isinstance(value, type) and value not in self.classes and from_(value, package):
            self.classes[value] = dict(vars(value))
            for inner in self.classes[value].values():
                self._add(getattr(inner, "__func__", inner), package)

    def changes(self) -> list[Change]:
        """What is not as it was, among what code is made of: not counters, caches and settings."""
        return [*self._of_modules(), *self._of_classes(), *self._of_functions()]

    def _of_modules(self) -> Iterator[Change]:
        for name, module in self.modules.items():
            if sys.modules.get(name) is not module:
                yield Change(sys.modules, name, module)
            now, strict = vars(module), name.startswith("minitorch_cnn.course")
            for key, was in self.attributes[name].items():
                value = now.get(key, MISSING)
                if value is not was and (strict or is_code(was)) and not key.startswith("__"):
                    yield Change(module, key, was)
            for key in now.keys() - self.attributes[name].keys():
                if key in BUILTINS and name != "builtins":  # it hides Python's own function
                    yield Change(module, key, MISSING)

    def _of_classes(self) -> Iterator[Change]:
        for owner, before in self.classes.items():
            now = vars(owner)
            for key in (before.keys() | now.keys()) - VOLATILE:
                was = before.get(key, MISSING)
                same = now.get(key, MISSING) is was
                if not same and (hides(owner, key) if was is MISSING else is_code(was)):
                    yield Change(owner, key, was)

    def _of_functions(self) -> Iterator[Change]:
        for function, before in self.functions.items():
            for part, was in zip(PARTS, before, strict=True):
                if getattr(function, part) is not was:
                    yield Change(function, part, was)

    @contextlib.contextmanager
    def watching(self) -> Iterator[list[Change]]:
        """Collect what others than the library put in the place of a module's functions.

        Also what is put back meanwhile. The library does so itself where it records a graph.
        """
        seen: list[Change] = []
        trusted, frame_of = trusted_folders(), sys._getframe

        class Watched(types.ModuleType):
            def __setattr__(self, name: str, value: Any) -> None:
                was = vars(self).get(name, MISSING)
                replaces = name in BUILTINS if was is MISSING else is_code(was)
                if replaces and not frame_of(1).f_code.co_filename.startswith(trusted):
                    seen.append(Change(self, name, was))
                super().__setattr__(name, value)

        plain = [module for module in self.modules.values() if type(module) is types.ModuleType]
        for module in plain:
            module.__class__ = Watched
        try:
            yield seen
        finally:
            for module in plain:
                module.__class__ = types.ModuleType

    def restore(self, changes: Iterable[Change]) -> None:
        """Put back what was there."""
        for owner, name, was in changes:
            if owner is sys.modules:
                sys.modules[name] = was
            elif isinstance(owner, types.ModuleType):
                vars(owner).pop(name, None)
                if was is not MISSING:
                    vars(owner)[name] = was
            elif was is MISSING:
                type.__delattr__(owner, name)
            elif isinstance(owner, type):
                type.__setattr__(owner, name, was)
            else:
                setattr(owner, name, was)


def from_(value: type, package: str) -> bool:
    """Whether a class is a package's."""
    return (getattr(value, "__module__", None) or "").split(".")[0] == package


def hides(owner: type, key: str) -> bool:
    """Whether a new attribute of a class takes the place of another."""
    inherited = any(key in vars(base) for base in owner.__mro__[1:])
    return inherited or key.startswith("__") or inspect.isdatadescriptor(vars(owner)[key])


BUILTINS = frozenset(vars(builtins))


def is_code(value: Any) -> bool:
    """Whether a value is a function, a class, a descriptor or a module."""
    return (
        callable(value)
        or isinstance(value, (types.ModuleType, property, classmethod, staticmethod))
        or inspect.isdatadescriptor(value)
    )


# ------------------------------------------------------------------------------------- the hook

STARTS = frozenset(
    {"os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.startfile",
     "pty.spawn", "subprocess.Popen", "os.kill", "os.killpg", "signal.pthread_kill"}
)  # fmt: skip
LOOKS = frozenset(
    {"sys._getframe", "sys._current_frames", "sys.settrace", "sys.setprofile", "gc.get_objects",
     "gc.get_referrers", "gc.get_referents", "sys._current_exceptions"}
)  # fmt: skip
FRAMES = frozenset({"tb_frame", "gi_frame", "cr_frame", "ag_frame"})
LOOKERS = ("collections/__init__.py", "dataclasses.py", "enum.py", "typing.py")  # return no frames
READS = frozenset({"open", "os.listdir", "os.scandir"})
WRITES = frozenset(
    {"os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.chmod", "os.chown", "os.link",
     "os.symlink", "os.truncate", "shutil.rmtree"}
)  # fmt: skip


def trusted_folders() -> tuple[str, ...]:
    """Where code is from that is not the student's: Python, what is installed, this package."""
    paths = [sysconfig.get_path(name) for name in ("purelib", "platlib")]
    import numpy

    paths += [os.path.dirname(os.path.dirname(numpy.__file__))]
    paths += [str(Path(__file__).resolve().parents[2]), str(Path(__file__).parents[2])]
    kernels = sys.modules.get("minitorch_cnn.kernels")
    paths += [os.path.dirname(str(kernels.__file__))] if kernels else []
    return tuple({os.path.join(path, "") for path in paths})


def refuse(hidden: Iterable[str], writable: str) -> None:
    """From now on refuse the student's code, for good: processes, ctypes, frames, sockets, files.

    hidden: folders that no one may read. writable: the folder in which files may be written.
    Everything that the hook needs is in this call, so that no module's attribute changes it.
    """
    standard = tuple(
        {os.path.join(sysconfig.get_path(name), "") for name in ("stdlib", "platstdlib")}
    )
    trusted, python = trusted_folders(), (*standard, "<frozen ")
    folders = tuple({os.path.join(os.path.realpath(path), "") for path in hidden})
    own = os.path.join(os.path.realpath(writable), "")
    starts, looks, reads, writes, frames = STARTS, LOOKS, READS, WRITES, FRAMES
    lookers = tuple(folder + os.path.normpath(name) for folder in standard for name in LOOKERS)
    frame_of, real, path_of, text = sys._getframe, os.path.realpath, os.fsdecode, str
    separator, written = os.sep, os.O_WRONLY | os.O_RDWR | os.O_CREAT
    inside: list[bool] = []

    def is_student(but_by: tuple[str, ...] = ()) -> bool:
        """Whether the student's code asks, itself or by the standard library but these files."""
        frame = frame_of(3)  # of judge's caller's caller
        while frame is not None:
            file = frame.f_code.co_filename
            if file.startswith((*trusted, *but_by)):
                return False
            if not file.startswith(python):
                return True
            frame = frame.f_back
        return True

    def name_of(path) -> str:
        try:
            return "" if isinstance(path, int) else real(path_of(path))
        except (TypeError, ValueError, OSError):
            return ""

    def judge(event: str, args: tuple) -> str:
        if event in reads or event in writes:
            path = name_of(args[0]) if args else ""
            if folders and path and f"{path}{separator}".startswith(folders):
                return "the files of the course and of others are hidden"
            writing = event in writes or (event == "open" and is_writing(args))
            if writing and path and not path.startswith((own, "/dev/")) and is_student():
                return "files can be written in the current folder only"
        elif event in starts:
            if is_student():
                return "no other processes can be started or ended"
        elif event in looks:
            if is_student(lookers):
                return "Python's frames and objects of others are hidden"
        elif event == "object.__getattr__":
            if args[1] in frames and is_student():
                return "Python's frames are hidden"
        elif event.startswith("ctypes."):
            if is_student():
                return "ctypes is not allowed"
        elif event.startswith("socket."):
            if is_student():
                return "there is no network"
        elif event == "compile":
            file = args[1]
            false = isinstance(file, str) and file.startswith((*trusted, *standard))
            if false and is_student(python):
                return "the file's name of this code is not its own"
        return ""

    def is_writing(args: tuple) -> bool:
        mode, flags = args[1], args[2]
        if isinstance(mode, str):
            return any(letter in mode for letter in "wax+")
        return isinstance(flags, int) and bool(flags & written)

    def hook(event: str, args: tuple) -> None:
        if inside:
            return
        if (
            event in reads
            or event in writes
            or event in starts
            or event in looks
            or event in ("compile", "object.__getattr__")
            or event.startswith(("ctypes.", "socket."))
        ):
            inside.append(True)
            try:
                reason = judge(event, args)
            finally:
                inside.pop()
            if reason:
                raise PermissionError(f"while it is graded, {reason} ({text(event)})")

    def no_handler(*args) -> None:
        raise PermissionError("while it is graded, no signal can be handled: a handler sees frames")

    for module in (signal, sys.modules["_signal"]):
        vars(module)["signal"] = no_handler
    sys.addaudithook(hook)

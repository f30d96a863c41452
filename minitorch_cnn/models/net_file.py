"""Nets in the user's files: FILE.py:NAME instead of a model's name.

The file is executed as a module of its own, once for each version of its content. Its folder is on
sys.path meanwhile, so that it can import the files beside it; a run's folder keeps copies of all:
model.py     the file
modules/     the files beside it that it imports, directly or indirectly
"""

from __future__ import annotations

import hashlib
import itertools
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from .. import nn
from ..random import get_rng_state, set_rng_state
from ..spelling import nearest, nearest_path
from .file_imports import files_beside, imported_names, importing_from
from .settings import check_settings, takes

COPY, FOLDER = "model.py", "modules"
_numbers = itertools.count(1)
_modules: dict[tuple[Path, Path, str], ModuleType] = {}  # the modules executed so far


class NetFileError(ValueError):
    """A fault in a net's file, or in the net that it makes."""


def is_net_file(text: str) -> bool:
    """Whether a text names a Python file, with or without a net in it."""
    head = str(text).rpartition(":")[0]
    return any(part.lower().endswith(".py") for part in (str(text), head))


def find_net(text: str) -> NetFile:
    """Find the net FILE.py:NAME, split at the last colon; this executes the file.

    Raises: NetFileError if there is no such file, or no such net in it.
    """
    head, _, name = text.rpartition(":")
    if not head.lower().endswith(".py"):
        head, name = text, ""
    path = Path(head).expanduser()
    if not path.is_file():
        raise NetFileError(f"create_model: {_missing(path)}")
    path = path.resolve()
    kept = path.name == COPY and (path.parent / "config.json").is_file()
    folder = path.parent / FOLDER if kept else path.parent  # the copy in a run, for another run
    sources = {COPY: path.read_bytes()}
    beside = files_beside(path, folder)
    sources |= {f"{FOLDER}/{place}": file.read_bytes() for place, file in sorted(beside.items())}
    return NetFile(path, folder, path.name, name, sources).checked()


@dataclass(frozen=True)
class NetSource:
    """The net that a run trains: file is the file's name, name the net's name in it.

    sha256: of the file and of those beside it that it imports, by their paths in a run's folder;
    path: of the file; kept_in: the folder of the run that keeps them all.
    """

    file: str
    name: str
    sha256: dict[str, str]
    path: Path | None = None
    kept_in: Path | None = None

    def described(self) -> dict[str, Any]:
        """Its description in JSON, without its path."""
        return {"file": self.file, "name": self.name, "sha256": self.sha256}

    def find(self) -> NetFile:
        """Find the net; this executes the file.

        Raises: NetFileError for a file that is missing or has changed.
        """
        if self.kept_in is not None:
            return _kept_net(self.kept_in, self)
        found = find_net(f"{self.path}:{self.name}")
        if found.source().sha256 != self.sha256:
            raise NetFileError(f"train_run: {self.path} has changed since the run was described")
        return found


def _kept_net(directory: Path, kept: NetSource) -> NetFile:
    """Find the net whose files a run's folder keeps."""
    sources = {}
    for place, digest in kept.sha256.items():
        path = directory / place
        if not path.is_file():
            raise NetFileError(f"create_model: {path}, a file of the run's net, is gone")
        sources[place] = path.read_bytes()
        if digest_of(sources[place]) != digest:
            raise NetFileError(
                f"create_model: {path} has been changed since the run began, which is of the net "
                "as it was: put it back, or train the changed net in a new run"
            )
    paths = directory / COPY, directory / FOLDER
    return NetFile(*paths, kept.file, kept.name, sources).checked()


def digest_of(source: bytes) -> str:
    """The SHA-256 of a file, independent of its line endings."""
    return hashlib.sha256(source.replace(b"\r\n", b"\n")).hexdigest()


def _missing(path: Path) -> str:
    if path.is_dir():
        return f"{path} is a folder, it must be a file of Python"
    return f"there is no file {path}{nearest_path(path, '*.py')}"


@dataclass(frozen=True)
class NetFile:
    """A net in a file: file is the file's name, net the net's name in it.

    path: of the file, folder: of the modules that it imports; sources: the contents of all of them,
    by their paths in a run's folder.
    """

    path: Path
    folder: Path
    file: str
    net: str
    sources: dict[str, bytes]

    @property
    def label(self) -> str:
        return f"{self.file}:{self.net}"

    def source(self) -> NetSource:
        """The net's identity, for the description of a run."""
        digests = {place: digest_of(source) for place, source in self.sources.items()}
        return NetSource(self.file, self.net, digests, self.path)

    def checked(self) -> NetFile:
        """Return itself. Raises: NetFileError if the file cannot be run, or has no such net."""
        _ = self.target
        return self

    @cached_property
    def target(self) -> Any:
        """The class, function or net of that name."""
        return self._target_in(self._module())

    def takes(self, setting: str) -> bool:
        """Whether the net has a setting of that name; an existing net has none."""
        return not isinstance(self.target, nn.Module) and takes(self.target, setting)

    def build(self, settings: Mapping[str, Any]) -> nn.Module:
        """Build a new net.

        Raises: TypeError for unknown or missing settings; NetFileError if it cannot be made, or is
        not a net.
        """
        target = self.target
        if isinstance(target, nn.Module):
            check_settings("create_model", self.label, lambda: None, settings)
            # Execute the file again, so that the weights are drawn from the current seed.
            return self._target_in(self._run())
        check_settings("create_model", self.label, target, settings)
        try:
            with importing_from(self.folder, self._beside()):
                model = target(**settings)
        except (Exception, SystemExit) as error:
            raise NetFileError(
                f"create_model: {self.label} cannot be made: {self.located(error)}"
            ) from error
        if not isinstance(model, nn.Module):
            raise NetFileError(
                f"create_model: {self.label} must give a Module, got {_kind(model)}{hint(model)}"
            )
        return model

    def located(self, error: BaseException) -> str:
        """An error in words, after the file and line where it occurred."""
        ours = {str(self.path): self.file}
        for place in self.sources:
            if place != COPY:
                beside = place.removeprefix(f"{FOLDER}/")
                ours[str(self.folder / beside)] = beside
        place, trace = "", error.__traceback__
        while trace is not None:
            name = trace.tb_frame.f_code.co_filename
            if name in ours:
                place = f"{ours[name]}, line {trace.tb_lineno}: "
            trace = trace.tb_next
        if isinstance(error, SyntaxError):
            name = ours.get(str(error.filename), self.file)
            line = "" if error.lineno is None else f", line {error.lineno}"  # none of null bytes
            return f"{name}{line}: this is not valid Python: {error.msg}"
        text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
        return f"{place}{type(error).__name__}: {text}" + self._advice(error)

    def _advice(self, error: BaseException) -> str:
        """Advice on a failed import of another package, or "" for other errors."""
        if isinstance(error, ImportError) and "relative import" in str(error):
            return (
                f"; {self.file} is run by itself, in no package: write `from module import ...` "
                "for a module beside it, without the dot"
            )
        if isinstance(error, ModuleNotFoundError) and error.name:
            package = error.name.partition(".")[0]
            if package in ("torch", "torchvision"):
                return ADVICE
        foreign = {"torch", "torchvision"} & imported_names(self.sources[COPY])
        return f" ({self.file} imports {', '.join(sorted(foreign))}{ADVICE})" if foreign else ""

    def _beside(self) -> set[str]:
        """The top-level names of the modules beside the file."""
        places = (place.split("/") for place in self.sources if place != COPY)
        return {parts[1].removesuffix(".py") for parts in places}

    def _module(self) -> ModuleType:
        content = b"".join(place.encode() + self.sources[place] for place in self.sources)
        key = self.path, self.folder, hashlib.sha256(content).hexdigest()
        if key not in _modules:
            state = get_rng_state()
            try:
                _modules[key] = self._run()
            finally:  # so that later random numbers do not depend on whether it has been executed
                set_rng_state(state)
        return _modules[key]

    def _run(self) -> ModuleType:
        stem = re.sub(r"\W", "_", Path(self.file).stem)
        module = ModuleType(f"minitorch_cnn_net_{next(_numbers)}_{stem}")
        module.__file__, module.__package__ = str(self.path), ""
        try:
            with importing_from(self.folder, self._beside(), anew=True):
                code = compile(self.sources[COPY], str(self.path), "exec", dont_inherit=True)
                sys.modules[module.__name__] = module  # required by copy and dataclasses
                exec(code, module.__dict__)
        except (Exception, SystemExit) as error:
            sys.modules.pop(module.__name__, None)
            text = self.located(error)
            if isinstance(error, ValueError) and "null bytes" in str(error):
                text = f"{self.file} is not valid Python: {error}"
            raise NetFileError(f"create_model: {text}") from error
        return module

    def _target_in(self, module: ModuleType) -> Any:
        names = _nets_in(module)
        has = f"it has {', '.join(names)}" if names else "it has no net at all"
        if not self.net or self.net not in vars(module):
            what = f"has no {self.net!r}" if self.net else f"needs a name, {self.file}:NAME"
            raise NetFileError(f"create_model: {self.file} {what}; {has}{nearest(self.net, names)}")
        found = vars(module)[self.net]
        if not callable(found) or hint(found):
            rule = "must be a class or function that makes a net, or a net, got"
            raise NetFileError(f"create_model: {self.label} {rule} {_kind(found)}{hint(found)}")
        return found


ADVICE = (
    ": this package takes its place: `import minitorch_cnn as torch`, `import minitorch_cnn.nn as "
    "nn`, `import minitorch_cnn.nn.functional as F`"
)


def hint(thing: Any) -> str:
    """Advice if a thing is a module or class of PyTorch, otherwise ""."""
    kind = thing if isinstance(thing, type) else type(thing)
    foreign = any(base.__module__.partition(".")[0] == "torch" for base in kind.__mro__)
    return f" of PyTorch{ADVICE}" if foreign else ""


def _kind(thing: Any) -> str:
    return f"the class {thing.__name__}" if isinstance(thing, type) else f"a {type(thing).__name__}"


def _nets_in(module: ModuleType) -> list[str]:
    """The possible nets that a module defines itself: classes first, then the others."""
    own = {k: v for k, v in vars(module).items() if not k.startswith("_")}
    made = [k for k, v in own.items() if isinstance(v, nn.Module)]
    defined = {k: v for k, v in own.items() if getattr(v, "__module__", "") == module.__name__}
    classes = [k for k, v in defined.items() if isinstance(v, type) and issubclass(v, nn.Module)]
    functions = [
        k for k, v in defined.items() if callable(v) and not isinstance(v, type | nn.Module)
    ]
    return [*classes, *(k for k in functions if k not in made), *made]

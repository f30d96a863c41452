"""The reference: a page for each public module, on which every public name of it stands.

    pages()            the names of each page
    write(folder)      the pages as reStructuredText, which conf.py asks for before a build

Names that are the same object as another (PyTorch's second places) are described once and lead
there. Functions and classes are grouped by the file that defines them, under its first line.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple, TypeVar

import docstrings

ROOT = "minitorch_cnn"
# Module -> what the page is about; the home of an object is the first page that has it.
PAGES = {
    "": "Tensors and their functions",
    "autograd": "Gradients and functions of your own",
    "autograd.functional": "Jacobians, Hessians and their products",
    "nn": "Layers, losses and containers",
    "nn.functional": "The functions of layers",
    "nn.init": "Initialisation",
    "nn.utils": "Clipping, fusing, normed weights",
    "nn.utils.prune": "Pruning of weights",
    "linalg": "Linear algebra",
    "special": "Special functions",
    "distributions": "Distributions to draw from",
    "optim": "Optimizers",
    "optim.lr_scheduler": "Learning-rate schedules",
    "optim.swa_utils": "Averages of weights",
    "data": "Data sets and loaders",
    "data.transforms": "Transforms of images",
    "data.transforms.functional": "Transforms as functions",
    "data.datasets": "Data sets that are known by name",
    "models": "Models by name",
    "training": "Training and evaluation",
    "analysis": "What networks cost, do and have learned",
    "graph": "A network as a list of operators",
    "onnx": "ONNX files",
    "compiler": "Compiled inference",
    "interop": "Weights in files",
    "hub": "Weights from an address",
    "nas": "Architecture search",
    "kernels": "The arithmetic: arrays in, arrays out",
    "cuda": "Questions about the GPU",
    "amp": "Mixed precision on any device",
    "cuda.amp": "Mixed precision on a GPU",
    "jit": "Compilers, which return their argument",
    "distributed": "Several processes that train together",
    "utils": "Sheets of pictures",
    "utils.tensorboard": "Event files of TensorBoard",
}
OPERATORS = "kernels"  # its public modules are described with their functions


class Name(NamedTuple):
    """A public name: the page's module, the name there, and what it stands for."""

    module: str
    name: str
    thing: object

    @property
    def full(self) -> str:
        return ".".join(filter(None, (ROOT, self.module, self.name)))


def load(module: str) -> ModuleType:
    return importlib.import_module(f"{ROOT}.{module}".rstrip("."))


def public(module: str) -> list[str]:
    """The public names of a module: its __all__, or without one what it defines itself.

    A module that loads names on demand says them all by `dir`.
    """
    here = load(module)
    if hasattr(here, "__all__"):
        return sorted(here.__all__)
    names = [name for name in dir(here) if not name.startswith("_")]
    if not module:  # of modules those that belong to it, not what others of ours have imported
        parts = {"autograd", *here._ON_DEMAND}
        loose = [name for name in names if not inspect.ismodule(getattr(here, name))]
        return sorted({*loose, *parts} - {"SECOND_PLACES"})
    things = {name: getattr(here, name) for name in names}
    own = (here.__name__, f"{ROOT}.nn.fans")
    return [
        name
        for name, thing in things.items()
        if getattr(thing, "__module__", "") in own and not isinstance(thing, TypeVar)
    ]


def pages() -> dict[str, list[Name]]:
    """Every public name, by the module of its page."""
    return {
        module: [Name(module, name, getattr(load(module), name)) for name in public(module)]
        for module in PAGES
    }


def homes(names: Iterable[Name]) -> dict[int, str]:
    """Where each function or class is described: the full name of its first place."""
    second = load("").SECOND_PLACES
    places = list(names)
    places.sort(key=lambda place: not place.module and place.name in second)
    found: dict[int, str] = {}
    for place in places:
        if is_described(place.thing):
            found.setdefault(id(place.thing), place.full)
    return found


def is_described(thing: object) -> bool:
    """Whether it is a function or class of ours, with a docstring to show."""
    ours = str(getattr(thing, "__module__", "")).startswith(ROOT)
    return ours and (inspect.isclass(thing) or inspect.isroutine(thing))


def write(folder: Path) -> None:
    """Write the pages and the list of them, and leave pages alone that have not changed."""
    os.environ["COLUMNS"] = "80"  # argparse fills lines as wide as the terminal
    folder.mkdir(exist_ok=True)
    found = pages()
    home = homes(name for names in found.values() for name in names)
    texts = {file_of(module): page(module, names, home) for module, names in found.items()}
    texts["tensor_class.rst"] = tensor_page(home)
    texts["commands.rst"] = commands_page()
    texts["index.rst"] = index_page()
    for name, lines in texts.items():
        path, text = folder / name, "\n".join(lines) + "\n"
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in folder.glob("*.rst"):
        if path.name not in texts:
            path.unlink()


def file_of(module: str) -> str:
    return f"{module.replace('.', '_') or 'minitorch_cnn'}.rst"


def index_page() -> list[str]:
    entries = {file_of(module).removesuffix(".rst"): text for module, text in PAGES.items()}
    first, *rest = entries.items()
    rows = [first, ("tensor_class", "Its attributes and methods"), *rest]
    rows.append(("commands", "The command line: what each --help says"))
    lines = [*title("Reference", "="), "Every public name, by module.", ""]
    lines += [".. toctree::", "   :hidden:", "", *(f"   {entry}" for entry, _ in rows), ""]
    lines += [".. list-table::", ""]
    for entry, text in rows:
        lines += [f"   * - :doc:`{entry}`", f"     - {text}"]
    return lines


def page(module: str, names: list[Name], home: dict[int, str]) -> list[str]:
    """The page of a module: its purpose, its names by source file, its second names."""
    here = load(module)
    first = [name for name in names if home.get(id(name.thing)) == name.full]
    parts = [name for name in names if inspect.ismodule(name.thing)]
    others = [n for n in names if is_described(n.thing) and n not in first]
    values = [n for n in names if n not in first and n not in parts and n not in others]
    place = f"{ROOT}.{module}".rstrip(".")
    lines = [*title(module or ROOT, "="), f".. py:module:: {place}", ""]
    lines += docstrings.render((inspect.getdoc(here) or "").removeprefix(f"{ROOT}: "))
    if module == "models":
        lines += registered()
    for heading, members in by_source(first):
        lines += [*title(heading, "-")]
        for name in members:
            lines += described(name)
    if values:
        lines += title("Values", "-")
        for name in values:
            lines += value(name)
    if others:
        lines += [
            *title("Second names", "-"),
            "Each is the same object as the one it leads to.",
            "",
        ]
        for name in others:
            lines += same(name, home[id(name.thing)])
    if parts:
        lines += title("Modules", "-")
        for name in parts:
            lines += part(name)
    return lines


def commands_page() -> list[str]:
    """What `minitorch-cnn COMMAND --help` prints, for each command."""
    from minitorch_cnn.cli.main import command_parser

    parser = command_parser()
    (group,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    lines = title("minitorch-cnn: the commands", "=")
    for name, command in [("", parser), *group.choices.items()]:
        lines += title(name, "-") if name else []
        lines += [*docstrings.literal(command.format_help().splitlines(), "text"), ""]
    return lines


def registered() -> list[str]:
    """The models that have a name, as a table."""
    models = load("models")
    lines = [*title("Registered models", "-"), "``create_model`` makes each by its name.", ""]
    lines += [".. list-table::", "   :header-rows: 1", "", "   * - name", "     - parameters"]
    lines += ["     - multiply-adds", "     - image"]
    for name in models.list_models():
        entry = models.model_entry(name)
        numbers = [f"{n:,}" if n else "" for n in (entry.params, entry.macs)]
        shape = " x ".join(map(str, entry.input_shape or ()))
        lines += [f"   * - ``{name}``", *(f"     - {text}" for text in (*numbers, shape))]
    return [*lines, ""]


def by_source(names: list[Name]) -> Iterator[tuple[str, list[Name]]]:
    """The names of each source file, under the first line of its docstring."""
    groups: dict[str, list[Name]] = {}
    for name in names:
        groups.setdefault(name.thing.__module__, []).append(name)
    for source, members in groups.items():
        text = inspect.getdoc(importlib.import_module(source)) or source
        sentence = " ".join(text.split("\n\n")[0].split()).split(". ")[0]
        yield sentence.rstrip(".:"), members


def described(name: Name) -> list[str]:
    """The directive that takes signature and docstring from the source."""
    module = f"{ROOT}.{name.module}".rstrip(".")
    if not inspect.isclass(name.thing):
        return [f".. autofunction:: {module}::{name.name}", ""]
    own = [] if name.full == f"{ROOT}.Tensor" else methods(name.thing)  # it has a page of its own
    members = [f"   :members: {', '.join(own)}"] if own else []
    return [f".. autoclass:: {module}::{name.name}", *members, ""]


def methods(kind: type) -> list[str]:
    """What a class adds of its own and says something about."""
    fields = getattr(kind, "_fields", ())
    found = []
    for name, member in vars(kind).items():
        plain = not name.startswith("_") and name not in fields
        text = getattr(member, "__doc__", None)
        documented = inspect.isroutine(member) or isinstance(member, property)
        if plain and documented and text:
            found.append(name)
    return found


def value(name: Name) -> list[str]:
    if inspect.isclass(name.thing):  # numpy.finfo
        text = f"{name.thing.__module__}.{name.thing.__name__}"
    else:
        text = repr(name.thing)
    if isinstance(name.thing, dict | list | tuple) and len(text) > 70:
        text = ", ".join(map(str, name.thing))
    shown = [f"   :value: {text}"] if len(text) <= 70 else []
    body = [] if shown else [f"   {docstrings.escaped(text)}", ""]
    kind = type(name.thing).__name__
    place = f"{ROOT}.{name.module}".rstrip(".")
    head = [f".. py:data:: {name.name}", f"   :module: {place}", f"   :type: {kind}"]
    return [*head, *shown, "", *body]


def same(name: Name, first: str) -> list[str]:
    place = f"{ROOT}.{name.module}".rstrip(".")
    head = [f".. py:data:: {name.name}", f"   :module: {place}", ""]
    return [*head, f"   The same as :py:obj:`{first}`.", ""]


def part(name: Name) -> list[str]:
    """A module among the public names: its page, or here what it defines."""
    inner = f"{name.module}.{name.name}".strip(".")
    text = inspect.getdoc(name.thing) or ""
    if inner in PAGES or name.full == f"{ROOT}.functional":
        target = file_of("nn.functional" if inner == "functional" else inner).removesuffix(".rst")
        return [f"- ``{name.name}``: :doc:`{target}`", ""]
    if name.module not in ("models", OPERATORS):
        first = docstrings.escaped(" ".join(text.split("\n\n")[0].split()))
        return [f"- ``{name.name}``: {first}", ""]
    lines = [*title(name.name, "~"), f".. py:module:: {name.full}", "", *docstrings.render(text)]
    for member, thing in vars(name.thing).items():
        own = getattr(thing, "__module__", "") == name.thing.__name__
        if own and is_described(thing) and not member.startswith("_"):
            lines += described(Name(inner, member, thing))
    return lines


def tensor_page(home: dict[int, str]) -> list[str]:
    """The class Tensor: what only it has, then the functions that are methods as well."""
    kind = load("").Tensor
    names = [name for name in dir(kind) if not name.startswith("_")]
    shared = {n: home.get(id(inspect.getattr_static(kind, n))) for n in names}
    own = [name for name in names if not shared[name]]
    lines = [*title("The class Tensor", "="), f".. currentmodule:: {ROOT}", ""]
    lines += ["Arithmetic, comparisons and indexing are Python's operators.", ""]
    lines += title("Attributes and methods of its own", "-")
    for name in own:
        member = inspect.getattr_static(kind, name)
        form = "autoproperty" if isinstance(member, property) else "automethod"
        form = "autoattribute" if inspect.ismemberdescriptor(member) else form  # of __slots__
        lines += [f".. {form}:: {ROOT}::Tensor.{name}", ""]
    lines += [*title("Functions that are methods, too", "-")]
    lines += ["``x.add(y)`` is ``mt.add(x, y)``, and so is each of these:", ""]
    links = [f":py:obj:`{name} <{shared[name]}>`" for name in names if shared[name]]
    return [*lines, ", ".join(links)]


def title(text: str, line: str) -> list[str]:
    text = docstrings.escaped(text)
    return [text, line * len(text), ""]

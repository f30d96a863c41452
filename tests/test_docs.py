"""The documentation is correct: examples run, commands parse, every public name is documented."""

import csv
import importlib
import inspect
import re
import shlex
import sys
from pathlib import Path

import pytest

from minitorch_cnn.cli.analyses import ANALYSES
from minitorch_cnn.cli.main import command_parser
from tests.interpreter import ROOT, python

DOCS = ROOT / "docs"
WRITTEN = ("notebooks", "reference", "results")  # by a build, from what other tests look at
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
    if path.relative_to(DOCS if DOCS in path.parents else ROOT).parts[0] not in WRITTEN
}


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def of_docs(name: str):
    """A module of docs/, which are no package."""
    before = list(sys.path)
    sys.path.insert(0, str(DOCS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path[:] = before


# ------------------------------------------------------------------------------------ examples

# Files and programs that an example needs: what stands before the page's blocks, in its folder.
SETTING = {
    "docs/cuda.md": """
from pathlib import Path
text = re.search(r"```c\\+\\+\\n(.*?)```", page, flags=re.DOTALL).group(1)
Path("double.cu").write_text(text, encoding="utf-8")
""",
}
SLOW = {"docs/guide/first_net.md", "docs/guide/training.md", "docs/analysis.md"}
EMULATED = {"docs/cuda.md"}


def has_emulator() -> bool:
    from minitorch_cnn.kernels.cuda.array import has_compiler

    return has_compiler()


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[pytest.mark.slow] * (page in SLOW))
        for page, text in PAGES.items()
        if page != "README.md" and blocks(text, "python")  # tests/test_readme.py runs it
    ],
)
def test_the_examples_of_a_page_run_one_after_the_other(page, tmp_path):
    if page in EMULATED and not has_emulator():
        pytest.skip("needs g++ on Linux")
    setting = f"import re\npage = {PAGES[page]!r}\n{SETTING.get(page, '')}"
    code = "\n".join([setting, *blocks(PAGES[page], "python")])
    python(code.replace("/path/to/double.cu", str(tmp_path / "double.cu")), tmp_path)


def commands(page: str) -> list[list[str]]:
    """The words of every command `minitorch-cnn` in the page's blocks of a shell."""
    found = []
    for block in blocks(PAGES[page], "(?:sh|bash)"):
        for line in block.replace("\\\n", " ").splitlines():
            for command in re.split(r"&&|\|", line):
                words = shlex.split(command, comments=True)
                if words[:1] == ["minitorch-cnn"]:
                    found.append(words[1:])
    return found


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)])
def test_the_commands_of_a_page_are_understood(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text("class Net: ...\n", encoding="utf-8")
    for words in commands(page):
        if words != ["--version"]:  # which says it and leaves
            here = ["cpu" if word == "cuda" else word for word in words]  # there may be no GPU
            command_parser().parse_args(here)


# ----------------------------------------------------------------------------------- reference

MODULES = [
    "", "nn", "nn.functional", "nn.init", "nn.utils", "optim", "optim.lr_scheduler",
    "optim.swa_utils", "data", "data.transforms", "data.datasets", "training", "models",
    "analysis", "graph", "onnx", "compiler", "interop", "autograd", "autograd.functional", "nas",
    "kernels", "cuda", "utils", "amp", "cuda.amp", "jit", "distributed", "linalg",
    "data.transforms.functional", "nn.utils.prune", "special", "distributions", "hub",
    "utils.tensorboard",
]  # fmt: skip
IMPORTED = {  # for their own use
    "nn.init": {"ShapeOnly", "Tensor"},
    "nn.utils.prune": {"Module", "Parameter", "Tensor", "default_generator"},
    "hub": {"load_file"},
    "optim.swa_utils": {"LRScheduler", "Module", "Optimizer", "Tensor", "check_optimizer",
                        "is_int", "no_grad", "per_group", "tensor"},
}  # fmt: skip


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The pages of the reference by file."""
    folder = tmp_path_factory.mktemp("reference")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "80")  # as the pages are written with
        of_docs("reference").write(folder)
    return {path.stem: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def described(text: str, module: str) -> set[str]:
    """The names that a page has an entry for."""
    entry = rf"auto\w+:: minitorch_cnn{re.escape('.' * bool(module) + module)}::(\w+)$"
    data, part = r"^\.\. py:data:: (\w+)$", r"^- ``(\w+)``:"
    section = rf"^\.\. py:module:: minitorch_cnn\.{re.escape(module)}\.(\w+)$"
    return {name for form in (entry, data, part, section)
            for name in re.findall(form, text, flags=re.MULTILINE)}  # fmt: skip


def public_names(module: str) -> set[str]:
    """What __all__ says; without it what `mt` has, or what a module defines."""
    here = importlib.import_module(f"minitorch_cnn.{module}".rstrip("."))
    if hasattr(here, "__all__"):
        return set(here.__all__)
    if not module:
        names = {name for name in dir(here) if not name.startswith("_")} - {"SECOND_PLACES"}
        loose = {name for name in names if not inspect.ismodule(getattr(here, name))}
        return loose | {"autograd", *here._ON_DEMAND}
    ours = of_docs("reference").is_described  # neither modules nor names of types
    names = {name for name in dir(here) if not name.startswith("_") and ours(getattr(here, name))}
    return names - IMPORTED.get(module, set())


@pytest.mark.parametrize("module", MODULES)
def test_the_reference_has_every_public_name(module, reference):
    page = reference[module.replace(".", "_") or "minitorch_cnn"]
    names = public_names(module)
    assert names and sorted(names ^ described(page, module)) == []


def test_the_reference_has_every_attribute_of_a_tensor(reference):
    from minitorch_cnn import Tensor

    names = {name for name in dir(Tensor) if not name.startswith("_")}
    page = reference["tensor_class"]
    own = set(re.findall(r"auto\w+:: minitorch_cnn::Tensor\.(\w+)$", page, flags=re.MULTILINE))
    assert names == own | set(re.findall(r":py:obj:`(\w+) <", page))


def test_the_reference_has_every_command(reference):
    help_text = command_parser().format_help()
    names = set(re.findall(r"^    (\w+) {2,}\S", help_text, flags=re.MULTILINE))
    assert names == set(re.findall(r"^(\w+)\n-+$", reference["commands"], flags=re.MULTILINE))


def test_second_names_lead_to_entries_of_the_reference(reference):
    entries, targets = set(), set()
    for page in reference.values():
        found = re.findall(r"auto\w+:: (minitorch_cnn[\w.]*)::([\w.]+)$", page, flags=re.MULTILINE)
        entries |= {".".join(names) for names in found}
        targets |= set(re.findall(r"The same as :py:obj:`([\w.]+)`", page))
        targets |= set(re.findall(r":py:obj:`\w+ <([\w.]+)>`", page))
    assert targets and sorted(targets - entries) == []


# ---------------------------------------------------------------------------- docstrings, figures


@pytest.mark.parametrize(
    "text, expected",
    [
        ("a *b* `c` d_", [r"a \*b\* ``c`` d\_", ""]),
        ("x (N,) -> y\nof `f`s\nz -> x", ["| x (N,) -> y of ``f``\\ s", "| z -> x", ""]),
        ("y:\n\n    y = a * b", ["y:", "", ".. code-block:: text", "", "   y = a * b", ""]),
        ("a: one\nb, c: two\nand more", ["- **a**: one", "- **b, c**: two and more", ""]),
        ("Raises: ValueError\nfor a_", [r"**Raises**: ValueError for a\_", ""]),
        (">>> f(1)\n2", [".. code-block:: python", "", "   >>> f(1)", "   2", ""]),
        ("= is equal", [r"\= is equal", ""]),
        ("A. Author (2015),\nB. Other", [r"\A. Author (2015), B. Other", ""]),
        ("Of it:\n- a\n  b_\n- c", ["Of it:", "", r"- a b\_", "- c", ""]),
        ("", [""]),
    ],
)
def test_a_docstring_is_shown_as_it_was_written(text, expected):
    assert of_docs("docstrings").render(text) == expected


def test_arguments_in_a_docstring_are_a_list_wherever_they_begin():
    text = "What it is. a (N, C): one; b: two, not c: three.\nRaises: ValueError"
    shown = ["What it is.", "", "- **a (N, C)**: one", "- **b**: two, not c: three.", ""]
    shown += ["**Raises**: ValueError", ""]
    assert of_docs("docstrings").render(text, ["a", "b", "c"]) == shown


def test_the_figures_of_the_kernels_are_those_that_are_drawn():
    figures = of_docs("figures")
    drawn = {f"{figure.__name__}.svg": figure().svg() for figure in figures.FIGURES}
    kept = {path.name: path.read_text(encoding="utf-8") for path in figures.FOLDER.glob("*.svg")}
    assert kept == drawn
    pages = "".join(text for page, text in PAGES.items() if page.startswith("docs/kernels/"))
    assert [name for name in drawn if f"]({name})" not in pages] == []


def test_the_table_of_what_is_missing_has_a_name_and_a_reason_in_each_row():
    with open(DOCS / "pytorch_missing.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["name", "reason"] and {len(row) for row in rows} == {2}


def test_the_table_of_analyses_has_every_analysis():
    rows = re.findall(r"^\| (`.*?) \|", PAGES["docs/analysis.md"], flags=re.MULTILINE)
    assert set(re.findall(r"`([\w-]+)`", " ".join(rows))) == {"analyse", *ANALYSES}


def test_every_item_of_the_lectures_has_an_answer_whose_names_exist():
    """A function, a figure, a line of the errata, or a number why not."""
    page = PAGES["docs/lectures.md"]
    table = page.split("## What lectures show")[1]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line[:2] == "| "][1:]
    assert len(rows) >= 30 and all(len(row) == 2 for row in rows)
    package = importlib.import_module("minitorch_cnn")
    named = re.findall(r"`mt\.([\w.]+)", table)
    for name in named:
        found = package
        for part in name.split("."):
            if not hasattr(found, part):
                importlib.import_module(f"{found.__name__}.{part}")
            found = getattr(found, part)
    for item, answer in rows:
        assert "`" in answer or "](" in answer or re.search(r"\d", answer), item
    claims = dict(re.findall(r"claims\.md#([\w-]+)\): (.+?) \|", table))
    assert claims.keys() >= set(package.analysis.CLAIMS)
    assert [name for name, text in claims.items() if text not in PAGES["docs/claims.md"]] == []
    for words in re.findall(r"`minitorch-cnn ([\w -]+)`", table):
        command_parser().parse_args(words.split() if " " in words else [words, "--plain"])


YOURS = {"net.py", "model.py"}  # a user's, and its copy in a run
FILES = YOURS | {path.name for path in ROOT.rglob("*.py") if ".git" not in path.parts}
TREES = ("minitorch_cnn", "kernels", "tests", "benchmarks", "notebooks", "examples", "docs")


@pytest.mark.parametrize("page", PAGES)
def test_the_files_and_folders_that_a_page_names_exist(page):
    code = re.sub(r"```.*?```", "", PAGES[page], flags=re.DOTALL)
    named = re.findall(r"`([\w./]+)`", code)
    paths = [name for name in named if name.split("/")[0] in TREES and "/" in name]
    names = [name for name in named if name.endswith(".py") and "/" not in name]
    assert [name for name in paths if not (ROOT / name).exists()] == []
    assert [name for name in names if name not in FILES] == []


@pytest.mark.parametrize("page", PAGES)
def test_the_links_of_a_page_lead_to_files_of_the_checkout(page):
    code = re.sub(r"```.*?```", "", PAGES[page], flags=re.DOTALL)
    here = (ROOT / page).parent
    targets = {here / name for name in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", code)}
    built = DOCS / "reference"  # written by a build
    assert [path for path in targets if not path.exists() and built not in path.parents] == []

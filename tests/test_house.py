"""The structure of the package: imports point downward, and importing it is quiet and light."""

import ast
import sys
from collections.abc import Iterator

import pytest

from tests.interpreter import ROOT, python

# Who stands above whom: a part imports from the rows below its own, and from nothing beside it.
LAYERS = (
    ("cli", "benchmarks"),
    ("minitorch_cnn",),  # the public surface: minitorch_cnn/__init__.py
    ("course", "second_places"),
    ("nas",),
    ("training", "analysis", "utils"),
    ("amp", "jit", "multiprocessing"),
    ("figures", "cuda"),
    ("hub",),  # reads what it downloads
    ("onnx", "compiler"),
    ("graph",),
    ("interop",),
    ("models", "optim", "data"),  # none of them imports another
    ("nn", "distributions"),
    ("distributed",),
    ("functional", "linalg", "special"),
    ("tensor", "autograd"),
    ("backends",),
    ("dtypes", "random", "devices"),
    ("spelling", "second_names"),
    ("kernels",),
)
NEIGHBOURS = [{"tensor", "autograd"}]  # a Tensor records the graph, the graph hands out Tensors
TREES = {
    "minitorch_cnn": "minitorch_cnn",
    "kernels": "minitorch_cnn.kernels",
    "benchmarks": "benchmarks",
}
DEPTH = {name: depth for depth, row in enumerate(LAYERS) for name in row}


def sources() -> dict[str, str]:
    """The source of every package and module, under the name it is imported by."""
    found = {}
    for tree, package in TREES.items():
        for path in sorted((ROOT / tree).rglob("*.py")):
            parts = path.relative_to(ROOT / tree).with_suffix("").parts
            found[".".join((package, *parts))] = path.read_text(encoding="utf-8")
    return found


def part(module: str) -> str:
    """The part of the house that a module of ours is in: `minitorch_cnn.nn.conv` is in `nn`."""
    first, *rest = module.removesuffix(".__init__").split(".")
    if first == "minitorch_cnn" and rest:
        if module in ("minitorch_cnn.__main__", "minitorch_cnn.course.__main__"):
            return "cli"  # which they start
        return rest[0]
    return "" if first == "multiprocessing" else first  # Python's, of which we have another


def imported(module: str, source: str, modules: set[str]) -> Iterator[str]:
    """The modules that a module imports, anywhere in its source, with relative names resolved."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            folder = module.split(".")[: -node.level] if node.level else []
            base = ".".join([*folder, *filter(None, [node.module])])
            for alias in node.names:
                name = f"{base}.{alias.name}"
                yield name if modules & {name, f"{name}.__init__"} else base


@pytest.fixture(scope="module")
def arrows():
    """Every (module, what it imports) of the project."""
    found = sources()
    return [(here, there) for here in found for there in imported(here, found[here], set(found))]


@pytest.mark.parametrize(
    "source, names",
    [
        ("import numpy as np, os.path", ["numpy", "os.path"]),
        ("from ..nn import Linear", ["minitorch_cnn.nn"]),
        ("from ..nn import conv", ["minitorch_cnn.nn.conv"]),
        ("from ..nn.conv import Conv2d", ["minitorch_cnn.nn.conv"]),
        ("from .. import dtypes, save", ["minitorch_cnn.dtypes", "minitorch_cnn"]),
        ("from . import sgd", ["minitorch_cnn.optim"]),
        ("def f():\n    from minitorch_cnn.nn import conv", ["minitorch_cnn.nn.conv"]),
    ],
)
@pytest.mark.parametrize("module", ["minitorch_cnn.optim.adam", "minitorch_cnn.optim.__init__"])
def test_an_import_is_seen_in_whatever_form_it_is_written(module, source, names):
    modules = {"minitorch_cnn.nn.__init__", "minitorch_cnn.nn.conv", "minitorch_cnn.dtypes"}
    assert list(imported(module, source, modules)) == names


def test_every_part_has_its_place_in_the_layers():
    assert {part(module) for module in sources()} <= set(DEPTH)


def test_imports_point_downward(arrows):
    upward = []
    for module, name in arrows:
        here, there = part(module), part(name)
        ours = there in DEPTH or name.startswith("minitorch_cnn.")
        downward = here == there or DEPTH[here] < DEPTH.get(there, 0) or {here, there} in NEIGHBOURS
        if ours and not downward:
            upward.append(f"{module} imports {name}")
    # The command is an attribute of the package, which type checkers read: imported on demand.
    assert upward == ["minitorch_cnn.__init__ imports minitorch_cnn.cli"]


def on_import(module: str, source: str, modules: set[str]) -> Iterator[str]:
    """The modules that a module needs to be imported: not those of its functions and types."""
    tree, late = ast.parse(source), set()
    for node in ast.walk(tree):
        checker = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if checker or isinstance(node, ast.FunctionDef):
            late |= {id(inner) for part in node.body for inner in ast.walk(part)}
    body = [n for n in ast.walk(tree) if isinstance(n, (ast.Import, ast.ImportFrom))]
    early = ast.unparse(ast.Module([n for n in body if id(n) not in late], []))
    for name in imported(module, early, modules):
        yield next((m for m in (name, f"{name}.__init__") if m in modules), name)


def circle(arrows: dict[str, set[str]]) -> list[str]:
    """Modules each of which imports the next, and the last the first; [] if there are none."""
    left = {here: set(there) & set(arrows) for here, there in arrows.items()}
    while leaves := [here for here, there in left.items() if not there & left.keys()]:
        left = {here: there for here, there in left.items() if here not in leaves}
    walk = [min(left)] if left else []
    while walk and walk[-1] not in walk[:-1]:
        walk.append(min(left[walk[-1]] & left.keys()))
    return walk[walk.index(walk[-1]) :] if walk else []


def test_no_files_import_each_other_in_a_circle():
    found = sources()
    arrows = {here: set(on_import(here, found[here], set(found))) - {here} for here in found}
    assert len(arrows["minitorch_cnn.tensor.tensor"]) > 3
    assert circle(arrows) == []
    assert circle(arrows | {"minitorch_cnn.dtypes": {"minitorch_cnn.tensor.tensor"}}) != []


def test_kernels_are_not_imported_by_their_name_in_the_checkout(arrows):
    assert [arrow for arrow in arrows if arrow[1].split(".")[0] in {"kernels", "tests"}] == []


def test_the_kernels_import_few_libraries(arrows):
    allowed = {
        "numpy",
        "numba",
        "llvmlite",
        "threadpoolctl",
        "cupy",
        "cupyx",
        *sys.stdlib_module_names,
    }
    names = [(here, there) for here, there in arrows if part(here) == "kernels"]
    assert names
    assert [
        f"{here} imports {there}"
        for here, there in names
        if part(there) != "kernels" and there.split(".")[0] not in allowed
    ] == []


def test_the_oracle_imports_numpy_and_nothing_of_the_project():
    source = (ROOT / "tests" / "oracle.py").read_text(encoding="utf-8")
    names = {name.split(".")[0] for name in imported("tests.oracle", source, set())}
    assert names - sys.stdlib_module_names == {"numpy"}


@pytest.fixture(scope="module")
def imports():
    """The statement that imports the package with all its parts, which it loads on first use.

    Only type checkers read second_places.
    """
    apart = {"minitorch_cnn", "cli", "benchmarks", "second_places"}
    parts = {part(module) for module in sources()} - apart
    return "import " + ", ".join(
        ["minitorch_cnn", *sorted(f"minitorch_cnn.{name}" for name in parts)]
    )


def test_importing_prints_nothing(imports, tmp_path):
    assert python(imports, tmp_path) == ""


def test_importing_loads_numpy_and_no_other_library(imports, tmp_path):
    code = f"""if True:
        import sys, numpy, numpy.random
        before = set(sys.modules)
        {imports}
        loaded = {{name.split(".")[0] for name in set(sys.modules) - before}}
        print(*sorted(loaded - {{"numpy", "minitorch_cnn"}} - sys.stdlib_module_names))
    """
    assert python(code, tmp_path).split() == []


def test_importing_reads_no_environment_variable(imports, tmp_path):
    code = f"""if True:
        import collections, os, numpy, numpy.random
        asked = []

        class Watched(collections.UserDict):
            def __getitem__(self, name):
                asked.append(name)
                return super().__getitem__(name)

            def __contains__(self, name):
                asked.append(name)
                return super().__contains__(name)

        os.environ = Watched(os.environ)
        {imports}
        print(*asked)
    """
    assert python(code, tmp_path).split() == []


def test_importing_loads_little_beside_numpy(tmp_path):
    code = """if True:
        import sys, importlib, types, typing, numpy
        before = set(sys.modules)
        import minitorch_cnn
        print(*sorted(set(sys.modules) - before - {"__future__"}))
    """
    package = ["minitorch_cnn", "minitorch_cnn.dtypes", "minitorch_cnn.second_names"]
    assert python(code, tmp_path).split() == package


@pytest.mark.parametrize(
    "first",
    [
        "from minitorch_cnn import nn",
        "import minitorch_cnn.autograd",
        "import minitorch_cnn.devices",
        "import minitorch_cnn.tensor",
        "from minitorch_cnn import *",
        "mt.no_grad",
        "mt.randn",
        "mt.tensor",
    ],
)
def test_the_functions_of_tensors_are_there_whatever_is_imported_first(first, tmp_path):
    code = f"""if True:
        import minitorch_cnn as mt
        {first}
        x = mt.tensor([2.0], requires_grad=True)
        with mt.enable_grad():
            print(mt.autograd.grad(mt.square(x), x)[0].item(), mt.Size((1, 2)), mt.device("cpu"))
    """
    assert python(code, tmp_path).split("\n")[0] == "4.0 (1, 2) cpu"


def test_every_module_of_the_package_is_found_as_its_attribute(tmp_path):
    code = """if True:
        import minitorch_cnn as mt
        from pathlib import Path
        for path in Path(mt.__file__).parent.iterdir():
            name = path.stem
            if not name.startswith("_") and (path.suffix == ".py" or path.is_dir()):
                assert name == "tensor" or getattr(mt, name).__name__ == f"minitorch_cnn.{name}"
        assert not hasattr(mt, "unknown") and "randn" in dir(mt)
    """
    assert python(code, tmp_path) == ""

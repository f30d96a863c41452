"""The package works in each way people use one: as a wheel, editable, as a bare checkout."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.interpreter import ROOT, python

NOTEBOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
PROBE = """if True:
    import importlib.util, json
    import minitorch_cnn as mt
    from minitorch_cnn import kernels
    from minitorch_cnn.course.copying import copy_notebooks
    from minitorch_cnn.kernels import conv2d
    from minitorch_cnn.nn import functional as F

    x, w = mt.ones(1, 1, 3, 3), mt.ones(1, 1, 2, 2, requires_grad=True)
    F.conv2d(x, w).sum().backward()
    stranger = importlib.util.find_spec("kernels")
    print(json.dumps({
        "framework": mt.__file__,
        "kernels": kernels.__file__,
        "conv2d": conv2d.__file__,
        "gradient": w.grad.tolist(),
        "version": mt.__version__,
        "top-level kernels": stranger and stranger.origin,
        "notebooks": [path.as_posix() for path in copy_notebooks("copy")],
        "tests": importlib.util.find_spec("minitorch_cnn.tests") is not None,
    }))
"""


@pytest.fixture(scope="module", params=["link", "text"])
def checkout(tmp_path_factory, request):
    """A copy of what the package is built from, so that building leaves nothing in the real one.

    The link to kernels/ is a link, or a file with its target, as git writes it on Windows.
    """
    copy = tmp_path_factory.mktemp("checkout")
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for name in ("minitorch_cnn", "kernels", "notebooks"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=ignored)
    link = copy / "minitorch_cnn" / "kernels"
    if request.param == "text":
        link.unlink()
        link.write_text("../kernels", encoding="utf-8")
    elif link.is_file():
        pytest.skip("this checkout has no links")
    return copy


def install(checkout: Path, folder: Path, *options: str) -> tuple[Path, str]:
    """Install into a new environment that has NumPy and setuptools: its site-packages, its Python.

    Offline: the libraries are those of this environment, reached through a .pth file.
    """
    tools = [importlib.util.find_spec(name) for name in ("pip", "numpy", "setuptools")]
    if None in tools:
        pytest.skip("needs pip and setuptools")
    builder = venv.EnvBuilder(symlinks=os.name != "nt")
    builder.create(folder)
    executable = builder.ensure_directories(folder).env_exe
    site = next(folder.rglob("site-packages"))
    libraries = {str(Path(tool.origin).parent.parent) for tool in tools}
    (site / "libraries.pth").write_text("\n".join(libraries), encoding="utf-8")

    pip = [sys.executable, "-m", "pip", "--python", executable, "--disable-pip-version-check"]
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--ignore-installed"]
    command = [*pip, "install", "--quiet", *offline, *options, str(checkout)]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return site, executable


def files(folder: Path) -> set[str]:
    """The files below a folder, except Python's compiled ones."""
    found = {path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    return {path.relative_to(folder).as_posix() for path in found}


def assert_works(report: str, framework: Path, kernels: Path) -> None:
    told = json.loads(report)
    assert Path(told["framework"]) == framework / "__init__.py"
    assert Path(told["kernels"]).resolve() == kernels / "__init__.py"
    assert Path(told["conv2d"]).resolve() == kernels / "conv2d" / "__init__.py"
    assert not told["tests"]
    assert [Path(path).name for path in told["notebooks"]] == NOTEBOOKS
    assert told["gradient"] == [[[[4.0, 4.0], [4.0, 4.0]]]]


def test_an_uninstalled_checkout_works(checkout, tmp_path):
    report = python(PROBE, tmp_path, path=checkout)
    assert_works(report, checkout / "minitorch_cnn", checkout / "kernels")


def test_an_editable_install_works_and_takes_no_other_name(checkout, tmp_path):
    _, executable = install(checkout, tmp_path / "environment", "--editable")
    report = python(PROBE, tmp_path, path=None, executable=executable)
    assert_works(report, checkout / "minitorch_cnn", checkout / "kernels")
    assert json.loads(report)["top-level kernels"] is None


def test_a_wheel_works_holds_every_file_and_takes_no_other_name(checkout, tmp_path):
    site, executable = install(checkout, tmp_path / "environment")
    package = site / "minitorch_cnn"
    report = python(PROBE, tmp_path, path=None, executable=executable)
    assert_works(report, package, package / "kernels")
    assert json.loads(report)["top-level kernels"] is None
    assert (site / f"minitorch_cnn-{json.loads(report)['version']}.dist-info").is_dir()
    kernels = {f"kernels/{name}" for name in files(checkout / "kernels")}
    notebooks = {f"course/notebooks/{name}" for name in NOTEBOOKS}
    framework = files(checkout / "minitorch_cnn") - {"kernels"}
    assert files(package) == framework | kernels | notebooks


def test_an_index_page_shows_no_image_and_no_link_to_a_file_beside_the_readme(checkout, tmp_path):
    site, _ = install(checkout, tmp_path / "environment")
    told = next(site.glob("minitorch_cnn-*.dist-info")) / "METADATA"
    text = told.read_text(encoding="utf-8")
    assert re.findall(r"\]\((?!https?:)", text) == []
    assert "![" not in text and "The command line trains a network of your own" in text
    assert "Keywords: automatic differentiation" in text and "License-Expression: MIT" in text
    assert "Programming Language :: Python :: 3.13" in text


def test_the_package_brings_numba_except_to_a_browser(checkout, tmp_path):
    site, _ = install(checkout, tmp_path / "environment")
    told = next(site.glob("minitorch_cnn-*.dist-info")) / "METADATA"
    text = told.read_text(encoding="utf-8")
    lines = re.findall(r"^Requires-Dist: (.*)$", text, re.M)
    needed = [line for line in lines if "extra" not in line]
    assert {re.match(r"\w+", line)[0] for line in needed} == {
        "numba", "numpy", "safetensors", "threadpoolctl", "tqdm",
    }  # fmt: skip
    (numba,) = (line for line in needed if line.startswith("numba"))
    assert numba.endswith('; sys_platform != "emscripten"')


def test_what_mybinder_runs_installs_extras_that_there_are():
    script = ROOT / ".binder" / "postBuild"
    assert script.read_bytes().startswith(b"#!/bin/bash\n")
    assert os.name == "nt" or os.access(script, os.X_OK)
    (extras,) = re.findall(r'pip install .*-e "\.\[(.*)\]"', script.read_text(encoding="utf-8"))
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    assert [name for name in extras.split(",") if f'"{name}": ' not in setup] == []
    (version,) = re.findall(r"python-(.*)", (ROOT / ".binder" / "runtime.txt").read_text())
    assert f"Programming Language :: Python :: {version}" in setup

"""The configuration of Sphinx: `pip install -e ".[docs]" && sphinx-build -W docs site`."""

import builtins
import inspect
import re
import shutil
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
OUTSIDE = {"../notebooks/": "notebooks/", "../benchmarks/results/": "results/"}
sys.path[:0] = [str(ROOT), str(DOCS)]

import docstrings  # noqa: E402
import reference  # noqa: E402
from sphinx.addnodes import pending_xref  # noqa: E402

import minitorch_cnn  # noqa: E402

project = "minitorch_cnn"
author = "The minitorch_cnn authors"
version = release = minitorch_cnn.__version__
extensions = ["sphinx.ext.autodoc", "myst_nb", "sphinx_copybutton"]
templates_path: list[str] = []
smartquotes = False  # -- is an option of a command

html_theme = "furo"
html_title = "minitorch_cnn"
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_show_sourcelink = False
html_copy_source = False

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # use the committed outputs
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80
toc_object_entries_show_parents = "hide"


def copy_course(folder: Path) -> None:
    """The solved notebooks with their outputs, and the course's overview."""
    folder.mkdir(exist_ok=True)
    solved = {path.name: path for path in (ROOT / "notebooks" / "solutions").glob("*.ipynb")}
    for path in solved.values():
        shutil.copy2(path, folder)
    for path in folder.glob("*.ipynb"):  # left by an earlier build
        if path.name not in solved:
            path.unlink()
    text = (ROOT / "notebooks" / "README.md").read_text(encoding="utf-8")
    first, *later = text.replace("(solutions/", "(").split("\n# ")
    names = sorted(path.stem for path in folder.glob("*.ipynb"))
    note = "```{note}\nThese pages show the solved notebooks.\n```\n"
    text = "\n".join([first, note, "```{toctree}", ":hidden:", "", *names, "```", ""])
    text += "".join(re.sub(r"^#", "##", f"\n# {part}", flags=re.MULTILINE) for part in later)
    (folder / "README.md").write_text(text, encoding="utf-8")


def copy_results(folder: Path) -> None:
    """Tables and pictures of the benchmarks."""
    folder.mkdir(exist_ok=True)
    for path in (ROOT / "benchmarks" / "results").iterdir():
        if path.suffix == ".md":
            text = f"---\norphan: true\n---\n\n{path.read_text(encoding='utf-8')}"
            (folder / path.name).write_text(text, encoding="utf-8")
        elif path.suffix == ".png":
            shutil.copy2(path, folder)


def link_inside(app, docname, source) -> None:
    """Redirect links to files outside docs/ to the copies of these files."""
    for outside, inside in OUTSIDE.items():
        source[0] = source[0].replace(outside, inside)


def show_docstring(app, what, name, obj, options, lines) -> None:
    fields = getattr(obj, "_fields", ())
    try:
        names = [*inspect.signature(obj).parameters, *fields]
    except (TypeError, ValueError):  # a property, or not written in Python
        names = fields
    lines[:] = docstrings.render("\n".join(lines), names)


def leave_builtins(app, doctree) -> None:
    """Keep the `int` of a signature Python's, without a link to `minitorch_cnn.int`."""
    for node in doctree.findall(pending_xref):
        if node.get("refdomain") == "py" and hasattr(builtins, node.get("reftarget", "")):
            node["reftarget"] = f"builtins.{node['reftarget']}"


def setup(app) -> None:
    copy_course(DOCS / "notebooks")
    copy_results(DOCS / "results")
    reference.write(DOCS / "reference")
    app.connect("doctree-read", leave_builtins)
    app.connect("source-read", link_inside)
    app.connect("autodoc-process-docstring", show_docstring)

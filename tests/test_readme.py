"""The README is correct: its example runs, and the files that it names exist."""

import re

from tests.interpreter import ROOT, python

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_it_is_short():
    assert len(README.split()) <= 900


def test_the_example_runs(tmp_path):
    (example,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    first = "minitorch_cnn: compiling kernels for this processor, once\n"
    assert python(example, tmp_path) in ("", first)


def test_its_links_and_pictures_lead_to_files():
    targets = re.findall(r"\]\(([^)#]+)", README)
    assert targets and [name for name in targets if not (ROOT / name).exists()] == []


def test_the_files_it_names_exist():
    named = set(re.findall(r"[\w.]+/[\w./]+\.(?:py|md)\b", README))
    assert named
    assert {name for name in named if not (ROOT / name).is_file()} == set()


def test_the_parts_in_its_layout_are_the_parts_there_are():
    layout = README.split("## Layout")[1].split("```")[1]
    framework = layout.split("\nkernels/")[0]
    named = set(re.findall(r"^    (\w+)/", framework, flags=re.MULTILINE))
    operators = {path.parent.name for path in (ROOT / "minitorch_cnn").glob("*/__init__.py")}
    assert named == operators - {"kernels"}  # a link to the kernels/ that the layout names below

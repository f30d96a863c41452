"""The analyses can be found: by name, in the documentation and on the command line."""

import importlib
import re

import pytest

from minitorch_cnn import analysis
from minitorch_cnn.cli.analyses import ANALYSES
from tests.interpreter import ROOT, python

DOCS = (ROOT / "docs" / "analysis.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", analysis.__all__)
def test_every_public_name_is_there_and_says_what_it_is(name):
    found = getattr(analysis, name)
    assert name in dir(analysis)
    if callable(found):
        assert found.__doc__ and found.__module__.startswith("minitorch_cnn.analysis.")


def test_no_module_that_is_loaded_on_demand_has_the_name_of_a_function():
    assert set(analysis._ON_DEMAND).isdisjoint(analysis.__all__)
    for module in analysis._ON_DEMAND:
        importlib.import_module(f"minitorch_cnn.analysis.{module}")


def test_a_name_that_is_none_is_refused():
    with pytest.raises(AttributeError, match="has no attribute 'soul'"):
        _ = analysis.soul


def test_every_function_has_its_paragraph():
    functions = {n for names in analysis._ON_DEMAND.values() for n in names if n.islower()}
    helpers = {"box_iou", "bright_box", "measured_roof"}
    assert {name for name in functions - helpers if f"`{name}`" not in DOCS} == set()


@pytest.mark.parametrize("what", ANALYSES)
def test_every_analysis_of_the_command_line_is_told_of(what):
    assert re.search(rf"[`( ]{what}[`, ]", DOCS), what


def test_the_example_of_the_documentation_runs(tmp_path):
    (example,) = re.findall(r"```python\n(.*?)```", DOCS, flags=re.DOTALL)
    printed = python(example, tmp_path)
    assert re.match(r"[\d.]+ \[", printed)

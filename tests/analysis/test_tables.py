"""All formats of a summary have the same content."""

import csv

import pytest

from minitorch_cnn import nn
from minitorch_cnn.analysis import format_totals, summary


@pytest.fixture
def costs():
    layers = {
        "conv_1": nn.Conv2d(3, 8, (3, 5), 2, (1, 2)),
        "relu": nn.ReLU(),
        "same": nn.Conv2d(8, 4, 3, padding="same"),
        "flat": nn.Flatten(),
        "fc": nn.Linear(4 * 8 * 6, 10),
    }
    return summary(nn.Sequential(layers), (3, 16, 12))


def test_the_table_has_the_lectures_columns_and_leaves_out_what_writes_over_its_input(costs):
    lines = [line.split() for line in str(costs).splitlines()]
    columns = (
        "layer type then C_in H/W filters kernel stride pad C_out H/W KB params k M field jump"
    )
    assert " ".join(lines[0]) == columns
    assert [line[0] for line in lines[2:6]] == ["conv_1", "same", "flat", "fc"]
    assert " ".join(lines[2]) == "conv_1 Conv2d ReLU 3 16x12 8 3x5 2 1x2 8 8x6 1.5 0.4 0.0 3x5 2"
    assert " ".join(lines[3]) == "same Conv2d 8 8x6 4 3 1 same 4 8x6 0.75 0.3 0.0 7x9 2"
    assert " ".join(lines[4]) == "flat Flatten 4 8x6 192 0.75 0 0 21x19"
    assert " ".join(lines[5]) == "fc Linear 192 10 0.04 1.9 0.0 21x19"
    assert " ".join(lines[7]) == "total 3.04 2.6 0.0"
    assert str(costs).endswith(
        "2,590 parameters, 2,590 of them trainable, 33,024 multiply-adds, "
        "0.00 MiB of activations for one sample"
    )


def test_markdown_and_latex_have_the_cells_of_the_table(costs):
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in costs.format("markdown").splitlines()
        if line.startswith("|")
    ]
    assert {len(line) for line in cells} == {16}
    assert cells[1] == ["---"] * 3 + ["---:"] * 13
    latex = costs.format("latex")
    rows = [line.removesuffix(r" \\") for line in latex.splitlines() if line.endswith(r"\\")]
    unescaped = [[c.strip() for c in row.replace(r"\_", "_").split("&")] for row in rows]
    assert unescaped == [cells[0], *cells[2:]]
    assert r"conv\_1" in latex and "_1" not in latex.replace(r"\_1", "")
    assert latex.count(r"\begin{tabular}{lllrrrrrrrrrrrrr}") == latex.count(r"\end{tabular}") == 1


def test_csv_has_every_row_and_full_numbers(costs):
    rows = list(csv.DictReader(costs.format("csv").splitlines()))
    assert [row["name"] for row in rows] == [row.name for row in costs.rows]
    assert [int(row["macs"]) for row in rows] == [row.macs for row in costs.rows]
    assert [int(row["memory_bytes"]) for row in rows] == [row.memory_bytes for row in costs.rows]
    assert (rows[0]["input_shape"], rows[0]["kernel"], rows[1]["kernel"]) == ("3x16x12", "3x5", "")


def test_an_unknown_format_is_refused(costs):
    with pytest.raises(ValueError, match=r"summary: format='html' must be one of table, .*csv"):
        costs.format("html")


def test_totals_are_a_line_for_each_model_with_the_error_where_it_is_known(costs):
    head, mine, theirs = format_totals({"mine": costs, "alexnet": costs}).splitlines()
    assert " ".join(head.split()) == "model parameters multiply-adds activations top-1 error"
    assert " ".join(mine.split()) == "mine 2,590 33,024 0.00 MiB"
    assert theirs.endswith("43.5 %")

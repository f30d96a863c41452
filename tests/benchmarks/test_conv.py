"""The convolution benchmark measures what it says, and its definition agrees with the
implementations.
"""

import json

import numpy as np
import pytest

from benchmarks import conv, roofline
from benchmarks.suites import SUITES, Layer
from benchmarks.timing import geometric_mean, interleaved, median_ratio

GROUPED = Layer("grouped", 4, 7, 6, 3, stride=2, padding=1, groups=2)


@pytest.mark.parametrize("direction", conv.DIRECTIONS)
def test_the_error_of_a_right_result_is_that_of_float32(direction):
    problem = conv.Problem(GROUPED, batch=2)
    assert problem.error(direction, problem.ours(direction)) < 1e-5


@pytest.mark.parametrize("direction", conv.DIRECTIONS)
def test_the_error_of_a_wrong_result_is_seen(direction):
    problem = conv.Problem(GROUPED, batch=2)
    wrong = problem.ours(direction) * np.float32(1.01)
    assert problem.error(direction, wrong) == pytest.approx(0.01, rel=0.5)


def test_vgg16_has_its_published_multiply_adds():
    times = {"conv3_2": 2, "conv4_2": 2, "conv5_1": 3}  # layers of a shape that comes again
    total = sum(times.get(layer.name, 1) * layer.macs(1) for layer in SUITES["vgg16"])
    fully_connected = 25_088 * 4_096 + 4_096 * 4_096 + 4_096 * 1_000
    assert total + fully_connected == 15_470_264_320


@pytest.mark.slow
def test_the_report_names_every_implementation_and_goes_to_a_file(tmp_path, capsys):
    file = tmp_path / "conv.json"
    conv.main(["--suite", "lenet5", "--repeats", "2", "--json", str(file)])
    text = capsys.readouterr().out
    assert "loops ms" in text and "numpy ms" in text
    rows = json.loads(file.read_text())["rows"]
    assert [row["direction"] for row in rows] == [*conv.DIRECTIONS] * 3
    assert all(row["figures"]["numpy"]["gflops"] > 0 for row in rows)


def test_competitors_take_turns():
    order = []
    fns = {name: lambda name=name: order.append(name) for name in ("a", "b")}
    times = interleaved(fns, repeats=3, budget=60)
    assert order == ["a", "b"] * 4
    assert [len(times[name]) for name in fns] == [3, 3]


def test_the_median_ratio_compares_turn_by_turn():
    assert median_ratio([2.0, 9.0, 2.0], [1.0, 3.0, 2.0]) == 2.0
    assert geometric_mean([2.0, 0.5]) == pytest.approx(1.0)


def test_a_batch_of_none_is_refused(capsys):
    with pytest.raises(SystemExit) as stop:
        conv.main(["--batch", "0"])
    assert stop.value.code == 2 and "--batch 0" in capsys.readouterr().err


def test_the_chosen_implementation_alone_is_timed_if_asked_for(tmp_path, capsys):
    file, picture = tmp_path / "conv.json", tmp_path / "roofline.png"
    settings = ["--suite", "lenet5", "--chosen", "--repeats", "2", "--json", str(file)]
    conv.main([*settings, "--plot", str(picture)])
    assert "loops ms" not in capsys.readouterr().out
    rows = json.loads(file.read_text())["rows"]
    assert all(list(row["figures"]) == [row["chosen"]] for row in rows)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_layers_intensity_counts_each_array_once():
    layer = Layer("pointwise", 4, 3, 5, 1)
    operations, numbers = 2 * 2 * 5 * 4 * 9, 2 * 4 * 9 + 5 * 4 + 2 * 5 * 9
    assert roofline.intensity(layer, 2) == operations / (4 * numbers)

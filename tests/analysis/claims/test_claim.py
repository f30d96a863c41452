"""The frame of the claims: numbers by seed, verdicts, figures, refusals."""

import json

import numpy as np
import pytest

from minitorch_cnn.analysis import CLAIMS, Finding, measure_claim
from minitorch_cnn.analysis.claims.claim import Claim, Panel, compared, mean_and_spread
from tests.analysis.nets import drawn
from tests.interpreter import ROOT

PANELS = {"a line": Panel("epoch", "error (%)", factor=100), "names": Panel("net", "y", ("p", "q"))}


def measure(seed, images, epochs):
    line = np.arange(epochs) + 10.0 * seed
    return {"a line": {"x": line}, "names": {"u": np.array([seed, images]), "v": np.array([1, 2])}}


def claim_of(verdict=lambda values: ("no", "it is not.")):
    return Claim("it", "It is so.", "nobody", "nothing", PANELS, measure, verdict, 3, 2, seeds=2)


def test_the_numbers_of_each_seed_are_kept_side_by_side():
    found = measure_claim(claim_of(), (1, 5))
    assert found.values["a line"]["x"].tolist() == [[10, 11], [50, 51]]
    assert found.values["names"]["u"].tolist() == [[1, 3], [5, 3]]
    assert (found.seeds, found.answer, found.why) == ((1, 5), "no", "it is not.")
    assert measure_claim(claim_of()).seeds == (0, 1)
    assert measure_claim(claim_of(), (0,), 7, 4).values["a line"]["x"].shape == (1, 4)


def test_the_rows_have_mean_and_standard_deviation_of_the_last_numbers_with_their_unit():
    (first, *_) = measure_claim(claim_of(), (1, 5)).rows()
    # 1100 and 5100 percent: mean 3100, deviation 2000 sqrt 2
    assert first == ("a line", "x", "3,100 \u00b1 2,830")


def test_a_verdict_is_yes_if_every_seed_agrees_and_partly_if_only_the_mean_does():
    assert compared(np.array([0.1, 2.0])) == "yes"
    assert compared(np.array([-0.1, 2.0])) == "partly"
    assert compared(np.array([0.1, -2.0])) == compared(np.array([0.0, 0.0])) == "no"


def test_a_spread_is_that_of_a_sample_and_one_number_has_none():
    assert mean_and_spread(np.array([1.0, 3.0])) == "2 \u00b1 1.41"
    assert mean_and_spread(np.array([2.0])) == "2"


def test_the_figure_shows_the_mean_of_the_seeds_in_the_unit_of_the_axis():
    figure = drawn(measure_claim(claim_of(), (1, 5)))
    line, names = figure.axes
    assert line.lines[0].get_xdata().tolist() == [1, 2]
    assert line.lines[0].get_ydata().tolist() == [3000, 3100]
    assert [t.get_text() for t in names.get_xticklabels()] == ["p", "q"]
    assert figure.get_suptitle().startswith("It is so. No: it is not.")


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(KeyError, match="measure_claim: claim='soul' is unknown; the claims are"):
        measure_claim("soul")
    for settings in ({"seeds": ()}, {"images": 0}, {"epochs": 0}):
        with pytest.raises(ValueError, match="measure_claim: seeds="):
            measure_claim(claim_of(), **settings)


@pytest.mark.parametrize("name", CLAIMS)
def test_every_claim_gives_numbers_for_its_panels_a_verdict_and_a_figure(name):
    claim = CLAIMS[name]
    found = measure_claim(name, (0,), images=16, epochs=1)
    assert isinstance(found, Finding) and claim.name == name
    assert claim.says.endswith(".") and claim.source and claim.setup
    assert found.values.keys() == claim.panels.keys()
    for numbers in (v for by_name in found.values.values() for v in by_name.values()):
        assert numbers.shape[0] == 1 and numbers.dtype.kind == "f"
    assert found.answer in ("yes", "partly", "no") and found.why.endswith(".")
    assert "nan" not in found.why
    drawn(found)


# What the documentation says of the claims, with the usual sizes.
RESULTS = json.loads((ROOT / "docs" / "claims" / "results.json").read_text(encoding="utf-8"))


def test_every_claim_is_documented_with_its_answer_and_its_figures():
    page = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")
    assert list(RESULTS) == list(CLAIMS)
    for name, found in RESULTS.items():
        assert (
            f"## {name}\n" in page and f"**{found['answer'].capitalize()}**: {found['why']}" in page
        )
        for suffix in ("png", "svg"):
            assert (ROOT / "docs" / "claims" / f"{name}.{suffix}").stat().st_size < 400_000


@pytest.mark.slow  # docs/claims.py measures all of them, which takes a quarter of an hour
@pytest.mark.parametrize("name", ["activation-memory", "feature-reuse", "label-smoothing"])
def test_the_answer_is_the_documented_one(name):
    assert measure_claim(name).answer == RESULTS[name]["answer"]

"""Published results are of nets that exist, and their operations are those counted here."""

import pytest

from minitorch_cnn import nn
from minitorch_cnn.analysis import (
    ILSVRC,
    RESULTS,
    SENET_TABLE_2,
    VGG_TABLE_3,
    VGG_TABLE_7,
    cost_of,
    summary_of,
)
from minitorch_cnn.models import create_model, model_entry

# What the papers print is further off; docs/errata.md has a line for each.
APART = {"inception_resnet_v2": 13.156, "se_inception_resnet_v2": 13.164, "dpn68": 2.326}


def test_the_winners_are_those_of_eight_years_and_their_error_falls():
    assert [winner.year for winner in ILSVRC] == list(range(2010, 2018))
    errors = [winner.top5 for winner in ILSVRC]
    assert errors == sorted(errors, reverse=True) and len(set(errors)) == 8
    assert all(winner.source for winner in ILSVRC)


@pytest.mark.parametrize("winner", [w for w in ILSVRC if w.model], ids=lambda w: w.net)
def test_the_depth_of_a_winner_is_that_of_our_net(winner):
    """Layers on one way to the scores: no projections and gates, two of each Inception module."""
    with nn.shapes_only():
        net = create_model(winner.model)
    weighted = nn.Conv2d | nn.Linear
    names = [name for name, layer in net.named_modules() if isinstance(layer, weighted)]
    on_the_way = [n for n in names if not any(w in n for w in ("downsample", "se_module", "incep"))]
    modules = [name for name, _ in net.named_children() if name.startswith("inception")]
    assert len(on_the_way) + 2 * len(modules) == winner.layers


@pytest.mark.parametrize("result", [r for r in RESULTS if r.macs], ids=lambda r: r.model)
def test_the_operations_that_papers_print_are_those_counted_here(result):
    counted = cost_of(result.model, result.size).macs / 1e9
    if result.model in APART:
        assert counted == pytest.approx(APART[result.model], abs=1e-3)
    else:
        assert counted == pytest.approx(result.macs, rel=0.005)


def test_a_result_has_its_source_and_errors_that_fall_to_the_top_five():
    for result in RESULTS:
        assert result.source and 10 < result.top1 < 50
        assert result.top5 is None or result.top5 < result.top1
    assert len({(r.model, r.source, r.size) for r in RESULTS}) == len(RESULTS)


def test_the_gains_of_senet_are_the_differences_that_its_table_prints():
    """Table 2 of the paper, in brackets."""
    top1 = [1.51, 0.79, 0.85, 1.01, 0.48, 1.80, 1.15, 0.57]
    top5 = [0.86, 0.45, 0.61, 0.41, 0.56, 1.11, 0.75, 0.42]
    for line, one, five in zip(SENET_TABLE_2, top1, top5, strict=True):
        assert line.again[0] - line.gated[0] == pytest.approx(one, abs=1e-9)
        assert line.again[1] - line.gated[1] == pytest.approx(five, abs=1e-9)


def test_vgg_d_is_better_than_c_at_every_scale_and_e_hardly_better_than_d():
    errors = {(line.net, line.train): line.top1 for line in VGG_TABLE_3}
    for train in ((256,), (384,), (256, 512)):
        assert errors["D", train] < errors["C", train]
        assert abs(errors["E", train] - errors["D", train]) <= 0.3 + 1e-9
    assert all(model_entry(line.model).macs for line in VGG_TABLE_3)


def test_an_ensemble_is_better_than_one_net_in_the_challenge():
    nets = {(entry.name, entry.nets): entry.test_top5 for entry in VGG_TABLE_7}
    assert nets["GoogLeNet", 7] < nets["GoogLeNet", 1]
    assert nets["VGG, crops and dense", 2] < nets["VGG, crops and dense", 1]
    assert nets["ZFNet", 6] < nets["ZFNet", 1] and nets["MSRA", 11] < nets["MSRA", 1]


def test_the_operations_of_another_image_size_are_counted():
    """NASNet's paper compares with SENet-154 at 320 pixels, where it counts 42.3 billion."""
    assert cost_of("senet154", 320).macs / 1e9 == pytest.approx(42.2, abs=0.05)
    assert cost_of("senet154").macs == model_entry("senet154").macs


def test_vgg_16_down_to_28_pixels_has_three_convolutions_at_56():
    """Slides have 42.9 MB, 1.1 M and 7485 M: without one of the three, as the differences show."""
    rows = summary_of("vgg16").rows[:17]
    assert rows[-1].output_shape == (256, 28, 28)
    stages = [row for row in rows if row.type == "Conv2d"]
    memory = sum(row.memory_bytes for row in stages) / 2**20
    params, macs = (sum(getattr(row, name) for row in stages) for name in ("params", "macs"))
    assert [round(memory, 1), params, round(macs / 1e6)] == [45.9, 1_735_488, 9335]
    last = stages[-1]
    assert round(memory - last.memory_bytes / 2**20, 1) == 42.9
    assert round((params - last.params) / 1e6, 1) == 1.1
    assert round((macs - last.macs) / 1e6) == 7485


def test_googlenet_has_more_than_a_billion_and_a_half_multiply_adds():
    assert round(cost_of("googlenet").macs / 1e9, 3) == 1.583
    assert round(cost_of("googlenet_torchvision").macs / 1e9, 3) == 1.498


def test_densenet_201_has_less_than_half_of_the_parameters_of_resnet_101():
    assert round(cost_of("densenet201").params / cost_of("resnet101").params, 2) == 0.45

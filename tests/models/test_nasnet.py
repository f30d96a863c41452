"""NASNets are built of any cells, and with NASNet-A's they are the nets of the paper."""

import json
import re
from dataclasses import asdict
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models import create_model
from minitorch_cnn.models.genotype import CellGenotype, Genotype
from minitorch_cnn.models.nasnet import NASNET_A, Cell, Maps, NASNet
from tests.models.compare import gradients_are_slopes
from tests.models.stages import output_shapes, stages
from tests.models.test_genotype import cells

SMALL = CellGenotype([(0, "separable_3x3", 1, "identity"), (2, "avg_pool_3x3", 0, "conv_1x1")])


def tiny(genotype=NASNET_A, **changed):
    return NASNet(genotype, **{"cells": 1, "filters": 4, "num_classes": 5, **changed})


@pytest.mark.parametrize(
    ("cell", "states", "operations"),
    [
        ("normal", "01 11 01 11 00", "s5 s3  s5 s3  a3 id  a3 a3  s3 id"),
        ("reduction", "01 01 01 32 20", "s5 s7  m3 s7  a3 s5  id a3  s3 m3"),
    ],
)
def test_the_cells_are_those_that_the_authors_published(cell, states, operations):
    names = {"s": "separable_", "a": "avg_pool_", "m": "max_pool_"}
    expected = [
        (int(state), "identity" if name == "id" else f"{names[name[0]]}{name[1]}x{name[1]}")
        for state, name in zip(states.replace(" ", ""), operations.split(), strict=True)
    ]
    nodes = getattr(NASNET_A, cell).nodes
    assert [(state, name) for node in nodes for _, state, name in node.sides] == expected


@pytest.mark.parametrize(
    "name, size, stem, reductions, rows",
    [
        (
            "nasnet_a_mobile",
            224,
            [(32, 111), (44, 56), (88, 28)],
            [(352, 14), (704, 7)],
            [(0, 264, 28), (6, 528, 14), (12, 1056, 7)],
        ),
        (
            "nasnet_a_large",
            331,
            [(96, 165), (168, 83), (336, 42)],
            [(1344, 21), (2688, 11)],
            [(0, 1008, 42), (6, 2016, 21), (12, 4032, 11)],
        ),
    ],
)
def test_every_cell_has_its_size(name, size, stem, reductions, rows):
    found = stages(name, 3, size, size)
    repeats = 4 if name == "nasnet_a_mobile" else 6
    normal = {f"cell_{first + i}": (c, n) for first, c, n in rows for i in range(repeats)}
    expected = dict(zip(("conv0", "cell_stem_0", "cell_stem_1"), stem, strict=True))
    expected |= {f"reduction_cell_{i}": row for i, row in enumerate(reductions)}
    for cell, (c, n) in (expected | normal).items():
        assert found[cell] == (c, n, n), cell
    assert {cell for cell in found if re.fullmatch(r"cell_\d+", cell)} == normal.keys()


def test_the_net_for_small_images_has_its_sizes():
    found = stages("nasnet", 3, 32, 32)
    names = ["conv0", "cell_5", "reduction_cell_0", "cell_11", "reduction_cell_1", "cell_17"]
    expected = [(96, 32), (192, 32), (256, 16), (384, 16), (512, 8), (768, 8)]
    assert [found[name] for name in names] == [(c, n, n) for c, n in expected]


def inputs_of_cells(model):
    """Of each cell by name the names of the modules that made its two inputs."""
    makers, found = {}, {}

    def note(name):
        def hook(module, inputs, output):
            if isinstance(module, Cell):
                found[name] = tuple(makers.get(id(x)) for x in inputs)
            makers[id(output)] = name
            kept.append(output)

        return hook

    kept = []
    for name, module in model.named_children():
        module.register_forward_hook(note(name))
    model.eval()(mt.zeros(0, 3, 32, 32))
    return found


@pytest.mark.parametrize(
    ("name", "behind"), [("nasnet_a_mobile", "cell_3"), ("nasnet_a_large", "cell_4")]
)
def test_a_cell_takes_the_two_before_it_but_for_the_large_net_behind_a_reduction(name, behind):
    with nn.shapes_only():
        found = inputs_of_cells(create_model(name))
    assert found["cell_stem_0"] == ("conv0", None)
    assert found["cell_stem_1"] == ("cell_stem_0", "conv0")
    assert found["cell_0"] == ("cell_stem_1", "cell_stem_0")
    assert found["cell_2"] == ("cell_1", "cell_0")
    assert found["cell_6"] == ("reduction_cell_0", behind)
    assert found["cell_7"] == ("cell_6", "reduction_cell_0")
    assert found["cell_13"] == ("cell_12", "reduction_cell_1")


def test_a_cell_behind_a_skipped_one_fits_the_input_it_takes():
    with nn.shapes_only():
        model = tiny(photographs=True, skip=True)
    found = inputs_of_cells(model)
    assert found["cell_6"] == ("reduction_cell_0", "cell_stem_1")
    assert model.cell_6.path_1.conv.in_channels == 4 * 2  # of the stem's four nodes
    assert model.reduction_cell_1.conv_prev_1x1.conv.in_channels == 4 * 8


def computed(cell, x, previous):
    """What the genotype of a cell says, state by state."""

    @cache
    def state(s):
        if s == 0:
            return cell.conv_1x1(x)
        if s == 1:
            return cell._previous(previous)
        node = cell.genotype.nodes[s - 2]
        left = getattr(cell, f"comb_iter_{s - 2}_left")(state(node.first))
        return left + getattr(cell, f"comb_iter_{s - 2}_right")(state(node.second))

    def output(s):
        return getattr(cell, f"concat_{s}")(state(s)) if s < 2 else state(s)

    return mt.cat([output(s) for s in cell.genotype.concat], dim=1)


@given(cells())
@settings(max_examples=40, deadline=None)
def test_a_cell_computes_what_its_genotype_says(genotype):
    x, previous = mt.randn(2, 6, 5, 4), mt.randn(2, 5, 5, 4)
    for stride in (1, 2):
        cell = Cell(genotype, 4, Maps(6, 1), Maps(5, 1), stride).eval()
        y = cell(x, previous)
        assert y.shape == (2, 4 * len(genotype.concat), -(-5 // stride), -(-4 // stride))
        assert cell.maps == Maps(y.shape[1], stride)
        np.testing.assert_allclose(y.detach(), computed(cell, x, previous).detach(), atol=1e-5)


def test_only_what_comes_from_outside_of_a_reduction_cell_is_halved():
    cell = Cell(NASNET_A.reduction, 4, Maps(6, 0), Maps(6, 0), 2)
    strides = {
        name: module.stride if isinstance(module.stride, int) else module.stride[0]
        for name, module in cell.named_modules()
        if name.startswith("comb") and name.endswith(("separable_1.depthwise_conv2d", "pool"))
    }
    inside = {name for name, stride in strides.items() if stride == 1}
    assert inside == {"comb_iter_3_right.pool", "comb_iter_4_left.separable_1.depthwise_conv2d"}
    assert len(strides) == 9 and set(strides.values()) == {1, 2}


def test_a_larger_previous_input_gives_every_second_pixel_and_those_between():
    cell = Cell(SMALL, 4, Maps(3, 1), Maps(1, 0), 1).eval()
    for path in (cell.path_1, cell.path_2):
        nn.init.ones_(path.conv.weight)
    for n in (4, 5):
        image = mt.arange(n * n).reshape(1, 1, n, n) - 5.0
        positive = np.maximum(image.numpy(), 0)
        y = cell._previous(image).detach().numpy() * np.sqrt(1 + 1e-3)
        expected = np.zeros((1, 4, (n + 1) // 2, (n + 1) // 2))
        expected[:, :2] = positive[:, :, ::2, ::2]
        expected[:, 2:, : n // 2, : n // 2] = positive[:, :, 1::2, 1::2]
        np.testing.assert_allclose(y, expected, rtol=1e-5)


def test_the_first_cell_takes_the_image_as_it_is_in_place_of_a_previous_input():
    cell = Cell(SMALL, 4, Maps(6, 0), None, 1).eval()
    x = mt.randn(2, 6, 5, 4)
    right = cell.comb_iter_0_right(x)  # an identity that has to change the channels
    expected = cell.comb_iter_0_left(cell.conv_1x1(x)) + right
    y = cell.comb_iter_1_left(expected) + cell.comb_iter_1_right(cell.conv_1x1(x))
    np.testing.assert_allclose(cell(x, None).detach(), y.detach(), atol=1e-5)


def test_an_input_that_a_cell_does_not_use_has_no_layers():
    only_one = CellGenotype([(1, "separable_3x3", 1, "identity")], [2])
    only_zero = CellGenotype([(0, "separable_3x3", 0, "identity")], [2])
    for genotype, there in ((only_one, {"conv_prev_1x1"}), (only_zero, {"conv_1x1"})):
        cell = Cell(genotype, 4, Maps(6, 0), Maps(5, 0), 1)
        found = {name for name, _ in cell.named_children() if name.startswith("conv")}
        assert found == there
        assert cell(mt.randn(1, 6, 3, 3), mt.randn(1, 5, 3, 3)).shape == (1, 4, 3, 3)


def test_paths_are_dropped_the_oftener_the_later_their_cell_and_the_later_in_training():
    model = tiny(drop_path=0.5)
    names = ["cell_0", "reduction_cell_0", "cell_6", "reduction_cell_1", "cell_12"]
    for share in (0.0, 0.3, 1.0):
        if share > 0:
            model.set_progress(share)
        rates = [getattr(model, name).drop_path.p for name in names]
        assert rates == pytest.approx([share * 0.5 * i / 5 for i in range(1, 6)])


def test_what_operations_make_is_dropped_in_training_but_no_identity():
    genotype = CellGenotype([(0, "identity", 1, "avg_pool_3x3")], [2])
    cell, x = Cell(genotype, 3, Maps(3, 0), Maps(3, 0), 1), mt.randn(400, 3, 2, 2)
    cell.drop_path.p = 0.5
    kept, pooled = cell.conv_1x1(x), cell.comb_iter_0_right(x)
    dropped = (cell(x, x) - kept).detach().numpy()
    zero = np.abs(dropped).max((1, 2, 3)) < 1e-5
    assert 0.4 < zero.mean() < 0.6
    np.testing.assert_allclose(dropped[~zero], 2 * pooled.numpy()[~zero], atol=1e-4)
    cell.eval()
    assert mt.equal(cell(x, x), cell.conv_1x1(x) + pooled)


def test_the_head_stands_on_the_last_cell_of_the_second_stage_and_answers_in_training():
    model = tiny(aux=True, cells=2)
    seen = []
    model.aux.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].shape))
    logits, aside = model(mt.zeros(0, 3, 32, 32))
    assert logits.shape == aside.shape == (0, 5) and seen == [(0, 48, 16, 16)]
    assert model.eval()(mt.zeros(0, 3, 32, 32)).shape == (0, 5)


@pytest.mark.parametrize("name", ["nasnet", "nasnet_a_mobile", "nasnet_a_large"])
def test_a_net_with_a_head_names_the_smallest_image_that_this_can_take(name):
    with nn.shapes_only():
        model = (
            create_model(name, aux=True, cells=1)
            if name == "nasnet"
            else create_model(name, aux=True)
        )
    smallest = model.smallest_with_head
    assert smallest == {"nasnet": 27, "nasnet_a_mobile": 211, "nasnet_a_large": 307}[name]
    logits, aside = model(mt.zeros(0, 3, smallest, smallest))
    assert logits.shape == aside.shape
    with pytest.raises(ValueError, match=f"NASNet: .* at least {smallest}"):
        model(mt.zeros(0, 3, smallest - 1, smallest))
    model.smallest_with_head = 1  # without the check a layer fails
    with pytest.raises(ValueError):
        model(mt.zeros(0, 3, smallest - 1, smallest))


def test_a_net_is_built_of_any_cells():
    genotype = Genotype(SMALL, CellGenotype([(1, "max_pool_3x3", 1, "conv_3x3")]))
    model = create_model("nasnet", genotype=genotype, cells=2, filters=4, num_classes=5)
    assert model(mt.randn(2, 3, 13, 9)).shape == (2, 5)
    shapes = output_shapes(model, 3, 13, 9)
    assert shapes["cell_1"] == (4, 13, 9)  # SMALL joins its last node alone
    assert shapes["reduction_cell_0"] == (16, 7, 5)  # the input that no node takes, and the node
    assert shapes["cell_13"] == (16, 4, 3)


def test_a_net_is_built_of_what_json_makes_of_cells():
    again = json.loads(json.dumps(asdict(NASNET_A)))
    with nn.shapes_only():
        states = [tiny(genotype).state_dict() for genotype in (NASNET_A, again)]
    assert [t.shape for t in states[0].values()] == [t.shape for t in states[1].values()]
    with pytest.raises(ValueError, match="from_dict: the genotype has the keys"):
        tiny({"normal": again["normal"]})


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"cells": 0}, "NASNet: cells=0 must be at least 1"),
        ({"filters": 0}, "NASNet: filters=0 must be at least 1"),
        ({"drop_path": 1.5}, "NASNet: drop_path=1.5 must be from 0 to 1"),
    ],
)
def test_settings_that_do_not_fit_are_refused(setting, words):
    with pytest.raises(ValueError, match=words):
        tiny(**setting)


@pytest.mark.parametrize("width", [0.01, 0.1, 0.3, 2])
def test_a_net_has_any_width(width):
    with nn.shapes_only():
        model = create_model("nasnet_a_mobile", width=width)
    assert model(mt.zeros(0, 3, 33, 40)).shape == (0, 1000)


def test_a_net_of_many_cells_has_a_name_for_each():
    with nn.shapes_only():
        model = tiny(cells=8)
    names = [name for name, module in model.named_children() if isinstance(module, Cell)]
    assert len(names) == 3 * 8 + 2 and {"cell_7", "cell_8", "cell_23"} <= set(names)


@pytest.mark.parametrize("stride", [1, 2])
def test_the_gradients_of_a_cell_are_slopes(stride):
    genotype = CellGenotype([(0, "conv_1x1", 1, "max_pool_3x3"), (2, "identity", 1, "identity")])

    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = Cell(genotype, 2, Maps(1, 1), Maps(1, 0), stride)

        def forward(self, x):
            return self.cell(x[:, :, ::2, ::2], x)

    gradients_are_slopes(Both(), 2, 1, 5, 4)

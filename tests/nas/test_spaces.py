"""Every sequence of a search space is a network that can be built; others are refused."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minitorch_cnn as mt
from minitorch_cnn.models.genetic_cnn import read_code
from minitorch_cnn.models.genotype import Genotype
from minitorch_cnn.nas import SPACES, CellSpace, GeneticSpace, LayerSpace
from minitorch_cnn.nas.spaces import make_space

SMALL = {
    "cells": CellSpace(nodes=2, operations=("identity", "conv_1x1", "max_pool_3x3"), filters=2),
    "layers": LayerSpace(layers=3, filters=(2, 3)),
    "genetic": GeneticSpace(nodes=(3, 4), filters=(2, 4), units=5),
}


@pytest.mark.parametrize("name", SPACES)
@given(data=st.data())
@settings(max_examples=12, deadline=None)
def test_every_sequence_is_a_network_for_small_images(name, data):
    space = SMALL[name]
    sequence = data.draw(st.tuples(*(st.integers(0, n - 1) for n in space.sizes)))
    architecture = space.decode(sequence)
    assert json.loads(json.dumps(architecture)) == architecture
    model = space.build(architecture, num_classes=3, in_channels=1)
    assert model(mt.zeros(2, 1, 8, 8)).shape == (2, 3)


@pytest.mark.parametrize("space", [*SMALL.values(), CellSpace(), LayerSpace(), GeneticSpace()])
def test_the_parts_have_all_questions(space):
    assert sum(space.parts) == len(space.sizes)


def test_different_sequences_are_different_architectures():
    space = SMALL["layers"]
    rng = np.random.default_rng(0)
    drawn = {tuple(rng.integers(space.sizes).tolist()) for _ in range(200)}
    assert len({json.dumps(space.decode(s)) for s in drawn}) == len(drawn)


def test_a_sequence_of_cells_is_a_genotype():
    space = CellSpace(nodes=2, operations=("identity", "conv_1x1", "max_pool_3x3"))
    assert space.sizes == (2, 3, 2, 3, 3, 3, 3, 3) * 2
    sequence = (0, 0, 1, 1, 2, 2, 0, 1, 1, 1, 1, 0, 0, 2, 1, 2)  # half of it for each cell
    genotype = Genotype.from_dict(space.decode(sequence))
    assert genotype.normal.nodes == (
        (0, "identity", 1, "conv_1x1"),
        (2, "max_pool_3x3", 0, "conv_1x1"),
    )
    assert genotype.normal.concat == (3,)
    assert genotype.reduction.nodes[1] == (0, "max_pool_3x3", 1, "max_pool_3x3")


def test_the_cells_of_the_paper_are_in_the_space():
    assert math.prod(CellSpace().sizes) == ((2 * 3 * 4 * 5 * 6) ** 2 * 13**10) ** 2
    assert LayerSpace().sizes == (4, 4, 4, 3) * 4


def test_a_sequence_of_layers_is_what_it_says():
    space = LayerSpace(layers=2, heights=(1, 3), widths=(3, 5), filters=(4, 6), strides=(1, 2))
    architecture = space.decode((0, 1, 1, 0, 1, 0, 0, 1))
    assert architecture == [
        {"kernel": [1, 5], "filters": 6, "stride": 1},
        {"kernel": [3, 3], "filters": 4, "stride": 2},
    ]
    rows = mt.analysis.summary(space.build(architecture, 10, 1), (1, 8, 8)).rows
    assert [row.output_shape for row in rows if row.type == "Conv2d"] == [(6, 8, 8), (4, 4, 4)]


def test_a_sequence_of_bits_is_a_code():
    assert GeneticSpace(nodes=(3, 2), filters=(2, 4)).decode((1, 0, 1, 1)) == "1-01 1"
    assert len(read_code(GeneticSpace().decode([1] * 19))) == 3


@pytest.mark.parametrize("space", SMALL.values(), ids=SMALL)
def test_what_is_no_sequence_is_refused(space):
    fine = [0] * len(space.sizes)
    for bad in (fine[1:], [*fine, 0], [-1, *fine[1:]], [space.sizes[0], *fine[1:]]):
        with pytest.raises(ValueError, match=r"^decode: sequence=\["):
            space.decode(bad)


@pytest.mark.parametrize(
    "space, change, message",
    [
        ("cells", {"nodes": 0}, "CellSpace: nodes=0"),
        ("cells", {"filters": 1.5}, r"CellSpace: filters=1\.5"),
        ("cells", {"operations": ("identity",)}, "CellSpace: operations="),
        ("cells", {"operations": ("identity", "conv_9x9")}, "CellSpace: operations has 'conv_9x9'"),
        ("layers", {"layers": 0}, "LayerSpace: layers=0"),
        ("layers", {"heights": (2, 3)}, r"LayerSpace: heights=\(2, 3\) must be odd"),
        ("layers", {"filters": (0, 3)}, "LayerSpace: filters=0"),
        ("layers", {"strides": (1, 1)}, "LayerSpace: strides="),
        ("genetic", {"nodes": (1, 3)}, "GeneticSpace: nodes="),
        ("genetic", {"filters": (8,)}, r"GeneticSpace: filters=\(8,\) must be 2 numbers"),
        ("genetic", {"units": 0}, "GeneticSpace: units=0"),
    ],
)
def test_a_space_that_is_none_is_refused(space, change, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        replace(SMALL[space], **change)


def test_a_space_is_made_by_its_name_with_settings_of_the_same_kinds_as_its_own():
    assert make_space("layers", {"layers": 2, "heights": [1, 3]}) == LayerSpace(2, (1, 3))
    for name, chosen, message in (
        (
            "layer",
            {},
            "name='layer' must be one of cells, layers, genetic; the nearest is 'layers'",
        ),
        (
            "layers",
            {"layer": 2},
            "the space layers has no setting 'layer'; it has layers, .*'layers'",
        ),
        ("layers", {"strides": 2}, "strides=2 of the space layers must be a list of integers"),
        ("layers", {"strides": []}, r"strides=\[\] of the space layers must be a list of integers"),
        ("layers", {"layers": True}, "layers=True of the space layers must be an integer"),
        (
            "cells",
            {"operations": "identity"},
            "operations='identity' of the space .* list of names",
        ),
        (
            "genetic",
            {"nodes": [3, "4"]},
            r"nodes=\[3, '4'\] of the space genetic must be a list of",
        ),
    ):
        with pytest.raises(ValueError, match=f"^make_space: {message}"):
            make_space(name, chosen)


@pytest.mark.parametrize("space", SMALL.values(), ids=SMALL)
def test_the_source_of_an_architecture_builds_it(space):
    architecture, known = space.decode([0] * len(space.sizes)), {}
    exec(space.source(architecture), known)
    shapes = [p.shape for p in known["best"](4, 2).parameters()]
    assert shapes == [p.shape for p in space.build(architecture, 4, 2).parameters()]

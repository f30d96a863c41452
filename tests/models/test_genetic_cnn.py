"""Genetic CNN: what a code says, what a stage of it computes, and the network around the stages."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.analysis import summary
from minitorch_cnn.models.blocks import ConvBNReLU, ConvReLU
from minitorch_cnn.models.genetic_cnn import CHAIN, GeneticStage, code_of, genetic_cnn, read_code
from tests.models.compare import gradients_are_slopes
from tests.models.stages import stages


def small(code, **settings):
    """Two stages in front of one linear layer."""
    plain = {"num_classes": 5, "stem": (), "filters": (3, 4), "pooled": 2, "units": ()}
    return genetic_cnn(code, **{**plain, **settings})


@st.composite
def bits_of_a_stage(draw):
    """The number of nodes, and the bits of their pairs."""
    nodes = draw(st.integers(2, 5))
    count = nodes * (nodes - 1) // 2
    return nodes, draw(st.lists(st.integers(0, 1), min_size=count, max_size=count))


def test_the_papers_example_is_read_as_its_figure_1_shows_it():
    first, second = read_code("1-00-111 0-10-000-0011")
    assert first == ({1: (), 2: (1,), 3: (), 4: (1, 2, 3)}, (4,))
    assert second == ({1: (), 3: (1,), 4: (), 5: (3, 4)}, (5,))  # without node 2


def test_a_stage_has_as_many_outputs_as_nodes_that_feed_no_other():
    assert read_code("1-10-100") == [({1: (), 2: (1,), 3: (1,), 4: (1,)}, (2, 3, 4))]
    assert read_code("0-00") == [({}, ())]


@given(bits_of_a_stage())
@settings(max_examples=50, deadline=None)
def test_a_stage_computes_what_the_matrix_of_its_bits_says(case):
    nodes, bits = case
    feeds = np.zeros((nodes, nodes), bool)
    feeds[np.tril_indices(nodes, -1)] = bits
    (stage,) = read_code(code_of(bits, [nodes]))
    module = GeneticStage(stage, 2, 3, 3, ConvReLU).double()
    x = mt.randn(1, 2, 4, 3, dtype=mt.float64)
    y = module.input(x)
    found = {}
    for i in range(nodes):
        if feeds[i].any() or feeds[:, i].any():
            fed = [found[j] for j in range(nodes) if feeds[i, j]] or [y]
            found[i] = getattr(module, f"node{i + 1}")(mt.stack(fed).sum(0))
    ends = [found[i] for i in found if not feeds[:, i].any()]
    expected = module.output(mt.stack(ends).sum(0)) if ends else y
    np.testing.assert_allclose(module(x).detach(), expected.detach(), rtol=1e-12)
    assert len(list(module.children())) == (len(found) + 2 if found else 1)


@given(st.lists(bits_of_a_stage(), min_size=1, max_size=3))
def test_a_code_is_its_bits_in_order(cases):
    nodes = [k for k, _ in cases]
    bits = [bit for _, part in cases for bit in part]
    code = code_of(bits, nodes)
    assert [int(c) for c in code if c in "01"] == bits
    assert len(read_code(code)) == len(nodes)


def test_the_chain_has_19_bits_as_the_papers_networks():
    bits = [int(c) for c in CHAIN if c in "01"]
    assert code_of(bits, [3, 4, 5]) == CHAIN and len(bits) == 19
    for stage, nodes in zip(read_code(CHAIN), (3, 4, 5), strict=True):
        assert stage.inputs == {1: (), **{i: (i - 1,) for i in range(2, nodes + 1)}}
        assert stage.outputs == (nodes,)


def test_every_stage_has_its_size():
    found = stages("genetic_cnn", 3, 224, 224)
    sizes = [(64, 112), (128, 56), (256, 28), (512, 14), (512, 7)]
    assert [found[f"features.pool{i}"] for i in range(1, 6)] == [(c, s, s) for c, s in sizes]
    assert found["features.stage3"] == (256, 56, 56) and found["classifier.0"] == (4096,)


def test_batch_norm_takes_the_place_of_the_biases():
    with nn.shapes_only():
        model = genetic_cnn(norm="batch")
    assert summary(model, (3, 224, 224)).total_params == 156_064_680
    blocks = [m for m in model.modules() if isinstance(m, ConvBNReLU)]
    assert len(blocks) == 4 + 5 + 6 + 7 and all(block.conv.bias is None for block in blocks)


def test_networks_of_other_codes_cost_their_nodes():
    def params(code):
        return sum(p.numel() for p in small(code).parameters())

    node = 4 * (4 * 9 + 1)  # in the second stage
    assert params("1-01 1-01") == params("0-11 1-11")
    assert params("1-01 1-01") - params("1-01 1-00") == node
    assert params("1-01 1-00") - params("1-01 0-00") == 3 * node  # two nodes and the output


def test_the_units_of_hidden_linear_layers_are_dropped_in_training():
    model = small("1 1", units=(6, 6), dropout=1.0)
    x = mt.randn(1, 3, 8, 8)
    assert not model(x).array.any() and model.eval()(x).array.any()
    with nn.shapes_only():
        dropouts = [m.p for m in genetic_cnn().modules() if isinstance(m, nn.Dropout)]
    assert dropouts == [0.5, 0.5]


def test_settings_make_networks_for_small_images():
    settings = {"filters": (8, 16, 32), "stem": ((4,),), "kernel": 5, "pooled": 2, "units": (20,)}
    model = genetic_cnn("1-01 0-10-000 1", in_channels=1, width=0.5, norm="batch", **settings)
    assert model.smallest == 16 and model(mt.zeros(0, 1, 32, 32)).shape == (0, 1000)
    convs = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    assert [conv.kernel_size for conv in convs] == [(3, 3)] + (5 + 4 + 4) * [(5, 5)]
    assert [layer.out_features for layer in model.classifier if hasattr(layer, "bias")] == [
        10,
        1000,
    ]
    with pytest.raises(ValueError, match="at least 16"):
        model(mt.zeros(0, 1, 15, 32))


@pytest.mark.parametrize(
    "act, words",
    [
        (lambda: read_code(" "), r"^read_code: code=' ' has no stage"),
        (lambda: read_code("1-01 1-0-001"), r"^read_code: group 2 of stage '1-0-001' is '0', it"),
        (lambda: read_code("1-02"), "group 2 of stage '1-02' is '02', it must be 2 of the digits"),
        (lambda: read_code("10-1"), "group 1 of stage '10-1' is '10'"),
        (lambda: read_code("1-01-"), "group 3 of stage '1-01-' is ''"),
        (lambda: code_of([1, 0], [3]), r"^code_of: bits=\[1, 0\] must be 3 of the numbers 0 and 1"),
        (lambda: code_of([1, 0, 2], [3]), r"bits=\[1, 0, 2\] must be 3"),
        (lambda: code_of([], [1]), r"^code_of: nodes=\[1\] must be numbers from 2"),
        (lambda: code_of([], []), r"nodes=\[\] must be"),
        (lambda: small("1-01"), r"^GeneticCNN: filters=\(3, 4\) must be 1 numbers, one for each"),
        (lambda: small("1 1", kernel=4), r"^GeneticCNN: kernel=4 must be odd"),
        (lambda: small("1 1", norm="layer"), r"^GeneticCNN: norm='layer' must be None or 'batch'"),
    ],
)
def test_what_does_not_fit_is_refused(act, words):
    with pytest.raises(ValueError, match=words):
        act()


@pytest.mark.parametrize("conv", [ConvReLU, ConvBNReLU])
def test_the_gradients_of_a_stage_are_slopes(conv):
    (stage,) = read_code("1-10-010")
    gradients_are_slopes(GeneticStage(stage, 1, 2, 3, conv), 2, 1, 3, 2)

"""BN-Inception is the network of figure 5 with the filters of its published weights."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.models import create_model
from minitorch_cnn.models.blocks import ConvBNReLU, SqueezeExcitation
from minitorch_cnn.models.bn_inception import AVERAGE, HALVE, MAXIMUM, TABLE, Inception
from minitorch_cnn.models.tables import Branches, build
from minitorch_cnn.nn import functional as F
from tests.models.compare import gradients_are_slopes
from tests.models.stages import output_shapes

# Figure 5, "output size", the last three channels with the published network's projections.
OUTPUTS = {
    "conv1_7x7_s2_relu": (64, 112, 112),
    "pool1_3x3_s2": (64, 56, 56),
    "conv2_3x3_relu": (192, 56, 56),
    "pool2_3x3_s2": (192, 28, 28),
    "3a": (256, 28, 28),
    "3b": (320, 28, 28),
    "3c": (576, 14, 14),
    "4a": (576, 14, 14),
    "4b": (576, 14, 14),
    "4c": (608, 14, 14),
    "4d": (608, 14, 14),
    "4e": (1056, 7, 7),
    "5a": (1024, 7, 7),
    "5b": (1024, 7, 7),
    "global_pool": (1024, 1, 1),
}


def test_every_stage_has_the_size_of_figure_5():
    with nn.shapes_only():
        model = create_model("bn_inception")
    found = output_shapes(model, 3, 224, 224)
    for module, names in zip(TABLE, model.blocks[1:-1], strict=True):
        ends = [found[path[-1]] for path in names]
        assert len({end[1:] for end in ends}) == 1, module
        found[module] = (sum(end[0] for end in ends), *ends[0][1:])
    assert {name: found[name] for name in OUTPUTS} == OUTPUTS


def narrow():
    model = create_model("bn_inception", num_classes=5, width=1 / 16)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model.eval()


def outputs_of(model, x):
    """What each layer gives, by its name."""
    found = {}
    for name, module in model.named_children():
        module.register_forward_hook(lambda m, i, output, name=name: found.update({name: output}))
    model(x)
    return found


def test_a_convolution_is_followed_by_the_batch_norm_of_its_name_and_a_relu():
    model = narrow()
    found = outputs_of(model, mt.randn(1, 3, 32, 32))
    convs = [n for n, m in model.named_children() if isinstance(m, nn.Conv2d)]
    assert len(convs) == 69
    for name in convs:
        norm = getattr(model, f"{name}_bn")
        assert mt.equal(found[f"{name}_relu"], F.relu(norm(found[name]))), name
        assert (norm.eps, norm.momentum) == (1e-5, 0.1)


def test_a_module_joins_its_branches_and_the_next_one_reads_them():
    model = narrow()
    found = outputs_of(model, mt.randn(1, 3, 32, 32))
    branches = ("1x1", "3x3", "double_3x3_2", "pool_proj")
    joined = mt.cat([found[f"inception_3a_{branch}_relu"] for branch in branches], dim=1)
    assert mt.equal(found["inception_3b_1x1"], model.inception_3b_1x1(joined))
    assert mt.equal(found["inception_3b_pool"], F.avg_pool2d(joined, 3, 1, 1))


def test_3c_and_4e_halve_the_image_and_let_the_maxima_through():
    model = narrow()
    found = outputs_of(model, mt.randn(1, 3, 64, 64))
    branches = ("1x1_relu", "3x3_relu", "double_3x3_2_relu", "pool_proj_relu")
    before = mt.cat([found[f"inception_4d_{branch}"] for branch in branches], dim=1)
    assert mt.equal(found["inception_4e_pool"], F.max_pool2d(before, 3, 2, ceil_mode=True))
    branches = ("3x3_relu", "double_3x3_2_relu", "pool")
    joined = mt.cat([found[f"inception_4e_{branch}"] for branch in branches], dim=1)
    assert mt.equal(found["inception_5a_1x1"], model.inception_5a_1x1(joined))


def test_the_last_module_alone_projects_maxima_in_place_of_averages():
    with nn.shapes_only():
        model = create_model("bn_inception")
    kinds = {name: type(getattr(model, f"inception_{name}_pool")) for name in TABLE}
    assert {name for name, kind in kinds.items() if kind is nn.MaxPool2d} == {"3c", "4e", "5b"}


@pytest.mark.parametrize("size", [38, 63, 224, 230])
def test_sizes_that_halve_evenly_run(size):
    with nn.shapes_only():
        model = create_model("bn_inception").eval()
    assert model(mt.zeros(0, 3, size, 224)).shape == (0, 1000)


@pytest.mark.parametrize("size", [39, 62, 222, 231])
def test_sizes_that_do_not_halve_evenly_are_refused(size):
    with nn.shapes_only():
        model = create_model("bn_inception").eval()
    with pytest.raises(ValueError, match=r"BNInception: .*halve evenly.*multiples of 32"):
        model(mt.zeros(0, 3, 224, size))


@pytest.mark.parametrize(
    "row",
    [
        Inception(2, 2, 3, 2, 2, AVERAGE, 2),
        Inception(2, 2, 3, 2, 2, MAXIMUM, 2),
        Inception(0, 2, 3, 2, 2, None, 0),
    ],
)
def test_the_gradients_of_a_module_are_slopes(row):
    module, _ = build(row.paths(HALVE), 3, ConvBNReLU)
    assert isinstance(module, Branches)
    gradients_are_slopes(module, 2, 3, 6, 8)


def test_weights_start_after_he():
    w = create_model("bn_inception").inception_4e_double_3x3_2.weight
    np.testing.assert_allclose(w.std().item(), (2 / (256 * 9)) ** 0.5, rtol=0.01)


def test_the_gated_net_scales_what_every_module_gives_and_has_no_biases():
    with nn.shapes_only():
        model = create_model("se_bn_inception")
    convs = [(name, m) for name, m in model.named_modules() if isinstance(m, nn.Conv2d)]
    assert all((m.bias is None) == ("_se." not in name) for name, m in convs)
    gates = [name for name, m in model.named_modules() if isinstance(m, SqueezeExcitation)]
    modules = ("3a", "3b", "3c", "4a", "4b", "4c", "4d", "4e", "5a", "5b")
    assert gates == [f"inception_{module}_se" for module in modules]
    after = [model.blocks.index([[gate]]) for gate in gates]
    assert after == list(range(2, 22, 2))  # behind the stem, every second block is a gate
    assert model.inception_3a_se.fc1.weight.shape == (16, 256, 1, 1)

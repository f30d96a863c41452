"""ResNeXt in its three forms, which compute the same."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.analysis import summary
from minitorch_cnn.models import create_model, list_models
from minitorch_cnn.models.residual import bottleneck
from minitorch_cnn.models.resnext import FORMS, BranchedBottleneck, ResNeXt, carry_weights
from tests.models.compare import gradients_are_slopes
from tests.models.stages import output_shapes, stages

PAIRS = [(a, b) for a in FORMS for b in FORMS if a != b]


def block_in(form, stride=2):
    """A bottleneck of three groups, with batch norms that do something."""
    mt.manual_seed(0)
    grouped = bottleneck("B", 6, groups=3)(4, 8, stride).double()
    rng = np.random.default_rng(0)
    for module in grouped.modules():
        if isinstance(module, nn.BatchNorm2d):
            for array in (module.weight, module.bias, module.running_mean, module.running_var):
                nn.init.uniform_(array, 0.5, 2.0, generator=rng)
    if form == "grouped":
        return grouped
    block = BranchedBottleneck(grouped, form).double()
    carry_weights(grouped, block)
    return block


def results(block, x, cotangent):
    """Output, and the gradients of the input and, in grouped form, of all parameters."""
    x = mt.tensor(x, requires_grad=True)
    y = block(x)
    y.backward(mt.tensor(cotangent))
    like_grouped = block_in("grouped")
    holder = type(block) is BranchedBottleneck and BranchedBottleneck(like_grouped, block.form)
    if holder:  # gradients are carried as the weights are
        holder.double().load_state_dict(block.state_dict())
        for p, q in zip(holder.parameters(), block.parameters(), strict=True):
            p.array[...] = q.grad.array
        carry_weights(holder, like_grouped)
        gradients = [p.array for p in like_grouped.parameters()]
    else:
        gradients = [p.grad.array for p in block.parameters()]
    return [y.detach().numpy(), x.grad.numpy(), *gradients]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("form", FORMS[1:])
def test_all_forms_agree_in_outputs_and_gradients(form, training):
    rng = np.random.default_rng(1)
    x, cotangent = rng.standard_normal((3, 4, 6, 6)), rng.standard_normal((3, 8, 3, 3))
    expected = results(block_in("grouped").train(training), x, cotangent)
    found = results(block_in(form).train(training), x, cotangent)
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12 * max(1, np.abs(b).max()))


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_weights_go_from_any_form_to_any_other(source, target):
    mt.manual_seed(0)
    settings = {"depth": 50, "groups": 4, "width_per_group": 8, "num_classes": 5, "width": 1 / 8}
    nets = [ResNeXt(form=form, **settings).double().eval() for form in (source, target)]
    x = mt.randn(2, 3, 32, 32, dtype=mt.float64)
    nets[0].train()(x)  # running statistics of its own
    nets[0].eval()
    a, b = (net(x).detach().numpy() for net in nets)
    assert np.abs(a - b).max() > 1e-3
    carry_weights(*nets)
    np.testing.assert_allclose(nets[1](x).detach().numpy(), a, rtol=0, atol=1e-11)
    seen = [v.item() for k, v in nets[1].state_dict().items() if k.endswith("batches_tracked")]
    assert set(seen) == {1}


def test_other_nets_are_refused():
    mt.manual_seed(0)
    settings = {"num_classes": 5, "width": 1 / 8}
    with pytest.raises(RuntimeError, match="shape"):
        carry_weights(ResNeXt(50, 4, 8, **settings), ResNeXt(50, 4, 16, "aggregated", **settings))
    with pytest.raises(RuntimeError, match="shape"):
        carry_weights(ResNeXt(50, 4, 16, "aggregated", **settings), ResNeXt(50, 4, 8, **settings))
    with pytest.raises(RuntimeError, match="missing"):
        carry_weights(ResNeXt(50, 4, 8, **settings), ResNeXt(101, 4, 8, "aggregated", **settings))


def test_an_unknown_form_is_refused():
    with pytest.raises(ValueError, match=r"^ResNeXt: form='split' must be one of grouped, "):
        create_model("resnext50_32x4d", form="split")


@pytest.mark.parametrize("name", list_models("resnext*"))
def test_every_stage_has_its_size(name):
    groups, width = map(int, name.split("_")[1].removesuffix("d").split("x"))
    found = stages(name, 3, 224, 224)
    sizes = [(256, 56, 56), (512, 28, 28), (1024, 14, 14), (2048, 7, 7)]
    assert [found[f"layer{i}"] for i in (1, 2, 3, 4)] == sizes
    inner = [found[f"layer{i}.0.conv2"][0] for i in (1, 2, 3, 4)]
    assert inner == [groups * width * 2**i for i in range(4)]


def test_eleven_of_them_are_registered():
    assert len(list_models("resnext*")) == 11


@pytest.mark.parametrize("form", FORMS[1:])
def test_a_branched_net_has_the_sizes_and_costs_of_the_grouped_one(form):
    with nn.shapes_only():
        branched, grouped = (create_model("resnext50_32x4d", form=f) for f in (form, "grouped"))
    a, b = (output_shapes(net, 3, 64, 64) for net in (branched, grouped))
    assert all(a[f"layer{i}"] == b[f"layer{i}"] for i in (1, 2, 3, 4))
    costs = [summary(net, (3, 224, 224)) for net in (branched, grouped)]
    assert [cost.total_params for cost in costs] == [25_028_904] * 2
    assert [cost.total_macs for cost in costs] == [4_230_479_872] * 2
    assert len(branched.layer1[0].branches) == 32


@pytest.mark.parametrize("form", FORMS)
def test_weights_are_hes_in_every_form(form):
    mt.manual_seed(0)
    block = ResNeXt(50, 4, 16, form).layer1[0]
    parts = [block] if form == "grouped" else list(block.branches)
    inner = np.concatenate([part.conv2.weight.array for part in parts])
    outer = (parts[0] if form == "aggregated" else block).conv3.weight.array
    assert inner.std() == pytest.approx((2 / (9 * 16)) ** 0.5, rel=0.03)
    assert outer.std() == pytest.approx((2 / 256) ** 0.5, rel=0.03)


@pytest.mark.parametrize("form", FORMS[1:])
def test_the_gradients_of_a_block_are_slopes(form):
    gradients_are_slopes(
        BranchedBottleneck(bottleneck("B", 4, groups=2)(2, 4, 2), form), 2, 2, 4, 4
    )

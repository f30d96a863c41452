"""Gradient clipping against its formula and PyTorch's."""

import math

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.nn import utils
from tests.places import KERNEL_DEVICES


def parameters(*grads):
    params = [nn.Parameter(mt.zeros(np.shape(g))) for g in grads]
    for p, g in zip(params, grads, strict=True):
        p.grad = mt.tensor(g, dtype=mt.float32)
    return params


@pytest.mark.parametrize(
    "norm_type, norm", [(2.0, 13.0), (math.inf, 12.0), (1.0, 19.0), (3.0, 1819 ** (1 / 3))]
)
def test_gradients_are_scaled_together_to_the_norm(norm_type, norm):
    params = [*parameters([3.0, -4.0], [[12.0]]), nn.Parameter(mt.zeros(5))]
    assert utils.clip_grad_norm_(params, 6.5, norm_type).item() == pytest.approx(norm, rel=1e-6)
    scale = 6.5 / (norm + 1e-6)
    np.testing.assert_allclose(params[0].grad, [3 * scale, -4 * scale], rtol=1e-6)
    np.testing.assert_allclose(params[1].grad, [[12 * scale]], rtol=1e-6)
    assert params[2].grad is None


def test_short_gradients_stay_as_they_are():
    params = parameters([3.0, 4.0])
    assert utils.clip_grad_norm_(iter(params), 5.1).item() == 5
    assert params[0].grad.tolist() == [3, 4]
    assert utils.clip_grad_norm_([nn.Parameter(mt.ones(2))], 1.0).item() == 0


@pytest.mark.parametrize("device", KERNEL_DEVICES)
@pytest.mark.parametrize("most", [6.5, 20.0, math.nan])
def test_on_a_device_gradients_are_clipped_in_three_launches_without_waiting(
    device, most, monkeypatch
):
    rng = np.random.default_rng(0)
    gradients = [rng.standard_normal(n).astype("f4") for n in (5000, 3, 0, 4096)]
    params = [nn.Parameter(mt.zeros(len(g), device=device)) for g in gradients]
    for p, g in zip(params, gradients, strict=True):
        p.grad = mt.tensor(g, device=device)
    with monkeypatch.context() as patch:
        if device == "emulator":
            for name in ("get", "item", "__bool__", "__float__"):
                patch.setattr(type(params[0].array), name, None)
        norm = utils.clip_grad_norm_(params, most)
    expected = np.sqrt(sum((g.astype("f8") ** 2).sum() for g in gradients))
    assert norm.device == params[0].device and norm.item() == pytest.approx(expected, rel=1e-5)
    scale = np.float32(1 if most >= expected else most / (expected + 1e-6))
    for p, g in zip(params, gradients, strict=True):
        np.testing.assert_allclose(p.grad.cpu().numpy(), g * scale, rtol=1e-5)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_norm_that_is_not_finite_is_an_error_when_asked_for_and_shows_otherwise(bad):
    params = parameters([bad, 1.0])
    with pytest.raises(RuntimeError, match="clip_grad_norm_: the norm of the gradients is"):
        utils.clip_grad_norm_(params, 1.0, error_if_nonfinite=True)
    assert params[0].grad.tolist()[1] == 1
    with np.errstate(invalid="ignore"):
        assert not math.isfinite(utils.clip_grad_norm_(params, 1.0).item())
    # Half a broken gradient must not look whole.
    np.testing.assert_equal(params[0].grad.tolist(), [math.nan, math.nan if bad != bad else 0])


def test_values_are_limited_one_by_one():
    (p,) = parameters([3.0, -4.0, 0.5])
    utils.clip_grad_value_(p, 1.0)
    assert p.grad.tolist() == [1, -1, 0.5]


@pytest.mark.parametrize("norm_type", [math.inf, "inf", -math.inf, "-inf", 0, -1, 0.5, 2, "3"])
@pytest.mark.parametrize("max_norm", [0, 0.7, math.inf])
@pytest.mark.parametrize("grads", [[[3.0, -4.0], [[12.0]]], [[0.0, 0.0], 2.0], [], [[], [1.0]]])
def test_norms_of_any_order_are_pytorchs(grads, max_norm, norm_type):
    torch = pytest.importorskip("torch")
    ours, theirs = parameters(*grads), [torch.zeros(np.shape(g)) for g in grads if g != []]
    for p, g in zip(theirs, [g for g in grads if g != []], strict=True):
        p.grad = torch.tensor(g)
    total = utils.clip_grad_norm_(iter(ours), max_norm, norm_type, foreach=False)
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    assert total.shape == () and total.dtype == mt.float32
    np.testing.assert_allclose(total.item(), expected.item(), rtol=1e-6)
    for p, q in zip([p for p in ours if p.numel()], theirs, strict=True):
        np.testing.assert_allclose(p.grad, q.grad, rtol=1e-6)


@pytest.mark.parametrize("size, value", [(4, 300.0), (4, 60000.0), (10000, 30000.0)])
def test_half_gradients_are_clipped_by_a_norm_in_float32(size, value):
    p = nn.Parameter(mt.zeros(size, dtype=mt.float16))
    p.grad = mt.full((size,), value, dtype=mt.float16)
    total = utils.clip_grad_norm_(p, 1.0)
    assert total.dtype == mt.float16
    with np.errstate(over="ignore"):
        assert total.item() == np.float16(value * math.sqrt(size))
    np.testing.assert_allclose(p.grad, 1 / math.sqrt(size), rtol=1e-3)


def test_gradients_of_several_dtypes_have_the_widest_ones_norm():
    params = [nn.Parameter(mt.zeros(1, dtype=d)) for d in (mt.float16, mt.float64, mt.float32)]
    for p in params:
        p.grad = mt.ones(1, dtype=p.dtype)
    assert utils.clip_grad_norm_(params, 10.0).dtype == mt.float64


def test_the_limit_of_values_is_read_as_a_number():
    (p,) = parameters([3.0, -4.0, 0.5])
    utils.clip_grad_value_(p, "1", foreach=True)
    assert p.grad.tolist() == [1, -1, 0.5]


def test_parameters_go_into_a_vector_and_back():
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    vector = nn.utils.parameters_to_vector(net.parameters())
    expected = np.concatenate([p.detach().numpy().ravel() for p in net.parameters()])
    assert np.array_equal(vector.detach().numpy(), expected)
    (vector * vector).sum().backward()
    assert np.allclose(net[0].weight.grad.numpy(), 2 * net[0].weight.detach().numpy())
    implementation = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    weight = implementation[0].weight
    nn.utils.vector_to_parameters(vector * 2, implementation.parameters())
    assert implementation[0].weight is weight and weight.is_leaf and weight.requires_grad
    assert np.array_equal(
        nn.utils.parameters_to_vector(implementation.parameters()).detach().numpy(), 2 * expected
    )


@pytest.mark.parametrize("size", [2, 4])
def test_a_vector_of_another_length_is_refused_whole(size):
    p = nn.Parameter(mt.zeros(3))
    with pytest.raises(ValueError, match=rf"vec of shape \({size},\) must be of shape \(3,\)"):
        nn.utils.vector_to_parameters(mt.ones(size), [p])
    with pytest.raises(TypeError, match="vec must be a Tensor, got list"):
        nn.utils.vector_to_parameters([1, 2, 3], [p])
    assert p.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: utils.clip_grad_norm_([3], 1.0), TypeError, "clip_grad_norm_: parameters must be"),
        (lambda: utils.clip_grad_value_("ab", 1.0), TypeError, "Tensors, got str"),
        (lambda: utils.clip_grad_norm_([], 1.0, "two"), ValueError, "norm_type='two' must be a"),
        (lambda: utils.clip_grad_norm_([], None), ValueError, "max_norm=None must be a number"),
        (lambda: utils.clip_grad_value_([], "x"), ValueError, "clip_value='x' must be a number"),
    ],
)
def test_what_is_no_parameter_or_no_number_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_half_gradients_may_have_limits_beyond_their_format():
    p = nn.Parameter(mt.zeros(2, dtype=mt.float16))
    p.grad = mt.tensor([5.0, -math.inf], dtype=mt.float16)
    utils.clip_grad_value_(p, 1e5)
    assert p.grad.tolist() == [5, -math.inf]


def test_a_norm_of_tensors_scales_gradients_in_two_steps():
    params = parameters([3.0, -4.0], [[12.0]])
    total = utils.get_total_norm([p.grad for p in params])
    assert total.item() == pytest.approx(13) and utils.get_total_norm([]).item() == 0
    assert utils.get_total_norm(params[0].grad, math.inf).item() == 4
    utils.clip_grads_with_norm_(params, 6.5, total)
    np.testing.assert_allclose(params[0].grad, [1.5, -2.0], rtol=1e-6)
    with pytest.raises(RuntimeError, match="get_total_norm: the norm of the gradients is nan"):
        utils.get_total_norm([mt.tensor([math.nan])], error_if_nonfinite=True)
    with pytest.raises(TypeError, match="get_total_norm: tensors must be Tensors, got float"):
        utils.get_total_norm([1.0])


def test_the_older_name_of_clipping_warns():
    params = parameters([3.0, -4.0])
    with pytest.warns(FutureWarning, match="use clip_grad_norm_"):
        assert utils.clip_grad_norm(params, 1.0).item() == 5


def test_functions_are_in_pytorchs_files():
    torch = pytest.importorskip("torch")
    places = {
        "clip_grad": ["clip_grad_norm_", "clip_grad_value_"],
        "convert_parameters": ["parameters_to_vector", "vector_to_parameters"],
        "fusion": ["fuse_conv_bn_eval", "fuse_linear_bn_weights"],
        "init": ["skip_init"],
    }
    for place, names in places.items():
        for name in names:
            assert getattr(getattr(utils, place), name) is getattr(utils, name)
            assert getattr(getattr(torch.nn.utils, place), name)


def warmed(bn, rng):
    for p in (bn.running_mean, bn.running_var, *filter(lambda p: p is not None, bn.parameters())):
        p.array[...] = rng.uniform(0.5, 2, p.shape)
    return bn.eval()


@pytest.mark.parametrize("layer, settings, transpose", [
    (lambda: nn.Conv2d(4, 6, 3, groups=2), {}, False),
    (lambda: nn.Conv2d(4, 6, 3, bias=False), {"affine": False}, False),
    (lambda: nn.ConvTranspose2d(4, 6, 3, stride=2), {}, True),
])  # fmt: skip
def test_a_fused_convolution_computes_what_both_did(rng, layer, settings, transpose):
    conv, bn = layer().eval(), warmed(nn.BatchNorm2d(6, **settings), rng)
    fused = utils.fuse_conv_bn_eval(conv, bn, transpose)
    x = mt.tensor(rng.standard_normal((2, 4, 5, 6)).astype(np.float32))
    np.testing.assert_allclose(fused(x).detach(), bn(conv(x)).detach(), rtol=1e-4, atol=1e-5)
    assert type(fused) is type(conv) and fused is not conv


def test_a_fused_linear_layer_computes_what_both_did(rng):
    linear, bn = nn.Linear(4, 6).eval(), warmed(nn.BatchNorm1d(6), rng)
    x = mt.tensor(rng.standard_normal((5, 4)).astype(np.float32))
    fused = utils.fuse_linear_bn_eval(linear, bn)
    np.testing.assert_allclose(fused(x).detach(), bn(linear(x)).detach(), rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="fuse_linear_bn_eval: both modules must be in eval"):
        utils.fuse_linear_bn_eval(linear.train(), bn)
    with pytest.raises(ValueError, match="bn of 6 features must have linear's 3"):
        utils.fuse_linear_bn_eval(nn.Linear(4, 3), bn)
    with pytest.raises(ValueError, match="fuse_conv_bn_eval: bn keeps no running statistics"):
        utils.fuse_conv_bn_eval(
            nn.Conv2d(2, 2, 1).eval(), nn.BatchNorm2d(2, track_running_stats=False).eval()
        )
    with pytest.raises(ValueError, match="transpose=True needs groups=1, got groups=2"):
        conv = nn.ConvTranspose2d(2, 2, 1, groups=2).eval()
        utils.fuse_conv_bn_eval(conv, nn.BatchNorm2d(2).eval(), transpose=True)


def test_a_module_is_made_without_drawing_numbers():
    mt.manual_seed(0)
    expected = mt.randn(3)
    mt.manual_seed(0)
    layer = utils.skip_init(nn.Linear, 3, 2, dtype=mt.float64)
    assert mt.equal(mt.randn(3), expected)
    assert layer.weight.shape == (2, 3) and layer.weight.dtype == mt.float64
    nn.init.ones_(layer.weight)
    layer(mt.ones(1, 3, dtype=mt.float64)).sum().backward()
    assert layer.weight.grad.shape == (2, 3)


def test_sequences_are_padded_and_cut_again(rng):
    given = [mt.tensor(rng.standard_normal((n, 2))) for n in (3, 1, 4)]
    padded = utils.rnn.pad_sequence(given, batch_first=True, padding_value=7.0)
    assert padded.shape == (3, 4, 2) and (padded[1, 1:].numpy() == 7).all()
    assert utils.rnn.pad_sequence(given).shape == (4, 3, 2)
    left = utils.rnn.pad_sequence(given, True, 0.0, "left")
    assert mt.equal(left[1, 3], given[1][0]) and not left[1, :3].numpy().any()
    for batch_first in (True, False):
        padded = utils.rnn.pad_sequence(given, batch_first)
        cut = utils.rnn.unpad_sequence(padded, mt.tensor([3, 1, 4]), batch_first)
        assert all(mt.equal(a, b) for a, b in zip(cut, given, strict=True))
    with pytest.raises(ValueError, match="padding_side='up'"):
        utils.rnn.pad_sequence(given, padding_side="up")
    with pytest.raises(ValueError, match=r"a sequence of shape \(2, 3\)"):
        utils.rnn.pad_sequence([given[0], mt.ones(2, 3)])
    with pytest.raises(ValueError, match="sequences is empty"):
        utils.rnn.pad_sequence([])

"""The thin layers: checks of their constructors, and their own behaviour."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import functional as F
from minitorch_cnn import nn


@pytest.mark.parametrize(
    "build, error, words",
    [
        (lambda: nn.Linear(0, 3), ValueError, "Linear: in_features=0 must be at least 1"),
        (lambda: nn.Linear(3, True), TypeError, "Linear: out_features=True must be an int"),
        (lambda: nn.Embedding(0, 3), ValueError, "Embedding: num_embeddings=0"),
        (lambda: nn.Embedding(4, 3, 4), ValueError, r"padding_idx=4 must be in -4\.\.3"),
        (lambda: nn.MaxPool2d(0), ValueError, "MaxPool2d: kernel_size=0"),
        (lambda: nn.MaxPool2d(3, 0), ValueError, "MaxPool2d: stride=0"),
        (lambda: nn.MaxPool2d(3, dilation=0), ValueError, "dilation=0"),
        (
            lambda: nn.MaxPool2d(3, padding=2),
            ValueError,
            "padding=2 must be at most half of kernel",
        ),
        (lambda: nn.MaxPool1d((2, 2)), TypeError, "MaxPool1d: kernel_size"),
        (lambda: nn.AvgPool2d(2, padding=2), ValueError, "AvgPool2d: padding=2"),
        (lambda: nn.AvgPool2d(2, divisor_override=0), ValueError, "divisor_override=0"),
        (lambda: nn.AdaptiveAvgPool2d(0), ValueError, "AdaptiveAvgPool2d: output_size=0"),
        (lambda: nn.AdaptiveMaxPool2d((1, 2, 3)), TypeError, "pair of these"),
        (lambda: nn.AdaptiveAvgPool1d((1, 2)), TypeError, r"AdaptiveAvgPool1d: .*tuple of one"),
        (lambda: nn.LPPool2d(0, 2), ValueError, "LPPool2d: norm_type=0"),
        (lambda: nn.Dropout(1.5), ValueError, r"Dropout: p=1.5 must be in \[0, 1\]"),
        (lambda: nn.DropPath(-0.1), ValueError, "DropPath: p=-0.1"),
        (lambda: nn.PReLU(0), ValueError, "PReLU: num_parameters=0"),
        (lambda: nn.GELU("exact"), ValueError, "GELU: approximate='exact'"),
        (lambda: nn.Softplus(beta=0), ValueError, "Softplus: beta=0"),
        (lambda: nn.ZeroPad2d((1, 2)), TypeError, r"ZeroPad2d: padding=\(1, 2\)"),
        (lambda: nn.ReflectionPad1d((1,)), TypeError, r"ReflectionPad1d: .*\(left, right\)"),
        (lambda: nn.ConstantPad2d(1.5, 0), TypeError, r"ConstantPad2d: padding=1.5"),
        (lambda: nn.Upsample(), ValueError, "Upsample: either size=None or scale_factor=None"),
        (lambda: nn.UpsamplingBilinear2d(), ValueError, "UpsamplingBilinear2d: either"),
        (lambda: nn.Unflatten(1, 4), TypeError, "Unflatten: unflattened_size=4"),
        (lambda: nn.Upsample(2, 2), ValueError, "either size=2 or scale_factor=2"),
        (lambda: nn.Upsample(2, mode="cubic"), ValueError, "mode='cubic'"),
        (lambda: nn.PixelShuffle(0), ValueError, "PixelShuffle: upscale_factor=0"),
        (lambda: nn.ChannelShuffle(0), ValueError, "ChannelShuffle: groups=0"),
        (lambda: nn.MSELoss("average"), ValueError, "MSELoss: reduction='average'"),
        (lambda: nn.CrossEntropyLoss(label_smoothing=2), ValueError, "label_smoothing=2"),
        (lambda: nn.NLLLoss(weight=[1, 2]), TypeError, "'weight' must be a Tensor or None"),
    ],
)
def test_a_layer_refuses_settings_out_of_range_when_it_is_built(build, error, words):
    with pytest.raises(error, match=words):
        build()


def test_max_pooling_of_the_lectures_example():
    rows = [[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]]
    x = mt.tensor(rows, dtype=mt.float32).unsqueeze(0)
    assert nn.MaxPool2d(2)(x).tolist() == [[[6, 8], [3, 4]]]
    y, places = nn.MaxPool2d(2, return_indices=True)(x)
    assert places.tolist() == [[[5, 7], [8, 15]]]
    assert nn.MaxPool1d(2, return_indices=True)(x[0])[1].tolist() == [
        [0, 3],
        [1, 3],
        [0, 2],
        [1, 3],
    ]
    y, places = nn.AdaptiveMaxPool2d(1, return_indices=True)(x)
    assert (y.item(), places.item()) == (8, 7)


@pytest.mark.parametrize("layer", [nn.Dropout, nn.Dropout2d, nn.DropPath])
def test_dropout_keeps_the_mean_and_does_nothing_in_evaluation(layer):
    x = mt.ones(200, 20, 3, 3)
    drop = layer(0.25)
    values = drop(x).numpy()
    assert set(np.unique(values)) == {np.float32(0), np.float32(4 / 3)}
    together = {nn.Dropout: (), nn.Dropout2d: (2, 3), nn.DropPath: (1, 2, 3)}[layer]
    assert (values.min(together) == values.max(together)).all()
    assert values.mean() == pytest.approx(1, abs=0.15)
    assert drop.eval()(x) is x
    assert repr(drop).startswith(f"{layer.__name__}(p=0.25")


def test_scaled_tanh_is_one_at_one():
    y = nn.ScaledTanh()(mt.tensor([-1.0, 0.0, 1.0]))
    np.testing.assert_allclose(y, [-1, 0, 1], atol=1e-4)


def test_the_row_of_the_padding_is_zero_and_stays_so():
    table = nn.Embedding(4, 3, padding_idx=-1)
    assert table.padding_idx == 3 and table.weight[3].tolist() == [0, 0, 0]
    table(mt.tensor([3, 0])).sum().backward()
    assert table.weight.grad.sum(1).tolist() == [3, 0, 0, 0]


@pytest.mark.parametrize(
    "loss, function, target",
    [
        (nn.CrossEntropyLoss, F.cross_entropy, mt.tensor([0, 2])),
        (nn.NLLLoss, F.nll_loss, mt.tensor([0, 2])),
        (nn.BCEWithLogitsLoss, F.binary_cross_entropy_with_logits, mt.full((2, 3), 0.2)),
    ],
)
def test_a_losss_weight_is_a_buffer_that_counts(loss, function, target):
    weight, x = mt.tensor([1.0, 2.0, 3.0]), mt.tensor([[0.1, 0.2, 0.3], [0.5, 0.1, 0.9]])
    layer = loss(weight)
    assert list(layer.state_dict()) == ["weight"] and list(layer.parameters()) == []
    assert mt.equal(layer(x, target), function(x, target, weight))
    assert not mt.equal(layer(x, target), function(x, target))
    assert layer.double().weight.dtype == mt.float64


def test_positive_answers_can_weigh_more():
    x, target, weight = mt.zeros(2, 1), mt.tensor([[1.0], [0.0]]), mt.tensor([3.0])
    layer = nn.BCEWithLogitsLoss(pos_weight=weight, reduction="none")
    np.testing.assert_allclose(layer(x, target), [[3 * np.log(2)], [np.log(2)]], rtol=1e-6)


def test_functions_are_where_pytorch_users_look_for_them():
    import minitorch_cnn.nn.functional as theirs

    assert theirs.conv2d is F.conv2d and set(theirs.__all__) == set(F.__all__)
    assert nn.functional is theirs


@pytest.mark.parametrize(
    "name", ["ReLU", "ReLU6", "LeakyReLU", "ELU", "SELU", "SiLU", "Hardswish", "Dropout"]
)
def test_inplace_is_taken_and_leaves_the_input_as_it_was(name):
    x = mt.tensor([-1.0, 2.0])
    layer = getattr(nn, name)(inplace=True).eval()
    assert layer.inplace and mt.equal(layer(x), getattr(nn, name)().eval()(x))
    assert x.tolist() == [-1, 2]


@pytest.mark.parametrize("layer", [nn.Softmax, nn.LogSoftmax])
@pytest.mark.parametrize("shape, dim", [((3,), 0), ((2, 3), 1), ((2, 3, 4), 0), ((2, 3, 4, 2), 1)])
def test_a_softmax_without_dim_guesses_one_and_warns(layer, shape, dim):
    x = mt.randn(*shape)
    with pytest.warns(UserWarning, match=f"{layer.__name__}: dim is missing.* {dim}; give it"):
        y = layer()(x)
    assert mt.equal(y, layer(dim)(x))


def test_a_pretrained_table_is_shared_and_frozen_unless_told():
    table = mt.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    layer = nn.Embedding.from_pretrained(table, padding_idx=-1)
    table[0, 0] = 9
    assert layer(mt.tensor([0])).tolist() == [[9, 2]] and not layer.weight.requires_grad
    assert layer.padding_idx == 2 and layer.weight[2].tolist() == [5, 6]
    layer = nn.Embedding.from_pretrained(table, freeze=False, scale_grad_by_freq=True)
    layer(mt.tensor([1, 1])).sum().backward()
    assert layer.weight.grad.tolist() == [[0, 0], [1, 1], [0, 0]]
    with pytest.raises(ValueError, match=r"from_pretrained: embeddings of shape \(3,\)"):
        nn.Embedding.from_pretrained(mt.ones(3))


def test_a_sparse_embedding_is_refused():
    with pytest.raises(ValueError, match="Embedding: sparse=True"):
        nn.Embedding(2, 3, sparse=True)

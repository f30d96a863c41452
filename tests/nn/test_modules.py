"""PyTorch's second places of the layers, and the wrapper for several GPUs."""

import importlib

import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn


@pytest.mark.parametrize("place", sorted(nn.modules.FILES))
def test_a_second_place_has_the_same_classes(place):
    found = importlib.import_module(f"minitorch_cnn.nn.modules.{place}")
    assert found is getattr(nn.modules, place)
    layers = {name for name in vars(found) if not name.startswith("_")}
    assert layers and all(getattr(found, n) is getattr(nn, n, None) for n in layers & {*nn.__all__})


def test_pytorchs_places_of_its_layers_lead_to_ours():
    torch = pytest.importorskip("torch")
    missing = []
    for file in nn.modules.FILES:
        theirs = vars(getattr(torch.nn.modules, file))
        missing += [
            f"{file}.{name}"
            for name in set(nn.__all__) & set(theirs)
            if getattr(theirs[name], "__module__", None) == f"torch.nn.modules.{file}"
            and not hasattr(getattr(nn.modules, file), name)
        ]
    assert missing == []


@pytest.mark.parametrize("layer, place, base, holds", [
    (nn.BatchNorm2d(2), "batchnorm", "_BatchNorm", True),
    (nn.InstanceNorm2d(2), "batchnorm", "_BatchNorm", False),
    (nn.InstanceNorm2d(2), "batchnorm", "_NormBase", True),
    (nn.InstanceNorm2d(2), "instancenorm", "_InstanceNorm", True),
    (nn.Conv1d(2, 2, 1), "conv", "_ConvNd", True),
    (nn.ConvTranspose2d(2, 2, 1), "conv", "_ConvNd", True),
    (nn.Conv2d(2, 2, 1), "conv", "_ConvTransposeNd", False),
    (nn.Dropout2d(), "dropout", "_DropoutNd", True),
    (nn.MaxPool2d(2), "pooling", "_MaxPoolNd", True),
    (nn.CrossEntropyLoss(), "loss", "_WeightedLoss", True),
    (nn.MSELoss(), "loss", "_Loss", True),
    (nn.MSELoss(), "loss", "_WeightedLoss", False),
])  # fmt: skip
def test_the_bases_of_layers_are_pytorchs(layer, place, base, holds):
    assert isinstance(layer, getattr(getattr(nn.modules, place), base)) is holds
    torch = pytest.importorskip("torch")
    theirs = getattr(getattr(torch.nn.modules, place), base)
    assert issubclass(getattr(torch.nn, type(layer).__name__), theirs) is holds


def test_a_loss_of_ones_own_has_a_reduction_and_weights():
    class Own(nn.modules.loss._WeightedLoss):
        def forward(self, x):
            return (self.weight * x).sum()

    loss = Own(mt.tensor([1.0, 2.0]))
    assert loss.reduction == "mean" and loss(mt.ones(2)).item() == 3
    assert nn.modules.loss._Loss(reduction="sum").reduction == "sum"


def test_sizes_become_tuples():
    from minitorch_cnn.nn.modules.utils import _ntuple, _pair, _reverse_repeat_tuple, _triple

    assert _pair(3) == (3, 3) and _pair([1, 2]) == (1, 2) and _triple("ab") == ("a", "b")
    assert _ntuple(4)(0) == (0,) * 4 and _reverse_repeat_tuple((1, 2), 2) == (2, 2, 1, 1)


def test_a_wrapped_model_computes_what_it_computes_and_stores_module_names():
    mt.manual_seed(0)
    inner = nn.Linear(3, 2)
    outer = nn.DataParallel(inner)
    x = mt.randn(4, 3)
    assert mt.equal(outer(x), inner(x)) and outer.module is inner
    state = outer.state_dict()
    assert list(state) == ["module.weight", "module.bias"]
    nn.modules.utils.consume_prefix_in_state_dict_if_present(state, "module.")
    assert list(state) == ["weight", "bias"]
    assert nn.parallel.DataParallel is nn.DataParallel
    assert nn.DataParallel(inner, device_ids=[0])(x).shape == (4, 2)
    with pytest.raises(ValueError, match=r"device_ids=\[0, 1\] must name one device"):
        nn.DataParallel(inner, device_ids=[0, 1])
    with pytest.raises(TypeError, match="module must be a Module, got function"):
        nn.DataParallel(lambda x: x)


def test_a_buffer_registers_itself():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Buffer(mt.tensor([2.0]))
            self.cache = nn.Buffer(mt.zeros(3), persistent=False)
            self.late = None
            self.late = nn.Buffer(mt.ones(1))

    layer = Scaled()
    assert [name for name, _ in layer.named_buffers()] == ["scale", "cache", "late"]
    assert list(layer.state_dict()) == ["scale", "late"] and not list(layer.parameters())
    layer.scale = mt.tensor([3.0])
    assert layer.state_dict()["scale"].item() == 3
    assert layer.double().cache.dtype == mt.float64
    with pytest.raises(TypeError, match="Buffer: data must be"):
        nn.Buffer([1.0])

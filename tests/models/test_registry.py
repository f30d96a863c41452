"""Models are found by name, and each is what its entry says. New models are tested here by name."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.models import create_model, list_models, model_entry, register


@pytest.fixture(scope="module", params=list_models())
def entry(request):
    """Every registered model in turn."""
    return model_entry(request.param)


def test_a_model_has_the_parameters_its_entry_says(entry):
    model = entry.build()
    assert sum(p.numel() for p in model.parameters()) == entry.params


def test_a_model_classifies_images_and_every_parameter_learns_from_it(entry):
    mt.manual_seed(0)
    model = create_model(entry.name, num_classes=7, in_channels=2)
    y = model(mt.randn(2, 2, *entry.input_shape[1:]))
    assert y.shape == (2, 7)
    mt.functional.cross_entropy(y, mt.tensor([3, 6])).backward()
    for name, p in model.named_parameters():
        assert p.grad is not None and np.any(p.grad.data), name


def test_a_model_is_documented(entry):
    assert entry.build.__doc__


def test_names_are_listed_in_order_and_by_pattern():
    assert list_models() == sorted(list_models())
    assert list_models("lenet*") == ["lenet5", "lenet5_relu"]
    assert list_models("*_re?u") == ["lenet5_relu"]
    assert list_models("nothing*") == []


@pytest.mark.parametrize("wrong", ["lenet6", "LeNet5", "lent5"])
def test_an_unknown_name_suggests_the_nearest(wrong):
    with pytest.raises(KeyError, match=f"create_model: there is no model '{wrong}'.*'lenet5'"):
        create_model(wrong)


def test_a_setting_that_the_model_does_not_have_is_refused():
    with pytest.raises(TypeError, match="num_clases"):
        create_model("lenet5", num_clases=10)


def test_a_name_is_given_once():
    with pytest.raises(ValueError, match=r"register: name='lenet5' is taken by .*lenet"):

        @register(params=0, macs=0)
        def lenet5():
            """Another."""

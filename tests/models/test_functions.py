"""torchvision's functions of models."""

import pytest

from minitorch_cnn import models, nn
from minitorch_cnn.models.functions import FILES, NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_function_makes_the_model_of_its_name(name):
    with nn.shapes_only():
        model = getattr(models, name)(num_classes=7)
        want = models.create_model(name, num_classes=7)
    assert repr(model) == repr(want) and name in dir(models)
    assert getattr(models, name) is getattr(models, name)


@pytest.mark.parametrize(("name", "model"), FILES.items())
def test_a_file_of_the_models_name_makes_it_too(name, model):
    with nn.shapes_only():
        made, want = getattr(models, name)(num_classes=7), models.create_model(model, num_classes=7)
    assert repr(made) == repr(want)
    with pytest.raises(ValueError, match=rf"^{model}: pretrained=True is not here"):
        getattr(models, name)(pretrained=True)


def test_weights_come_from_a_file():
    for call in (
        lambda: models.resnet18(True),
        lambda: models.resnet18(pretrained=True),
        lambda: models.resnet18(weights="DEFAULT"),
    ):
        with pytest.raises(ValueError, match=r"^resnet18: (pretrained|weights)=.* is not here"):
            call()


def test_names_that_can_be_called_are_found_in_the_dict_of_the_module():
    found = {name for name, value in models.__dict__.items() if name.islower() and callable(value)}
    assert {*NAMES, *FILES} <= found
    with nn.shapes_only():
        assert isinstance(models.__dict__["resnet18"](), nn.Module)

"""Models are found by name; what each is, is in test_zoo."""

import pytest

from minitorch_cnn.models import create_model, list_models, register


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


@pytest.mark.parametrize(
    "name, wrong, nearest",
    [
        ("resnet18", "widht", "width"),
        ("lenet5", "num_class", "num_classes"),
        ("vgg11", "drop_out", "dropout"),
        ("inception_v3", "in_chanels", "in_channels"),
    ],
)
def test_settings_are_named_with_the_nearest(name, wrong, nearest):
    words = (
        rf"^create_model: {name} has no setting '{wrong}'; it has .*; the nearest is '{nearest}'$"
    )
    with pytest.raises(TypeError, match=words):
        create_model(name, **{wrong: 1})


def test_a_name_is_given_once():
    with pytest.raises(ValueError, match=r"register: name='lenet5' is taken by .*lenet"):

        @register(params=0, macs=0)
        def lenet5():
            """Another."""

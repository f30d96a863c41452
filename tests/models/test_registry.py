"""Models are found by name; what each is, is in test_zoo."""

import pytest

from minitorch_cnn import nn
from minitorch_cnn.models import create_model, list_models, model_entry, register
from minitorch_cnn.training.recipes import OWN, recipe


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


@pytest.mark.parametrize("name", ["num_classes", "in_channels"])
@pytest.mark.parametrize("value", [0, -1, 2.5, "x", True, None])
def test_classes_and_channels_are_counted(name, value):
    message = f"^create_model: {name}={value!r} must be an integer of at least 1"
    with pytest.raises(ValueError, match=message):
        create_model("lenet5", **{name: value})


def test_a_name_is_given_once():
    with pytest.raises(ValueError, match=r"register: name='lenet5' is taken by .*lenet"):

        @register(params=0, macs=0)
        def lenet5():
            """Another."""


@pytest.fixture
def registry(monkeypatch):
    """What is registered in a test is forgotten after it."""
    from minitorch_cnn.models import registry

    monkeypatch.setattr(registry, "_entries", dict(registry._entries))


def test_a_net_of_ones_own_is_registered_and_found(registry):
    @register
    def mine(width=4, num_classes=10):
        """A net of mine."""
        return nn.Linear(width, num_classes)

    @register(name="my-other.net", params=8, macs=8, input_shape=(1, 2, 2))
    class Other(nn.Linear):
        def __init__(self):
            super().__init__(4, 2, bias=False)

    assert mine(3).in_features == 3 and Other().in_features == 4  # as they were
    assert list_models("mine") + list_models("my-*") == ["mine", "my-other.net"]
    assert create_model("mine", num_classes=3).weight.shape == (3, 4)
    assert isinstance(create_model("my-other.net"), Other)
    entry = model_entry("mine")
    assert (entry.params, entry.macs, entry.input_shape, entry.own) == (None, None, None, True)
    assert entry.takes("num_classes") and not entry.takes("in_channels")
    assert model_entry("my-other.net").input_shape == (1, 2, 2)
    assert not model_entry("lenet5").own
    assert recipe("mine") == recipe("mine", small=True) == OWN


def test_the_settings_of_ones_own_net_are_checked(registry):
    @register
    def mine(depth, width=4):
        return nn.Linear(width, depth)

    register(lambda: 3, name="three")
    with pytest.raises(TypeError, match=r"mine has no setting 'widht'; it has .*the nearest is"):
        create_model("mine", depth=1, widht=1)
    with pytest.raises(TypeError, match=r"create_model: mine needs depth"):
        create_model("mine")
    with pytest.raises(TypeError, match="three must give a Module, got a int"):
        create_model("three")
    with pytest.raises(TypeError, match="boom"):
        register(boom, name="boom")
        create_model("boom")


def boom():
    raise TypeError("boom")


@pytest.mark.parametrize("name", ["lenet5", "", "a b", "a/b", "net.py:Net", "-x", 3])
def test_a_name_that_is_taken_or_none_is_refused(name, registry):
    with pytest.raises(ValueError, match=r"^register: name="):
        register(boom, name=name)


@pytest.mark.parametrize("thing", [3, nn.Linear(1, 1)])
def test_what_makes_no_net_is_not_registered(thing, registry):
    with pytest.raises(TypeError, match=r"^register: build must be a function or a class"):
        register(thing, name="thing")

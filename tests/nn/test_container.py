"""Sequential, ModuleList and ModuleDict: order, names, indexing and what they refuse."""

from collections import OrderedDict

import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn


def layers(n):
    return [nn.Linear(i + 1, i + 2) for i in range(n)]


def test_sequential_calls_its_modules_in_order():
    a, b, c = layers(3)
    x = mt.rand(2, 1)
    assert mt.equal(nn.Sequential(a, b, c)(x), c(b(a(x))))
    assert nn.Sequential()(x) is x


@pytest.mark.parametrize("hooked", [None, 1, 2])
@pytest.mark.parametrize("training", [True, False])
def test_a_relu_behind_a_batch_norm_changes_no_number_and_no_hook(training, hooked):
    mt.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.ReLU(), nn.Flatten())
    net.train(training)
    seen = []
    if hooked:
        net[hooked].register_forward_hook(lambda module, inputs, y: seen.append(y))
    x = mt.randn(4, 2, 5, 5)
    conv, norm = net[0](x), net[1]
    apart = norm(conv)
    expected = mt.functional.relu(apart).flatten(1)
    seen.clear()
    norm.reset_running_stats()
    if not training:
        norm.running_mean += 0.5
        apart = mt.functional.batch_norm(conv, norm.running_mean, norm.running_var)
        expected = mt.functional.relu(apart).flatten(1)
    y = net(x)
    assert mt.equal(y, expected) and (y == 0).any()
    if hooked:
        (shown,) = seen
        assert mt.equal(shown, apart if hooked == 1 else mt.functional.relu(apart))


@pytest.mark.parametrize("hooked", [None, 0, 1])
def test_a_relu_behind_a_convolution_changes_no_number_and_no_hook(hooked):
    mt.manual_seed(0)
    net, x = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten()), mt.randn(4, 2, 5, 5)
    apart, seen = net[0](x), []
    if hooked is not None:
        net[hooked].register_forward_hook(lambda module, inputs, y: seen.append(y))
    y = net(x)
    assert mt.equal(y, mt.functional.relu(apart).flatten(1)) and (y == 0).any()
    assert type(y.grad_fn.edges[0][0]).__name__ == ("Conv2d" if hooked is None else "ReLU")
    if hooked is not None:
        assert mt.equal(seen[0], mt.functional.relu(apart) if hooked else apart)


def test_a_kind_of_batch_norm_of_one_s_own_is_called_as_it_is():
    class Doubled(nn.BatchNorm2d):
        def forward(self, input):
            return 2 * super().forward(input)

    x = mt.randn(4, 2, 5, 5)
    net = nn.Sequential(Doubled(2), nn.ReLU())
    assert mt.equal(net(x), mt.functional.relu(net[0](x)))


def test_sequential_takes_names_from_a_dict():
    net = nn.Sequential(OrderedDict(conv=nn.Conv2d(1, 2, 3), act=nn.ReLU()))
    assert list(net.state_dict()) == ["conv.weight", "conv.bias"]
    assert isinstance(net.act, nn.ReLU) and net[1] is net.act
    net[-1] = nn.Tanh()
    assert isinstance(net.act, nn.Tanh)
    assert isinstance(net[:1], nn.Sequential) and list(net[:1].state_dict()) == list(
        net.state_dict()
    )


def test_a_slice_of_sequential_keeps_modules_and_names():
    net = nn.Sequential(*layers(4))
    part = net[1:3]
    assert list(part) == [net[1], net[2]]
    assert list(part.state_dict()) == ["1.weight", "1.bias", "2.weight", "2.bias"]


@pytest.mark.parametrize("make", [lambda ms: nn.Sequential(*ms), nn.ModuleList])
def test_numbered_containers_change_like_lists(make):
    a, b, c, d = layers(4)
    held = make([a, b])
    assert held.append(c) is held and held.extend([d]) is held
    assert list(held) == [a, b, c, d] and len(held) == 4 and held[-1] is d
    held.insert(1, d)
    assert list(held) == [a, d, b, c, d]
    del held[0]
    del held[1:3]
    assert list(held) == [d, d] and list(held.state_dict())[:2] == ["0.weight", "0.bias"]
    held[1] = a
    assert held[1] is a


def test_a_module_list_slices_to_numbers_from_zero():
    held = nn.ModuleList(layers(3))
    assert list(held[1:].state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]


def test_a_module_list_shows_runs_of_equal_modules_once():
    held = nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Tanh(), nn.ReLU()])
    assert repr(held) == "ModuleList(\n  (0-1): 2 x ReLU()\n  (2): Tanh()\n  (3): ReLU()\n)"
    assert repr(nn.ModuleList()) == "ModuleList()"


def test_a_module_dict_is_a_dict_of_children():
    a, b = layers(2)
    held = nn.ModuleDict({"a": a})
    held["b"] = b
    assert held["a"] is a and "b" in held and len(held) == 2 and list(held) == ["a", "b"]
    assert list(held.keys()) == ["a", "b"] and list(held.values()) == [a, b]
    assert dict(held.items()) == {"a": a, "b": b}
    assert list(held.children()) == [a, b]
    del held["a"]
    assert "a" not in held


@pytest.mark.parametrize(
    "act, error, words",
    [
        (lambda: nn.Sequential(nn.ReLU())[1], IndexError, "Sequential: index 1 .* 1 modules"),
        (lambda: nn.ModuleList([nn.ReLU()])[-2], IndexError, "ModuleList: index -2"),
        (lambda: nn.Sequential(3), TypeError, "Module or None, got int"),
        (lambda: nn.ModuleList([mt.ones(1)]), TypeError, "Module or None, got Tensor"),
        (lambda: nn.ModuleDict({"a": nn.ReLU()})["b"], KeyError, "no module 'b' among a"),
        (lambda: nn.ModuleDict({"items": nn.ReLU()}), KeyError, "already has .*'items'"),
        (lambda: nn.ModuleList()(1), NotImplementedError, "ModuleList defines no forward"),
    ],
)
def test_what_is_not_there_or_not_a_module_is_refused(act, error, words):
    with pytest.raises(error, match=words):
        act()


@pytest.mark.parametrize("make", [lambda ms: nn.Sequential(*ms), nn.ModuleList])
def test_numbered_containers_give_modules_back_and_add_up(make):
    a, b, c, d = layers(4)
    held = make([a, b, c])
    assert held.pop() is c and held.pop(0) is a and list(held) == [b]
    same = held
    held += make([c, d])
    assert held is same and list(held) == [b, c, d]
    assert list(held + make([a])) == [b, c, d, a] and list(held) == [b, c, d]
    held.extend(held)
    assert list(held) == [b, c, d] * 2
    with pytest.raises(IndexError, match="index 9 is out of range for 6 modules"):
        held.pop(9)
    with pytest.raises(TypeError, match="insert: module must be a Module, got int"):
        held.insert(0, 3)
    assert len(held) == 6


def test_a_sequential_times_a_number_repeats_its_modules():
    a, b = nn.Linear(1, 1), nn.ReLU()
    twice = nn.Sequential(a, b) * 2
    assert list(twice) == [a, b, a, b] and list(2 * nn.Sequential(a)) == [a, a]
    with pytest.raises(TypeError):
        nn.Sequential(a).__iadd__(3)


def test_appending_to_a_slice_replaces_nothing():
    net = nn.Sequential(*layers(4))
    part = net[2:]
    part.append(nn.ReLU())
    assert len(part) == 3 and list(part)[:2] == [net[2], net[3]]


def test_a_module_dict_gives_modules_back():
    a, b = layers(2)
    held = nn.ModuleDict([("a", a)])
    held.update([("b", b)])
    held.update(nn.ModuleDict({"c": a}))
    assert held.pop("a") is a and list(held) == ["b", "c"]
    for missing in (lambda: held.pop("x"), lambda: held.__delitem__("x")):
        with pytest.raises(KeyError, match="no module 'x' among b, c"):
            missing()
    held.clear()
    assert len(held) == 0


def test_a_sequential_grows_by_multiples_and_a_dict_is_made_of_a_dict():
    layers = nn.Sequential(nn.ReLU(), nn.Tanh())
    first = layers[0]
    layers *= 2
    assert len(layers) == 4 and layers[2] is first and list(layers._modules) == list("0123")
    given = nn.ModuleDict({"a": first})
    assert nn.ModuleDict(given)["a"] is first

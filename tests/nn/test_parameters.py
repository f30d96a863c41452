"""ParameterList and ParameterDict: what they hold, count and store."""

import copy

import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn, optim


def test_a_parameter_list_is_a_list_of_parameters():
    first = nn.Parameter(mt.zeros(2))
    held = nn.ParameterList([first, mt.ones(3)])
    held.append(mt.ones(1, 2))
    held += [nn.Parameter(mt.ones(4))]
    assert held[0] is first and isinstance(held[1], nn.Parameter) and len(held) == 4
    assert [p.shape for p in held] == [(2,), (3,), (1, 2), (4,)]
    assert [n for n, _ in held.named_parameters()] == list(held.state_dict()) == list("0123")
    held[-1] = mt.zeros(5)
    assert held[3].shape == (5,) and isinstance(held[1:3], nn.ParameterList)
    assert list(held[1:3]) == [held[1], held[2]]
    with pytest.raises(IndexError, match="ParameterList: index 4 is out of range for 4 values"):
        held[4]


def test_what_is_no_tensor_is_kept_and_is_no_state():
    held = nn.ParameterList([mt.zeros(2, 3), "name", None])
    assert held[1] == "name" and held[2] is None and list(held.state_dict()) == ["0"]
    assert repr(held) == (
        "ParameterList(\n  (0): Parameter containing: [float32 of size 2x3]\n"
        "  (1): Object of type: str\n  (2): Object of type: NoneType\n)"
    )
    assert repr(nn.ParameterList()) == "ParameterList()"


def test_a_parameter_dict_is_a_dict_of_parameters():
    held = nn.ParameterDict({"a": mt.zeros(2)})
    held["b"] = mt.ones(1)
    held.update([("c", mt.ones(3))])
    held.update(nn.ParameterDict({"d": mt.ones(4)}))
    assert list(held) == list(held.keys()) == list(held.state_dict()) == list("abcd")
    assert [p.shape for p in held.values()] == [(2,), (1,), (3,), (4,)]
    assert dict(held.items())["b"] is held["b"] and "b" in held and len(held) == 4
    b = held["b"]
    assert held.pop("b") is b and held.get("b") is None and "b" not in held.state_dict()
    with pytest.raises(KeyError, match="ParameterDict: no value 'b' among a, c, d"):
        held["b"]
    with pytest.raises(KeyError, match="already has an attribute 'forward'"):
        held["forward"] = mt.ones(1)
    held.clear()
    assert len(held) == 0 and list(held.parameters()) == []


def test_parameters_in_containers_learn_and_are_copied():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.ws = nn.ParameterList([mt.ones(1), mt.ones(1)])
            self.by_name = nn.ParameterDict({"shared": self.ws[0]})

        def forward(self, x):
            return x * self.ws[0] * self.by_name["shared"] + self.ws[1]

    net = Net()
    assert len(list(net.parameters())) == 2
    implementation = copy.deepcopy(net)
    net(mt.ones(1)).sum().backward()
    optim.SGD(net.parameters(), lr=0.25).step()
    assert [p.item() for p in net.ws] == [0.5, 0.75] and [p.item() for p in implementation.ws] == [
        1,
        1,
    ]
    assert implementation.by_name["shared"] is implementation.ws[0]


def test_a_dict_of_parameters_has_the_methods_of_a_dict():
    a, b = nn.Parameter(mt.ones(1)), nn.Parameter(mt.ones(2))
    given = nn.ParameterDict({"a": a, "b": b})
    assert list(nn.ParameterDict(given)) == ["a", "b"] and list(reversed(given)) == ["b", "a"]
    assert (given | {"c": a})["c"] is a and list(given) == ["a", "b"]
    copied = given.copy()
    assert copied["b"] is b and copied.popitem() == ("b", b) and list(given) == ["a", "b"]
    assert copied.setdefault("a", b) is a and copied.setdefault("z", b) is b
    copied |= {"y": a}
    assert list(copied) == ["a", "z", "y"] and copied.fromkeys(["q"], a)["q"] is a
    with pytest.raises(KeyError, match="popitem: there are no values"):
        nn.ParameterDict().popitem()

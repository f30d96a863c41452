"""Module: what it registers, lists, stores, loads, converts and shows."""

import copy
import pickle

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn, optim


class Branch(nn.Module):
    """A parameter, two buffers and a child."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(mt.ones(2))
        self.register_buffer("seen", mt.zeros(2))
        self.register_buffer("scratch", mt.zeros(3), persistent=False)
        self.fc = nn.Linear(2, 2)

    def forward(self, x):
        return self.fc(x) * self.scale


class Net(nn.Module):
    """Two branches, of which one is there under two names, and a parameter that is."""

    def __init__(self):
        super().__init__()
        self.left = Branch()
        self.right = Branch()
        self.again = self.left
        self.tied = self.right.scale

    def forward(self, x):
        return self.left(x) + self.right(x)


BRANCH = ["scale", "seen", "fc.weight", "fc.bias"]


def test_members_are_listed_in_order_and_once():
    net = Net()
    modules = ["", "left", "left.fc", "right", "right.fc"]
    assert [name for name, _ in net.named_modules()] == modules
    assert list(net.modules()) == [module for _, module in net.named_modules()]
    assert [name for name, _ in net.named_children()] == ["left", "right"]
    assert list(net.children()) == [net.left, net.right]
    params = ["tied", "left.scale", "left.fc.weight", "left.fc.bias"]
    params += ["right.fc.weight", "right.fc.bias"]
    assert [name for name, _ in net.named_parameters()] == params
    assert [name for name, _ in net.named_parameters(recurse=False)] == ["tied"]
    buffers = ["left.seen", "left.scratch", "right.seen", "right.scratch"]
    assert [name for name, _ in net.named_buffers()] == buffers
    assert len(list(net.buffers())) == 4


def test_duplicates_are_listed_when_asked_for():
    net = Net()
    names = [name for name, _ in net.named_modules(remove_duplicate=False)]
    assert names[-2:] == ["again", "again.fc"]
    names = [name for name, _ in net.named_parameters("net", remove_duplicate=False)]
    assert len(names) == 10 and "net.again.fc.bias" in names and "net.right.scale" in names


def test_state_dict_has_every_name_but_those_of_passing_buffers():
    expected = [
        "tied",
        *(f"{branch}.{name}" for branch in ("left", "right", "again") for name in BRANCH),
    ]
    net = Net()
    state = net.state_dict()
    assert list(state) == expected
    assert not any(t.requires_grad for t in state.values())
    assert state["left.scale"].array is net.left.scale.array
    assert list(net.left.state_dict(prefix="model.")) == [f"model.{name}" for name in BRANCH]


def test_a_parameter_assigned_before_super_init_is_refused():
    class Hasty(nn.Module):
        def __init__(self):
            self.width = 3
            self.weight = nn.Parameter(mt.ones(3))

    with pytest.raises(
        AttributeError, match=r"Hasty: call super\(\).__init__\(\) before .*'weight'"
    ):
        Hasty()


@pytest.mark.parametrize(
    "register, error, words",
    [
        (lambda m: m.register_parameter("a.b", None), KeyError, "dot"),
        (lambda m: m.register_parameter("", None), KeyError, "empty"),
        (lambda m: m.register_parameter(3, None), TypeError, "must be a str, got int"),
        (lambda m: m.register_parameter("forward", None), KeyError, "already has .*'forward'"),
        (
            lambda m: m.register_parameter("w", mt.ones(1)),
            TypeError,
            "Parameter or None, got Tensor",
        ),
        (lambda m: m.register_buffer("scale", mt.ones(1)), KeyError, "already has .*'scale'"),
        (lambda m: m.register_buffer("w", np.ones(1)), TypeError, "Tensor or None, got ndarray"),
        (lambda m: m.register_module("seen", nn.Identity()), KeyError, "already has .*'seen'"),
        (lambda m: m.register_module("w", nn.ReLU), TypeError, "Module or None, got type"),
        (
            lambda m: setattr(m, "scale", mt.ones(2)),
            TypeError,
            "Branch: 'scale' must be a Parameter",
        ),
        (lambda m: setattr(m, "seen", 3), TypeError, "'seen' must be a Tensor or None, got int"),
        (lambda m: setattr(m, "fc", "relu"), TypeError, "'fc' must be a Module or None, got str"),
        (lambda m: m.nothing, AttributeError, "Branch has no attribute 'nothing'"),
        (lambda m: nn.Parameter([1.0]), TypeError, "Parameter: data must be .* got list"),
        (lambda m: nn.Parameter(mt.tensor([1])), TypeError, "floating-point dtype, got int64"),
        (lambda m: nn.Module()(1), NotImplementedError, "Module defines no forward"),
        (lambda m: m.to(mt.int64), TypeError, "to: dtype=int64 must be a floating-point"),
        (
            lambda m: m.load_state_dict([1]),
            TypeError,
            "load_state_dict: .* must be a dict, got list",
        ),
    ],
)
def test_what_is_not_right_is_refused(register, error, words):
    with pytest.raises(error, match=words):
        register(Branch())


def test_an_attribute_moves_to_the_table_of_what_it_becomes():
    m = Branch()
    m.seen = mt.ones(2)
    assert list(dict(m.named_buffers())) == ["seen", "scratch"]
    m.fc = None
    assert m.fc is None and list(m.children()) == []
    m.seen = nn.Parameter(mt.ones(2))
    m.scale = None
    m.scratch = nn.ReLU()
    assert [name for name, _ in m.named_parameters()] == ["seen"]
    assert [name for name, _ in m.named_children()] == ["scratch"]
    assert list(m.named_buffers()) == []
    m.note = "a plain attribute"
    m.note = nn.Identity()
    assert m.note in m.children() and "note" not in vars(m)
    del m.note
    del m.seen
    with pytest.raises(AttributeError):
        m.note  # noqa: B018
    assert list(m.parameters()) == []
    m.ordinary = 1
    del m.ordinary
    assert not hasattr(m, "ordinary")


def test_a_buffer_deleted_and_made_anew_is_stored_again():
    m = Branch()
    del m.scratch
    m.register_buffer("scratch", mt.zeros(1))
    assert "scratch" in m.state_dict()


# ---------------------------------------------------------------------------------------- loading


def test_load_state_dict_copies_tensors_and_arrays_into_the_same_parameters():
    m, weight = Branch(), None
    weight = m.fc.weight
    array = np.arange(4.0).reshape(2, 2)
    state = {**m.state_dict(), "fc.weight": array, "seen": mt.tensor([5, 6])}
    assert m.load_state_dict(state) == ([], [])
    assert m.fc.weight is weight
    assert weight.dtype == mt.float32
    np.testing.assert_array_equal(weight.detach(), array)
    np.testing.assert_array_equal(m.seen, [5, 6])
    array[:] = 9
    assert weight.detach().max() == 3


def test_one_error_names_every_key_that_does_not_fit_and_nothing_is_loaded():
    m = Branch()
    before = {name: t.numpy().copy() for name, t in m.state_dict().items()}
    state = {
        "scale": np.full(2, 7.0),
        "seen": np.zeros(3),
        "fc.weight": "not an array",
        "extra": np.zeros(1),
        "other": 1,
    }
    with pytest.raises(RuntimeError) as caught:
        m.load_state_dict(state)
    assert str(caught.value) == (
        "load_state_dict: the state does not fit Branch: missing fc.bias; unexpected extra, other; "
        "seen has shape (3,), expected (2,); fc.weight is not a Tensor or array of numbers"
    )
    for name, t in m.state_dict().items():
        np.testing.assert_array_equal(t, before[name])


def test_without_strict_missing_and_unexpected_keys_are_returned():
    m = Branch()
    missing, unexpected = m.load_state_dict({"scale": np.full(2, 7.0), "extra": 1}, strict=False)
    assert missing == ["seen", "fc.weight", "fc.bias"] and unexpected == ["extra"]
    np.testing.assert_array_equal(m.scale.detach(), [7, 7])
    with pytest.raises(RuntimeError, match="scale has shape"):
        m.load_state_dict({"scale": np.zeros(3)}, strict=False)


def test_a_file_from_before_batches_were_counted_loads():
    m = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
    state = {k: v for k, v in m.state_dict().items() if "num_batches" not in k}
    assert m.load_state_dict(state) == ([], [])


def test_loading_between_forward_and_backward_is_noticed():
    m = nn.Linear(2, 2)
    y = m(mt.ones(1, 2, requires_grad=True)).sum()
    m.load_state_dict({"weight": np.zeros((2, 2)), "bias": np.zeros(2)})
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


# --------------------------------------------------------------------------------------- the tree


def test_train_and_eval_reach_every_module():
    net = Net()
    assert net.eval() is net and not any(m.training for m in net.modules())
    assert net.train() is net and all(m.training for m in net.modules())


def test_apply_visits_children_before_parents():
    seen = []
    net = nn.Sequential(nn.Sequential(nn.ReLU()), nn.Tanh())
    assert net.apply(lambda m: seen.append(type(m).__name__)) is net
    assert seen == ["ReLU", "Sequential", "Tanh", "Sequential"]


@pytest.mark.parametrize(
    "convert",
    [
        lambda m: m.double(),
        lambda m: m.to(mt.float64),
        lambda m: m.to("cpu", mt.float64),
        lambda m: m.to(dtype="float64"),
        lambda m: m.to(mt.zeros(1, dtype=mt.float64)),
    ],
)
def test_conversion_keeps_the_parameters_and_the_counters(convert):
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    before = list(net.parameters())
    net(mt.rand(3, 2)).sum().backward()
    assert convert(net) is net
    assert all(a is b for a, b in zip(before, net.parameters(), strict=True))
    assert {p.dtype for p in net.parameters()} == {p.grad.dtype for p in before} == {mt.float64}
    assert net[1].running_var.dtype == mt.float64 and net[1].num_batches_tracked.dtype == mt.int64
    optim.SGD(before, lr=0.1).step()
    assert net(mt.rand(3, 2, dtype=mt.float64)).dtype == mt.float64
    assert {p.dtype for p in net.float().parameters()} == {mt.float32}


def test_a_move_without_a_dtype_changes_none():
    assert nn.Linear(2, 2).double().to("cpu").weight.dtype == mt.float64


def test_freezing_and_forgetting_gradients():
    m = nn.Linear(2, 2)
    m(mt.ones(1, 2)).sum().backward()
    assert m.weight.grad is not None
    m.zero_grad()
    assert m.weight.grad is None and m.bias.grad is None
    assert m.requires_grad_(False) is m and not m.weight.requires_grad
    assert not m(mt.ones(1, 2)).requires_grad


# --------------------------------------------------------------------- what a subclass does itself


class FrozenNorm(nn.Module):
    """A norm that stays in evaluation mode."""

    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm2d(2)

    def train(self, mode=True):
        super().train(mode)
        self.bn.train(False)
        return self

    def forward(self, x):
        return self.bn(x)


def test_a_module_below_is_told_its_mode_by_its_own_train():
    net = nn.Sequential(FrozenNorm(), nn.Dropout())
    assert net.train() is net
    assert net[0].training and net[1].training and not net[0].bn.training
    net.eval()
    assert not any(m.training for m in net.modules())
    with pytest.raises(ValueError, match="train: mode='on' must be True or False"):
        net.train("on")


def test_a_module_below_adds_to_the_state_by_its_own_state_dict():
    class Renamed(nn.Linear):
        def state_dict(self, *, destination=None, prefix="", keep_vars=False):
            state = super().state_dict(destination=destination, prefix=prefix, keep_vars=keep_vars)
            state[prefix + "kernel"] = state.pop(prefix + "weight")
            return state

    net = nn.Sequential(Renamed(1, 1), nn.Linear(1, 1))
    assert set(net.state_dict()) == {"0.kernel", "0.bias", "1.weight", "1.bias"}


# ------------------------------------------------------------------------------ PyTorch's arguments


def test_state_dict_takes_a_prefix_as_it_is_a_destination_and_live_parameters():
    net, into = nn.Linear(1, 1), {"other": 1}
    state = net.state_dict(prefix="net-", destination=into, keep_vars=True)
    assert state is into and list(state) == ["other", "net-weight", "net-bias"]
    assert state["net-weight"] is net.weight
    assert not net.state_dict()["weight"].requires_grad


def test_assigned_tensors_take_the_place_of_the_parameters():
    net = nn.Sequential(nn.Linear(2, 1, bias=False), nn.BatchNorm1d(1))
    net[0].weight.requires_grad = False
    weight, mean = mt.ones(1, 2, dtype=mt.float64), mt.ones(1)
    state = {**net.state_dict(), "0.weight": weight, "1.running_mean": mean}
    state["1.bias"] = np.full(1, 3.0, np.float32)
    result = net.load_state_dict(state, assign=True)
    assert repr(result) == "<All keys matched successfully>"
    assert isinstance(net[0].weight, nn.Parameter) and not net[0].weight.requires_grad
    assert net[0].weight.dtype == mt.float64 and net[1].bias.requires_grad
    weight[0, 0] = 7
    mean[0] = 5
    assert net[0].weight[0, 0].item() == 7 and net[1].running_mean.tolist() == [5]
    assert net[1].bias.tolist() == [3]


def test_a_model_without_memory_takes_tensors_by_assignment_only():
    with nn.shapes_only():
        net = nn.Linear(2, 1)
    state = nn.Linear(2, 1).state_dict()
    with pytest.raises(RuntimeError, match="shapes_only"):
        net.load_state_dict(state)
    net.load_state_dict(state, assign=True)
    net(mt.ones(1, 2)).sum().backward()
    assert net.weight.grad.tolist() == [[1, 1]]


def test_nothing_is_assigned_where_something_does_not_fit():
    net = nn.Linear(2, 1)
    weight = net.weight
    with pytest.raises(RuntimeError, match=r"bias has shape \(2,\), expected \(1,\)"):
        net.load_state_dict({"weight": mt.ones(1, 2), "bias": mt.ones(2)}, assign=True)
    with pytest.raises(RuntimeError, match="weight has dtype int64, and requires grad"):
        net.load_state_dict(
            {"weight": mt.ones(1, 2, dtype=mt.int64), "bias": mt.ones(1)}, assign=True
        )
    assert net.weight is weight


def test_a_result_of_loading_shows_what_is_missing_and_unexpected():
    result = nn.Linear(1, 1).load_state_dict({"weight": mt.ones(1, 1), "x": 1}, strict=False)
    assert result.missing_keys == ["bias"] and result.unexpected_keys == ["x"]
    assert "missing_keys=['bias'], unexpected_keys=['x']" in repr(result)


def test_members_are_found_by_their_dotted_names():
    net = nn.Sequential(nn.Sequential(nn.BatchNorm2d(2), nn.ReLU()), nn.Linear(1, 1))
    assert net.get_submodule("") is net and net.get_submodule("0.1") is net[0][1]
    assert net.get_parameter("1.weight") is net[1].weight
    assert net.get_buffer("0.0.running_mean") is net[0][0].running_mean
    tanh = nn.Tanh()
    net.set_submodule("0.1", tanh)
    net.set_submodule("0.extra", nn.ReLU())
    assert net[0][1] is tanh and list(net[0]._modules) == ["0", "1", "extra"]


@pytest.mark.parametrize(
    "act, error, words",
    [
        (lambda net: net.get_submodule("0.x"), AttributeError, "get_submodule: target='0.x'"),
        (lambda net: net.get_submodule("0..1"), AttributeError, "no module ''"),
        (lambda net: net.get_parameter("0.mean"), AttributeError, "no parameter 'mean'"),
        (lambda net: net.get_parameter("weight"), AttributeError, "get_parameter"),
        (lambda net: net.get_parameter("0.running_mean"), AttributeError, "get_parameter"),
        (lambda net: net.get_buffer("0.weight"), AttributeError, "no buffer 'weight'"),
        (lambda net: net.set_submodule("", nn.ReLU()), ValueError, "set_submodule"),
        (lambda net: net.set_submodule("0", 3), ValueError, "got int"),
        (lambda net: net.set_submodule("0.x", nn.ReLU(), strict=True), AttributeError, "'0.x'"),
        (lambda net: net.set_submodule("0.weight", nn.ReLU()), AttributeError, "'0.weight'"),
        (lambda net: net.set_submodule("x.y", nn.ReLU()), AttributeError, "'x.y'|'x'"),
    ],
)
def test_names_of_nothing_are_refused(act, error, words):
    with pytest.raises(error, match=words):
        act(nn.Sequential(nn.BatchNorm2d(2)))


def test_half_and_type_convert_and_non_blocking_changes_nothing():
    net = nn.BatchNorm2d(2)
    weight = net.weight
    assert net.half() is net and weight.dtype == mt.float16
    assert net.num_batches_tracked.dtype == mt.int64
    assert net.to("cpu", mt.float64, non_blocking=True).weight.dtype == mt.float64
    assert net.to(memory_format=mt.channels_last) is net
    assert net.to("cpu", None, True).weight is weight and weight.dtype == mt.float64
    assert net.type(mt.float32).num_batches_tracked.dtype == mt.float32
    with pytest.raises(TypeError, match="type: dst_type=int64"):
        net.type(mt.int64)


def test_dir_knows_parameters_buffers_and_modules():
    net = nn.Sequential({"norm": nn.BatchNorm2d(2)})
    assert "norm" in dir(net) and {"weight", "running_mean", "forward"} <= set(dir(net.norm))


def test_modules_already_seen_are_left_out_of_a_list():
    net, memo = nn.Sequential(nn.ReLU(), nn.Tanh()), set()
    memo.add(net[0])
    assert [n for n, _ in net.named_modules(memo, "net")] == ["net", "net.1"]
    assert memo == {net, net[0], net[1]}
    net.add_module("last", nn.ReLU())
    assert list(net._modules) == ["0", "1", "last"]


# --------------------------------------------------------------------------------- repr and copies


def test_repr_shows_the_tree():
    class Noted(Branch):
        def extra_repr(self):
            return "first\nsecond"

    fc = "(fc): Linear(in_features=2, out_features=2, bias=True)"
    assert repr(Branch()) == f"Branch(\n  {fc}\n)"
    assert repr(nn.Sequential(Noted())) == (
        f"Sequential(\n  (0): Noted(\n    first\n    second\n    {fc}\n  )\n)"
    )
    assert repr(nn.Module()) == "Module()"
    assert repr(nn.Parameter(mt.ones(1))).startswith("Parameter containing:\ntensor([1.]")


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_a_copy_shares_nothing_with_the_original_and_keeps_what_it_shares_within(copied):
    net = Net()
    other = copied(net)
    assert other.again is other.left and other.tied is other.right.scale
    assert isinstance(other.tied, nn.Parameter) and other.tied.requires_grad
    for (name, a), (_, b) in zip(net.named_parameters(), other.named_parameters(), strict=True):
        np.testing.assert_array_equal(a.detach(), b.detach(), err_msg=name)
        assert not np.shares_memory(a.array, b.array)
    x = mt.rand(3, 2)
    np.testing.assert_array_equal(net(x).detach(), other(x).detach())


@pytest.mark.parametrize("kind", ["Conv2d", "ConvTranspose2d", "MaxPool2d", "BatchNorm2d"])
def test_a_missing_argument_is_missed_by_the_class_and_not_its_private_base(kind):
    with pytest.raises(TypeError, match=rf"^{kind}\.__init__\(\) missing"):
        getattr(nn, kind)()
    with pytest.raises(TypeError, match=rf"^{kind}\.__init__\(\) got an unexpected keyword"):
        getattr(nn, kind)(3, 4, 2, nothing=1)

"""Optimizer: groups, state and the mechanics of a step, for every optimizer."""

import copy

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn, optim
from minitorch_cnn.kernels.optimizer.vectorised import BLOCK

# Each with all the state it can have.
ALL = [
    (optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    (optim.RMSprop, {"momentum": 0.9, "centered": True}),
    (optim.Adagrad, {"initial_accumulator_value": 0.1}),
    (optim.Adadelta, {}),
    (optim.Adamax, {}),
    (optim.NAdam, {}),
    (optim.RAdam, {}),
    (optim.Adam, {"amsgrad": True}),
    (optim.AdamW, {"amsgrad": True}),
    (optim.LARS, {"lr": 0.1, "momentum": 0.9}),
]


def parameter(values, grad=None):
    p = nn.Parameter(mt.tensor(values, dtype=mt.float32))
    p.grad = None if grad is None else mt.tensor(grad, dtype=mt.float32)
    return p


def set_grads(params, seed):
    rng = np.random.default_rng(seed)
    for p in params:
        p.grad = mt.tensor(rng.standard_normal(p.shape).astype(p.dtype))


@pytest.mark.parametrize("cls, settings", ALL)
def test_a_step_writes_in_place_and_leaves_gradients_and_frozen_parameters_alone(cls, settings):
    moved, still = parameter([1.0, 2.0], [0.5, -1.0]), parameter([3.0])
    array, grad = moved.array, moved.grad.numpy().copy()
    cls([moved, still], **settings).step()
    assert moved.array is array and np.all(array != [1, 2])
    np.testing.assert_array_equal(moved.grad, grad)
    assert still.tolist() == [3] and moved.dtype == mt.float32
    assert moved.requires_grad and moved.is_leaf


@pytest.mark.parametrize("cls, settings", ALL)
def test_a_step_between_forward_and_backward_is_noticed(cls, settings):
    p = parameter([1.0, 2.0], [0.5, 1.0])
    y = (p * p).sum()
    cls([p], **settings).step()
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


@pytest.mark.parametrize("cls, settings", ALL)
@pytest.mark.parametrize("dtype", [mt.float16, mt.float32])
def test_state_is_float32_for_16_bit_parameters_too_and_survives_a_reload(cls, settings, dtype):
    def trained(steps, state=None, start=None):
        params = [nn.Parameter(mt.ones(3, 2, dtype=dtype)), nn.Parameter(mt.ones(1, dtype=dtype))]
        for p, array in zip(params, start or [], strict=False):
            p.array[...] = array
        optimizer = cls(params, **settings)
        if state is not None:
            optimizer.load_state_dict(state)
        for step in steps:
            set_grads(params, step)
            optimizer.step()
        return optimizer.state_dict(), [p.array for p in params]

    _, straight = trained(range(6))
    state, halfway = trained(range(3))
    kept = [v for entry in state["state"].values() for v in entry.values()]
    assert {type(v) for v in kept} <= {np.ndarray, int, float}
    assert {v.dtype for v in kept if isinstance(v, np.ndarray)} == {mt.float32}
    assert [group["params"] for group in state["param_groups"]] == [[0, 1]]
    _, resumed = trained(range(3, 6), state, halfway)
    for a, b in zip(straight, resumed, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_state_dict_is_a_copy_both_ways():
    p = parameter([1.0], [1.0])
    optimizer = optim.SGD([p], lr=0.1, momentum=0.9)
    optimizer.step()
    state = optimizer.state_dict()
    state["state"][0]["momentum_buffer"][:] = 99
    assert optimizer.state[p]["momentum_buffer"] == 1
    optimizer.load_state_dict(state)
    state["state"][0]["momentum_buffer"][:] = 5
    assert optimizer.state[p]["momentum_buffer"] == 99


@pytest.mark.parametrize(
    "spoil, words",
    [
        (lambda s: s["param_groups"][0]["params"].append(7), r"groups of \[3\] .* groups of \[2\]"),
        (lambda s: s["param_groups"][0].pop("nesterov"), r"lacks \['nesterov'\]"),
        (lambda s: s["param_groups"][0].update(lr=-1), "lr=-1"),
        (lambda s: s["state"].update({7: {}}), "parameter 7 belongs to no group"),
        (
            lambda s: s["state"][1].update(momentum_buffer=np.zeros(3)),
            r"momentum_buffer of parameter 1 has shape \(3,\), expected \(1,\)",
        ),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(spoil, words):
    params = [parameter([1.0, 2.0]), parameter([1.0])]
    optimizer = optim.SGD(params, lr=0.1, momentum=0.9)
    set_grads(params, 0)
    optimizer.step()
    state, before = optimizer.state_dict(), optimizer.state_dict()
    state["state"][0]["momentum_buffer"] += 1
    state["param_groups"][0]["lr"] = 7
    spoil(state)
    with pytest.raises(ValueError, match=words):
        optimizer.load_state_dict(state)
    after = optimizer.state_dict()
    assert after["param_groups"] == before["param_groups"]
    for i in (0, 1):
        kept = [s["state"][i]["momentum_buffer"] for s in (before, after)]
        np.testing.assert_array_equal(*kept)


@pytest.mark.parametrize("cls, settings", ALL)
def test_blocks_do_not_change_the_result(cls, settings):
    n = 2 * BLOCK + 5
    values = np.random.default_rng(0).standard_normal((2, n)).astype(np.float32)
    flat = nn.Parameter(mt.tensor(values[0]))
    strided = nn.Parameter(np.repeat(values[0], 2)[::2])  # not contiguous: one block
    turned = nn.Parameter(np.asfortranarray(np.tile(values[0], (1, 1)).reshape(1, n, 1)))
    params = [flat, strided, turned]
    optimizer = cls(params, **settings)
    for step in range(3):
        g = values[1] * (step + 1)
        for p in params:
            p.grad = mt.tensor(g.reshape(p.shape))
        optimizer.step()
    np.testing.assert_allclose(strided.detach(), flat.detach(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(turned.detach().reshape(-1), flat.detach(), rtol=1e-5, atol=1e-6)


def test_zero_grad_forgets_and_a_closure_is_called():
    p = parameter([1.0])
    optimizer = optim.SGD([p], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = (3 * p).sum()
        loss.backward()
        return loss

    with mt.no_grad():
        assert optimizer.step(closure).item() == 3
    assert p.tolist() == [-0.5]
    optimizer.zero_grad()
    assert p.grad is None


def test_a_group_has_its_own_settings_and_may_come_later():
    a, b, c = (parameter([1.0], [1.0]) for _ in range(3))
    optimizer = optim.SGD([{"params": [a]}, {"params": b, "lr": 0.5}], lr=0.25)
    optimizer.add_param_group({"params": iter([c]), "lr": 1.0, "momentum": 0.9})
    optimizer.step()
    assert [p.item() for p in (a, b, c)] == [0.75, 0.5, 0]
    assert "lr: 0.25" in repr(optimizer) and "Parameter Group 2" in repr(optimizer)


def test_a_group_keeps_keys_of_the_user_s_own_and_they_survive_a_reload():
    def build(name, scale):
        groups = [
            {"params": [parameter([1.0], [1.0])], "initial_lr": 0.4, "name": name},
            {"params": [parameter([1.0])], "lr_scale": scale, "lr": 0.1},
        ]
        return optim.SGD(groups, lr=0.04, momentum=0.9)

    optimizer = build("stem", 0.5)
    first, second = optimizer.param_groups
    assert first["initial_lr"] == 0.4 and first["lr"] == 0.04 and first["name"] == "stem"
    assert second["lr_scale"] == 0.5 and "name" not in second
    optimizer.add_param_group({"params": [parameter([2.0])], "name": "head"})
    other = build("other", 1.0)
    other.add_param_group({"params": [parameter([2.0])]})
    other.load_state_dict(optimizer.state_dict())
    assert [g.get("name") for g in other.param_groups] == ["stem", None, "head"]
    assert other.param_groups[1]["lr_scale"] == 0.5 and "lr_scale: 0.5" in repr(other)
    scheduler = optim.lr_scheduler.LambdaLR(optimizer, lambda t: 1.0)
    assert scheduler.get_last_lr() == [0.4, 0.1, 0.04]


def test_parameters_may_come_with_their_names():
    net = nn.Linear(1, 1)
    optimizer = optim.SGD(net.named_parameters(), lr=1.0)
    (group,) = optimizer.param_groups
    assert group["params"] == [net.weight, net.bias] and group["param_names"] == ["weight", "bias"]
    optimizer.add_param_group({"params": [("scale", parameter([1.0]))], "lr": 0.1})
    assert optimizer.param_groups[1]["param_names"] == ["scale"]
    plain = optim.SGD(nn.Linear(1, 1).named_parameters(), lr=0.5)
    state = plain.state_dict()
    state["param_groups"][0].pop("param_names")
    plain.load_state_dict(state)
    assert plain.param_groups[0]["param_names"] == ["weight", "bias"]


def test_a_state_from_before_maximize_goes_on_downhill():
    p = parameter([1.0], [1.0])
    optimizer = optim.AdamW([p], lr=0.1)
    state = optimizer.state_dict()
    for name in ("maximize", "decoupled_weight_decay"):
        del state["param_groups"][0][name]
    optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["decoupled_weight_decay"] is True
    optimizer.step()
    assert p.item() < 1


@pytest.mark.parametrize("cls, settings", ALL)
def test_maximize_makes_the_steps_of_the_negated_gradients(cls, settings):
    up, down = parameter([1.0, -2.0]), parameter([1.0, -2.0])
    climber, faller = cls([up], maximize=True, **settings), cls([down], **settings)
    for step in range(5):
        up.grad = mt.tensor([1.0, 0.5 * step])
        down.grad = -up.grad
        climber.step()
        faller.step()
        assert up.grad.tolist() == [1.0, 0.5 * step]
    assert up.tolist() == down.tolist() != [1, -2]


def test_an_optimizer_of_one_s_own_defines_its_step_and_its_state():
    class Lion(optim.Optimizer):
        def __init__(self, params, lr=0.5, beta=0.5):
            super().__init__(params, {"lr": lr, "beta": beta})

        @mt.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    state = self.state[p]
                    if not state:
                        state["step"], state["mean"] = 0, mt.zeros_like(p)
                        state["note"], state["scale"] = ["kept"], mt.tensor(1.0)
                    state["step"] += 1
                    state["mean"].mul_(group["beta"]).add_(p.grad)
                    p.sub_(state["mean"] * group["lr"])

    p, q = parameter([1.0], [1.0]), parameter([1.0], [1.0])
    first, second = Lion([p]), Lion([q])
    first.step()
    state = first.state_dict()
    second.load_state_dict(state)
    kept = second.state[q]
    assert kept["step"] == 1 and kept["note"] == ["kept"] and kept["scale"].shape == ()
    first.step()
    second.step()
    assert p.tolist() == [-0.25] and q.tolist() == [0.25]
    assert state["state"][0]["mean"].tolist() == [1] and state["state"][0]["step"] == 1


def test_zero_grad_may_keep_zeros_in_place():
    p, q = parameter([1.0], [3.0]), parameter([1.0])
    grad, net = p.grad, nn.Linear(1, 1)
    optim.SGD([p, q], lr=1.0).zero_grad(set_to_none=False)
    assert p.grad.tolist() == [0] and grad.tolist() == [0] and q.grad is None
    net(mt.ones(1, 1)).sum().backward()
    net.zero_grad(set_to_none=False)
    assert net.weight.grad.tolist() == [[0]]
    net.zero_grad()
    assert net.weight.grad is None


P = parameter([1.0])


@pytest.mark.parametrize(
    "build, error, words",
    [
        (lambda: optim.SGD([]), ValueError, "SGD: params is empty"),
        (
            lambda: optim.SGD(P),
            TypeError,
            "params must be an iterable of Tensors or dicts, got Param",
        ),
        (lambda: optim.SGD(3), TypeError, "got int"),
        (lambda: optim.SGD([("w", "x", P)]), TypeError, "params must be Tensors, got tuple"),
        (lambda: optim.SGD([("w", 3)]), TypeError, "params must be Tensors, got int"),
        (lambda: optim.SGD([("w", P), parameter([1.0])]), ValueError, "must have names, or none"),
        (
            lambda: optim.SGD([("w", P)]).add_param_group({"params": [parameter([1.0])]}),
            ValueError,
            "of all param groups must have names, or none",
        ),
        (lambda: optim.SGD([P * 1]), ValueError, r"shape \(1,\) must be a leaf"),
        (lambda: optim.SGD([P, P]), ValueError, "appears twice"),
        (lambda: optim.SGD([{"params": [P]}, {"params": [P]}]), ValueError, "appears twice"),
        (lambda: optim.SGD([{"lr": 1}]), TypeError, "must be a dict with params"),
        (lambda: optim.SGD([{"params": {P}}]), TypeError, "a set is not"),
        (lambda: optim.SGD({P}), TypeError, "a set is not"),
        (lambda: optim.SGD([P], differentiable=True), ValueError, "SGD: differentiable=True"),
        (lambda: optim.RMSprop([P], differentiable=True), ValueError, "RMSprop: differentiable"),
        (lambda: optim.AdamW([P], differentiable=True), ValueError, "AdamW: differentiable=True"),
        (lambda: optim.Adam([P], foreach=True, fused=True), ValueError, "exclude each other"),
        (
            lambda: optim.SGD([{"params": [P], "lr": -1}]),
            ValueError,
            "SGD: lr=-1 must not be negative",
        ),
        (lambda: optim.SGD([P], lr=float("nan")), ValueError, "lr=nan"),
        (lambda: optim.SGD([P], momentum=-0.1), ValueError, "momentum=-0.1"),
        (lambda: optim.SGD([P], weight_decay=-1), ValueError, "weight_decay=-1"),
        (
            lambda: optim.SGD([P], nesterov=True),
            ValueError,
            "nesterov=True needs momentum=0.0 above",
        ),
        (
            lambda: optim.SGD([P], momentum=0.9, dampening=0.1, nesterov=True),
            ValueError,
            "dampening=0.1 equal to 0",
        ),
        (lambda: optim.RMSprop([P], alpha=-1), ValueError, "RMSprop: alpha=-1"),
        (lambda: optim.Adagrad([P], lr_decay=-1), ValueError, "Adagrad: lr_decay=-1"),
        (lambda: optim.Adadelta([P], rho=2), ValueError, "Adadelta: rho=2"),
        (lambda: optim.Adamax([P], betas=(1, 0)), ValueError, "Adamax: beta1=1"),
        (lambda: optim.NAdam([P], momentum_decay=-1), ValueError, "NAdam: momentum_decay=-1"),
        (lambda: optim.RAdam([P], differentiable=True), ValueError, "RAdam: differentiable"),
        (lambda: optim.RMSprop([P], eps=-1), ValueError, "RMSprop: eps=-1"),
        (lambda: optim.Adam([P], lr=-1), ValueError, "Adam: lr=-1"),
        (
            lambda: optim.Adam([P], betas=(1.0, 0.9)),
            ValueError,
            r"Adam: beta1=1.0 must be in \[0, 1\)",
        ),
        (lambda: optim.AdamW([P], betas=(0.9, -1)), ValueError, "AdamW: beta2=-1"),
        (lambda: optim.LARS([P], trust_coefficient=-1), ValueError, "LARS: trust_coefficient=-1"),
        (lambda: optim.ExponentialMovingAverage(nn.ReLU(), 1.5), ValueError, "decay=1.5"),
    ],
)
def test_bad_parameters_and_settings_are_refused(build, error, words):
    with pytest.raises(error, match=words):
        build()


@pytest.mark.parametrize("key", ["state", "param_groups"])
def test_a_state_of_something_else_is_refused_by_name(key):
    optimizer = mt.optim.SGD([mt.nn.Parameter(mt.ones(2))], lr=0.1)
    state = optimizer.state_dict()
    del state[key]
    with pytest.raises(KeyError, match=f"SGD.load_state_dict: state_dict lacks '{key}'"):
        optimizer.load_state_dict(state)


def test_hooks_are_called_around_a_step_until_they_are_removed():
    p = nn.Parameter(mt.ones(2))
    optimizer, seen = optim.SGD([p], lr=0.5), []
    before = optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append((p.tolist(), o)))
    after = optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append((p.tolist(), o)))
    p.grad = mt.ones(2)
    optimizer.step()
    assert seen == [([1, 1], optimizer), ([0.5, 0.5], optimizer)]
    before.remove()
    with after:
        optimizer.step()
    optimizer.step()
    assert len(seen) == 3 and p.tolist() == [-0.5, -0.5]


def test_a_hook_before_a_step_may_change_its_arguments():
    class Own(optim.Optimizer):
        def step(self, closure=None, *, scale=1):
            return closure() * scale

    optimizer = Own([nn.Parameter(mt.ones(1))], {"lr": 1})
    handle = optimizer.register_step_pre_hook(lambda o, args, kwargs: ((lambda: 3,), {"scale": 2}))
    assert optimizer.step() == 6
    copied = copy.deepcopy(optimizer)
    assert copied.step() == 6
    handle.remove()
    optimizer.register_step_pre_hook(lambda o, args, kwargs: 1)
    with pytest.raises(RuntimeError, match="Own: a step pre-hook must return None or a pair"):
        optimizer.step(lambda: 1)


def test_an_optimizer_of_ones_own_is_written_as_with_pytorch():
    class Own(optim.optimizer.Optimizer):
        def __init__(self, params, lr=optim.optimizer.required, momentum=0.0):
            if lr is not optim.optimizer.required and lr < 0:
                raise ValueError("lr")
            super().__init__(params, {"lr": lr, "momentum": momentum})

        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    d_p = p.grad.data
                    if group["momentum"]:
                        state = self.state[p]
                        if "buffer" not in state:
                            state["buffer"] = mt.zeros_like(p.data)
                        d_p = state["buffer"].mul_(group["momentum"]).add_(d_p)
                    p.data.add_(d_p, alpha=-group["lr"])

    p, q = (nn.Parameter(mt.tensor([1.0, -2.0])) for _ in range(2))
    own, ours = Own([p], lr=0.1, momentum=0.9), optim.SGD([q], lr=0.1, momentum=0.9)
    for _ in range(3):
        for parameter, optimizer in ((p, own), (q, ours)):
            optimizer.zero_grad()
            (parameter**2).sum().backward()
            optimizer.step()
    np.testing.assert_allclose(p.detach(), q.detach(), rtol=1e-6)
    with pytest.raises(ValueError, match="Own: lr must be given"):
        Own([p])

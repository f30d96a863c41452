"""graphed: replays equal the steps that they repeat, and what no graph can hold is refused."""

import copy
import pickle

import numpy as np
import pytest

import minitorch_cnn as mt
import minitorch_cnn.nn.functional as F
from minitorch_cnn import nn, optim
from tests.places import KERNEL_DEVICES

pytestmark = pytest.mark.skipif(not KERNEL_DEVICES, reason="no g++ on Linux, and no GPU")
device = pytest.fixture(params=KERNEL_DEVICES)(lambda request: request.param)

OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.1, weight_decay=1e-3),
    "Nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, maximize=True),
    "Adam": lambda p: optim.Adam(p, lr=0.01, amsgrad=True, weight_decay=1e-2),
    "AdamW": lambda p: optim.AdamW(p, lr=0.01),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
    "LARS": lambda p: optim.LARS(p, lr=0.1, weight_decay=1e-3),
}


def small_net(device, dropout=0.0):
    mt.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Dropout(dropout), nn.Linear(16, 5),
    ).to(device)  # fmt: skip


def batch(seed, device, size=6):
    rng = np.random.default_rng(seed)
    x = mt.tensor(rng.standard_normal((size, 1, 4, 4)).astype(np.float32))
    return x.to(device), mt.tensor(rng.integers(0, 5, size)).to(device)


def training_step(net, optimizer):
    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def state_of(net, optimizer):
    numbers = [t.cpu().numpy() for t in net.state_dict().values()]
    for state in optimizer.state_dict()["state"].values():
        numbers += [mt.devices.to_host(v) if mt.devices.is_array(v) else v for v in state.values()]
    return numbers


def trained(device, make, graph, steps=6, dropout=0.3):
    net = small_net(device, dropout)
    optimizer = make(net.parameters())
    scheduler = optim.lr_scheduler.StepLR(optimizer, 2, gamma=0.5)
    step = training_step(net, optimizer)
    step = mt.cuda.graphed(step, warmup=2) if graph else step
    mt.manual_seed(11)
    losses = []
    for i in range(steps):
        losses.append(step(*batch(i, device)).item())
        scheduler.step()
    return losses, state_of(net, optimizer), mt.get_rng_state()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_replays_equal_steps_while_rate_counts_and_random_numbers_change(name, device):
    eager, replayed = (trained(device, OPTIMIZERS[name], graph) for graph in (False, True))
    tolerance = 0 if device == "emulator" else 1e-5
    np.testing.assert_allclose(replayed[0], eager[0], rtol=tolerance)
    for found, expected in zip(replayed[1], eager[1], strict=True):
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
    assert replayed[2] == eager[2]


def test_a_capture_computes_nothing_and_later_calls_run_no_python(device):
    net = small_net(device)
    optimizer = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    plain, calls = training_step(net, optimizer), []

    def step(x, y):
        calls.append(len(calls))
        return plain(x, y)

    replayed = mt.cuda.graphed(step, warmup=1)
    for i in range(5):
        replayed(*batch(i, device))
    assert calls == [0, 1]
    assert net[1].num_batches_tracked.item() == 5


def test_results_are_fixed_tensors_in_the_form_of_the_step(device):
    double = mt.cuda.graphed(lambda x, k: {"y": (x * k, [x + k])}, warmup=0)
    x = mt.arange(3.0, device=device)
    first = double(x, k=2)
    assert first["y"][0].tolist() == [0, 2, 4] and first["y"][1][0].tolist() == [2, 3, 4]
    kept = first["y"][0].clone()
    second = double(x + 1, k=2)
    assert second["y"][0].tolist() == [2, 4, 6] == first["y"][0].tolist()
    assert kept.tolist() == [0, 2, 4] and not second["y"][0].requires_grad


def test_gradients_and_versions_of_parameters_are_those_of_a_step(device):
    net = small_net(device)
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    step = mt.cuda.graphed(training_step(net, optimizer), warmup=1)
    for i in range(2):
        step(*batch(i, device))
    version, gradient = net[0].weight._version, net[0].weight.grad.cpu().numpy().copy()
    optimizer.zero_grad()
    step(*batch(7, device))
    assert net[0].weight._version > version
    assert net[0].weight.grad is not None
    assert not np.array_equal(net[0].weight.grad.cpu().numpy(), gradient)


def test_dropout_draws_other_numbers_in_each_replay(device):
    x = mt.ones(1000, device=device)
    drop = mt.cuda.graphed(lambda x: (F.dropout(x, 0.5), F.dropout(x, 0.5)), warmup=0)
    mt.manual_seed(5)
    seen = [y.cpu().numpy().copy() for _ in range(3) for y in drop(x)]
    assert len({y.tobytes() for y in seen}) == 6
    mt.manual_seed(5)
    for i in range(0, 6, 2):
        np.testing.assert_array_equal(F.dropout(x, 0.5).cpu().numpy(), seen[i])
        np.testing.assert_array_equal(F.dropout(x, 0.5).cpu().numpy(), seen[i + 1])


def test_the_device_counts_steps_that_others_read_as_a_number(device):
    net = small_net(device)
    optimizer = optim.Adam(net.parameters())
    step = mt.cuda.graphed(training_step(net, optimizer), warmup=1)
    for i in range(3):
        step(*batch(i, device))
    (count, *_) = (state["step"] for state in optimizer.state.values())
    assert int(count) == count == 3 and count + 1 == 4 and repr(count) == "3"
    assert pickle.loads(pickle.dumps(count)) == copy.deepcopy(count) == 3
    assert type(optimizer.state_dict()["state"][0]["step"]) is int
    training_step(net, optimizer)(*batch(3, device))  # a step without the graph
    assert {state["step"] for state in optimizer.state.values()} == {4}
    step(*batch(4, device))
    assert {int(state["step"]) for state in optimizer.state.values()} == {5}


def scaled(device, graph):
    net = small_net(device, 0.2)
    optimizer = optim.Adam(net.parameters(), lr=0.01)
    scaler = mt.amp.GradScaler(device, init_scale=256.0, growth_interval=2)

    def step(x, y):
        optimizer.zero_grad()
        with mt.autocast(device):
            loss = F.cross_entropy(net(x), y)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
        return loss

    step = mt.cuda.graphed(step, warmup=2) if graph else step
    mt.manual_seed(11)
    scales = []
    for i in range(8):
        x, y = batch(i, device)
        if i in (1, 4):
            x[0, 0, 0, 0] = np.inf
        step(x, y)
        if i % 3 == 2:
            scales.append(scaler.get_scale())
    return scales, scaler.state_dict(), state_of(net, optimizer)


def test_a_scaler_keeps_its_scale_on_the_device_and_leaves_steps_out(device):
    eager, replayed = scaled(device, False), scaled(device, True)
    assert replayed[:2] == eager[:2]
    assert set(eager[0]) != {256}
    for found, expected in zip(replayed[2], eager[2], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6, equal_nan=True)


REFUSED = {
    "item": (lambda x: x.sum().item(), r"item\(\), for which the host waits,"),
    "tolist": (lambda x: x.tolist(), r"tolist\(\), for which the host waits,"),
    "a branch": (lambda x: x if x.sum() > 0 else -x, r"bool\(tensor\), for which the host waits,"),
    "an index": (lambda x: range(x.argmax()), r"int\(tensor\), for which the host waits,"),
    "a copy to the CPU": (lambda x: x.cpu(), "a copy to the CPU, for which the host waits,"),
    "a CPU tensor": (
        lambda x: x + mt.ones(3).to(x.device),
        r"a copy of a tensor of shape \(3,\) from cpu to ",
    ),
    "a mask": (lambda x: x[x > 0], "(indexing by a mask|what CuPy refuses)"),
    "nonzero": (lambda x: x.nonzero(), "(argwhere|what CuPy refuses)"),
    "numbers of the host": (lambda x: x + mt.randperm(3), "a random number"),
    "a first step": (lambda x: first_step(x), "a first step, which makes momentum_buffer,"),
    "an optimizer": (
        lambda x: one_by_one(x),
        "Adagrad.step of parameters one by one, as on the CPU,",
    ),
}


def first_step(x):
    p = nn.Parameter(x.clone())
    p.grad = x
    optim.SGD([p], lr=0.1, momentum=0.9).step()


def one_by_one(x):
    p = nn.Parameter(x.clone())
    p.grad = x
    optim.Adagrad([p], lr=0.1).step()


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_graph_cannot_hold_is_named_with_its_place(case, device):
    step, what = REFUSED[case]
    x = mt.tensor([1.0, -2.0, 3.0], device=device)
    rule = rf"^graphed: {what}.* cannot be captured, in test_graphs.py:\d+: "
    with pytest.raises(RuntimeError, match=rule):
        mt.cuda.graphed(step, warmup=0)(x)
    assert (x + 1).tolist() == [2, -1, 4]  # nothing is captured any more


def test_a_step_that_cannot_be_captured_changes_nothing(device):
    net = small_net(device)
    optimizer = optim.Adam(net.parameters(), lr=0.1)
    plain = training_step(net, optimizer)

    def step(x, y):
        loss = plain(x, y)
        return loss.item() if replayed.calls else loss

    replayed = mt.cuda.graphed(step, warmup=1)
    replayed.step = plain
    replayed(*batch(0, device))
    replayed.step = step
    before, gradient = state_of(net, optimizer), net[0].weight.grad
    with pytest.raises(RuntimeError, match=r"graphed: item\(\)"):
        replayed(*batch(1, device))
    for found, expected in zip(state_of(net, optimizer), before, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert net[0].weight.grad is gradient
    assert all(type(state["step"]) is int for state in optimizer.state.values())


def test_errors_of_the_step_itself_are_passed_on(device):
    def step(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        mt.cuda.graphed(step, warmup=0)(mt.ones(2, device=device))


def test_arguments_must_be_those_of_the_captured_call(device):
    scale = mt.cuda.graphed(lambda x, k: x * k, warmup=0)
    x = mt.ones(2, 3, device=device)
    scale(x, 2)
    with pytest.raises(ValueError, match=r"^graphed: tensor 0 .* has shape \(3, 3\), but \(2, 3\)"):
        scale(mt.ones(3, 3, device=device), 2)
    with pytest.raises(ValueError, match=r"^graphed: tensor 0 .* has dtype float64, but float32"):
        scale(x.double(), 2)
    with pytest.raises(TypeError, match=r"^graphed: arguments .* must be those of the captured"):
        scale(x, 3)
    with pytest.raises(RuntimeError, match=r"^graphed: tensor 0 of the arguments is on cpu; all"):
        scale(mt.ones(2, 3), 2)
    with pytest.raises(RuntimeError, match=r"^graphed: tensor 0 of the arguments requires grad"):
        scale(mt.ones(2, 3, device=device, requires_grad=True), 2)
    scale.reset()
    assert scale(mt.ones(3, 3, device=device), 3).sum().item() == 27


def test_what_replaces_memory_or_settings_of_a_graph_is_noticed(device):
    net = small_net(device)
    optimizer = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    step = mt.cuda.graphed(training_step(net, optimizer), warmup=1)
    for i in range(2):
        step(*batch(i, device))
    optimizer.param_groups[0]["nesterov"] = True
    with pytest.raises(RuntimeError, match=r"^graphed: nesterov of SGD was changed after"):
        step(*batch(2, device))
    optimizer.param_groups[0]["nesterov"] = False
    optimizer.load_state_dict(optimizer.state_dict())
    with pytest.raises(RuntimeError, match=r"^graphed: the settings and the state of SGD were"):
        step(*batch(2, device))
    step.reset()
    step(*batch(2, device))
    buffers = optimizer.state[net[0].weight]
    buffers["momentum_buffer"] = buffers["momentum_buffer"].copy()
    with pytest.raises(RuntimeError, match=r"^graphed: momentum_buffer of SGD was replaced after"):
        step(*batch(2, device))
    step.reset()
    step(*batch(2, device))
    net[0].weight.data = net[0].weight.data.clone()
    with pytest.raises(RuntimeError, match=r"^graphed: the memory of a parameter of SGD, of shape"):
        step(*batch(3, device))


def test_a_cpu_and_senseless_settings_are_refused():
    with pytest.raises(RuntimeError, match=r"^graphed: tensor 0 of the arguments is on cpu"):
        mt.cuda.graphed(lambda x: x)(mt.ones(2))
    with pytest.raises(RuntimeError, match=r"^graphed: device='cpu' has no graphs"):
        mt.cuda.graphed(lambda: 0, device="cpu")()
    with pytest.raises(TypeError, match=r"^graphed: step must be a function, got int"):
        mt.cuda.graphed(3)
    with pytest.raises(ValueError, match=r"^graphed: warmup=-1 must be an integer of at least 0"):
        mt.cuda.graphed(print, warmup=-1)


def test_a_graph_within_a_graph_is_refused(device):
    inner = mt.cuda.graphed(lambda x: x * 2, warmup=0)
    with pytest.raises(RuntimeError, match=r"^graphed: a graph within a graph cannot be captured"):
        mt.cuda.graphed(lambda x: inner(x), warmup=0)(mt.ones(2, device=device))


def test_a_step_without_tensors_works_where_it_is_told(device):
    total = mt.zeros(2, device=device)

    def step():
        total.add_(1)
        return total

    count = mt.cuda.graphed(step, warmup=1, device=device)
    assert [count().tolist() for _ in range(3)] == [[1, 1], [2, 2], [3, 3]]

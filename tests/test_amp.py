"""Mixed precision: which results have 16 bits, what casting and scaling do to gradients."""

import threading

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.nn import functional as F
from tests.places import KERNEL_DEVICES

pytest.importorskip("ml_dtypes")

FAST = [mt.float16, mt.bfloat16]
both = pytest.mark.parametrize("fast", FAST, ids=str)


def x_of(*shape, dtype=mt.float32, seed=0):
    rng = np.random.default_rng(seed)
    return mt.from_numpy(rng.uniform(0.2, 0.9, shape).astype(np.float32)).to(dtype)


LABELS = mt.tensor([0, 2])

# From float32: what products and convolutions make of it.
LOWER = {
    "matmul": lambda x: x @ x,
    "mm": lambda x: x.mm(x),
    "mv": lambda x: x.mv(x[0]),
    "bmm": lambda x: x[None].bmm(x[None]),
    "addmm": lambda x: mt.addmm(x, x, x),
    "baddbmm": lambda x: mt.baddbmm(x[None], x[None], x[None]),
    "linear": lambda x: F.linear(x, x, x[0]),
    "einsum": lambda x: mt.einsum("ij,jk->ik", x, x),
    "conv1d": lambda x: F.conv1d(x[None], x[:, :, None]),
    "conv2d": lambda x: F.conv2d(x[None, :, None], x[:, :, None, None], x[0]),
    "conv_transpose1d": lambda x: F.conv_transpose1d(x[None], x[:, :, None]),
    "conv_transpose2d": lambda x: F.conv_transpose2d(x[None, :, None], x[:, :, None, None]),
    "prelu": lambda x: F.prelu(x, x[0]),
}
# From 16 bits: what stays float32.
FLOAT32 = {
    **{
        name: lambda x, name=name: getattr(mt, name)(x)
        for name in (
            "acos", "asin", "cosh", "erfinv", "exp", "expm1", "log", "log10", "log1p", "log2",
            "prod", "reciprocal", "rsqrt", "sinh", "sum", "tan", "norm",
        )
    },
    "cumsum": lambda x: x.cumsum(0),
    "cumprod": lambda x: x.cumprod(0),
    "pow": lambda x: x**3,
    "square": lambda x: x**2,
    "number to a power": lambda x: 2**x,
    "number by": lambda x: 1 / x,
    "softmax": lambda x: x.softmax(1),
    "softmin": lambda x: F.softmin(x, 1),
    "log_softmax": lambda x: F.log_softmax(x, 1),
    "softplus": F.softplus,
    "layer_norm": lambda x: F.layer_norm(x, (3,)),
    "group_norm": lambda x: F.group_norm(x, 1),
    "cosine_similarity": lambda x: F.cosine_similarity(x, x),
    "cross_entropy": lambda x: F.cross_entropy(x[:2], LABELS),
    "nll_loss": lambda x: F.nll_loss(x[:2], LABELS),
    "mse_loss": lambda x: F.mse_loss(x, x.T),
    "l1_loss": lambda x: F.l1_loss(x, x.T),
    "smooth_l1_loss": lambda x: F.smooth_l1_loss(x, x.T),
    "bce with logits": lambda x: F.binary_cross_entropy_with_logits(x, x),
    "kl_div": lambda x: F.kl_div(x, x, reduction="sum"),
    "soft_margin_loss": lambda x: F.soft_margin_loss(x, x),
    "triplet_margin_loss": lambda x: F.triplet_margin_loss(x, x.T, x + 1),
    "cdist": lambda x: mt.cdist(x, x),
}  # fmt: skip
# From 16 bits: what takes what it is given.
GIVEN = {
    "add": lambda x: x + x,
    "mean": lambda x: x.mean(),
    "relu": lambda x: x.relu(),
    "sigmoid": lambda x: x.sigmoid(),
    "gelu": F.gelu,
    "max_pool2d": lambda x: F.max_pool2d(x[None, None], 2),
    "avg_pool2d": lambda x: F.avg_pool2d(x[None, None], 2),
    "batch_norm": lambda x: F.batch_norm(x, x_of(3), x_of(3), x_of(3), x_of(3), True),
    "dropout": lambda x: F.dropout(x, 0.5),
    "sqrt": lambda x: x.sqrt(),
    "cat": lambda x: mt.cat([x, x]),
}
# Of both: what computes in the wider.
WIDEST = {
    "dot": lambda x, y: mt.dot(x[0], y[0]),
    "tensordot": lambda x, y: mt.tensordot(x, y, 1),
    "bilinear": lambda x, y: F.bilinear(x, y, y[None]),
    "grid_sample": lambda x, y: F.grid_sample(x[None, None], y[None, :, :2, None].mT),
    "addcmul": lambda x, y: mt.addcmul(x, y, x),
    "atan2": mt.atan2,
    "add": lambda x, y: x + y,
    "cat": lambda x, y: mt.cat([x, y]),
}


@both
@pytest.mark.parametrize("name", LOWER)
def test_products_compute_in_16_bits(name, fast):
    x = x_of(3, 3)
    expected = LOWER[name](x)
    with mt.autocast("cpu", fast):
        y = LOWER[name](x)
        assert LOWER[name](x.double()).dtype == mt.float64
        mixed = LOWER[name](x.to(fast))
    assert expected.dtype == mt.float32 and y.dtype == mixed.dtype == fast
    assert mt.allclose(y.float(), expected, rtol=0.02)


@both
@pytest.mark.parametrize("name", FLOAT32)
def test_what_sums_or_grows_gives_float32(name, fast):
    x = x_of(3, 3, dtype=fast)
    assert FLOAT32[name](x).dtype == fast
    with mt.autocast("cpu", fast):
        y = FLOAT32[name](x)
    assert y.dtype == mt.float32
    expected = FLOAT32[name](x.float())
    np.testing.assert_allclose(y.numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)


@both
@pytest.mark.parametrize("name", GIVEN)
def test_all_else_takes_what_it_is_given(name, fast):
    with mt.autocast("cpu", fast):
        assert GIVEN[name](x_of(3, 3)).dtype == mt.float32
        assert GIVEN[name](x_of(3, 3, dtype=fast)).dtype == fast


@both
@pytest.mark.parametrize("name", WIDEST)
def test_two_dtypes_meet_in_the_wider(name, fast):
    x, y = x_of(3, 3, dtype=fast), x_of(3, 3, seed=1)
    with mt.autocast("cpu", fast):
        found = WIDEST[name](x, y)
        assert WIDEST[name](x, x).dtype == fast
    assert found.dtype == mt.float32
    np.testing.assert_allclose(
        found.numpy(), WIDEST[name](x.float(), y).numpy(), rtol=1e-6, atol=1e-7
    )


def test_defaults_blocks_within_blocks_and_other_devices():
    x = x_of(2, 2)
    assert not mt.is_autocast_enabled("cpu")
    with mt.autocast("cpu"):
        assert mt.is_autocast_enabled("cpu") and not mt.is_autocast_enabled()
        assert (x @ x).dtype == mt.bfloat16
        with mt.autocast("cpu", mt.float16):
            assert (x @ x).dtype == mt.float16
            with mt.autocast("cpu", enabled=False):
                assert (x @ x).dtype == mt.float32 and not mt.is_autocast_enabled("cpu")
        with mt.autocast("emulator"):
            assert (x @ x).dtype == mt.bfloat16
            with mt.autocast("cuda"):  # there is none here, or none of its tensors
                assert (x @ x).dtype == mt.bfloat16
        seen = []
        thread = threading.Thread(target=lambda: seen.append((x @ x).dtype))
        thread.start()
        thread.join()
    assert seen == [mt.float32] and (x @ x).dtype == mt.float32


def test_threads_may_share_one_object():
    shared, inside, left, seen = mt.autocast("cpu"), threading.Event(), threading.Event(), []

    def other():
        with mt.autocast("cpu", mt.float16), shared:
            inside.set()
            left.wait(10)
            seen.append((x_of(2, 2) @ x_of(2, 2)).dtype)

    thread = threading.Thread(target=other)
    with shared:
        thread.start()
        assert inside.wait(10)
    assert (x_of(2, 2) @ x_of(2, 2)).dtype == mt.float32
    left.set()
    thread.join()
    assert seen == [mt.bfloat16]


def test_errors_leave_no_block_open():
    x = x_of(2, 2)
    with pytest.raises(ZeroDivisionError), mt.autocast("cpu"):
        raise ZeroDivisionError
    assert (x @ x).dtype == mt.float32
    with pytest.raises(RuntimeError, match=r"^autocast: device_type='tpu' must be one of cuda"):
        mt.autocast("tpu")
    with pytest.warns(UserWarning, match=r"^autocast: dtype=float32 must be float16 or bfloat16"):
        off = mt.autocast("cpu", mt.float32)
    with off:
        assert (x @ x).dtype == mt.float32
    with mt.autocast("cpu"), pytest.raises(RuntimeError, match=r"^binary_cross_entropy: in auto"):
        F.binary_cross_entropy(x, x)


def test_it_decorates():
    @mt.autocast("cpu", mt.float16)
    def product(x):
        return x @ x

    assert product(x_of(2, 2)).dtype == mt.float16
    assert product.__name__ == "product"


@both
def test_weights_are_cast_once_and_get_gradients_of_float32(fast):
    net = nn.Linear(3, 3)
    x = x_of(4, 3)
    with mt.autocast("cpu", fast):
        y = net(net(x))
        with mt.no_grad():
            assert not net(x).requires_grad
        assert net(x).requires_grad
        (first,) = {id(f) for f in weights_cast(y, net.weight)}
        with mt.no_grad():
            net.weight.mul_(2)
        assert mt.allclose(net(x).float(), F.linear(x, net.weight, net.bias), rtol=0.05, atol=0.05)
        loss = net(x).sum()
        loss.backward()  # in the block, too
    assert loss.dtype == mt.float32 and net.weight.grad.dtype == mt.float32
    expected = x.sum(0).expand(3, 3)
    assert mt.allclose(net.weight.grad, expected, rtol=0.02)
    assert first


def weights_cast(y, weight):
    """The nodes behind `y` that take `weight`."""
    waiting, seen = [y.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        for edge in getattr(node, "edges", ()):
            if edge is not None and edge[0] is weight:
                yield node
            elif edge is not None and hasattr(edge[0], "edges"):
                waiting.append(edge[0])


@both
def test_second_derivatives_and_checkpoints(fast):
    mt.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
    x = x_of(5, 3).requires_grad_()

    def penalty(run):
        with mt.autocast("cpu", fast):
            y = run(x).sum()
        (g,) = mt.autograd.grad(y, x, create_graph=True)
        assert g.dtype == mt.float32
        return mt.autograd.grad((g * g).sum(), list(net.parameters()), allow_unused=True)

    found = penalty(net)
    again = penalty(lambda x: mt.checkpoint(net, x))
    y = net(x).sum()
    (g,) = mt.autograd.grad(y, x, create_graph=True)
    expected = mt.autograd.grad((g * g).sum(), list(net.parameters()), allow_unused=True)
    for a, b, e in zip(found, again, expected, strict=True):
        assert (a is None) == (b is None) == (e is None)
        if a is not None:
            scale = float(e.abs().max())
            assert float((a - e).abs().max()) < 0.05 * scale
            assert float((a - b).abs().max()) < 0.02 * scale  # sums are rounded elsewhere


def test_functions_of_one_s_own_run_as_they_ask():
    seen = []

    class Product(mt.autograd.Function):
        @staticmethod
        @mt.amp.custom_fwd(device_type="cpu", cast_inputs=mt.float32)
        def forward(ctx, x, w):
            ctx.save_for_backward(x, w)
            seen.append((x.dtype, (x @ w).dtype))
            return x @ w

        @staticmethod
        @mt.amp.custom_bwd(device_type="cpu")
        def backward(ctx, gy):
            x, w = ctx.saved_tensors
            seen.append((gy @ w.T).dtype)
            return gy @ w.T, x.T @ gy

    class AsCalled(Product):
        @staticmethod
        @mt.amp.custom_fwd(device_type="cpu")
        def forward(ctx, x, w):
            ctx.save_for_backward(x, w)
            seen.append((x.dtype, (x @ w).dtype))
            return (x @ w).float()

    x, w = x_of(2, 3).requires_grad_(), x_of(3, 2).requires_grad_()
    with mt.autocast("cpu", mt.float16):
        Product.apply(x.half(), w).sum().backward()
        assert seen == [(mt.float32, mt.float32), mt.float32]
        seen.clear()
        AsCalled.apply(x, w).sum().backward()
        assert seen == [(mt.float32, mt.float16), mt.float16]
        y = AsCalled.apply(x, w)
    seen.clear()
    y.sum().backward()  # outside of the block
    assert seen == [mt.float16] and x.grad.dtype == mt.float32


# ------------------------------------------------------------------------------------- GradScaler


def step(scaler, optimizer, weight, gradient):
    """One step whose loss has that gradient."""
    optimizer.zero_grad()
    scaler.scale((weight * gradient).sum()).backward()
    scaler.step(optimizer)
    scaler.update()


def test_the_scale_falls_at_an_overflow_and_grows_after_a_while():
    weight = nn.Parameter(mt.zeros(2))
    optimizer = mt.optim.SGD([weight], lr=1.0)
    scaler = mt.amp.GradScaler("cpu", init_scale=4.0, growth_interval=2)
    one = mt.ones(2)
    step(scaler, optimizer, weight, one)
    assert weight.tolist() == [-1, -1] and scaler.get_scale() == 4
    step(scaler, optimizer, weight, one * float("inf"))
    assert weight.tolist() == [-1, -1] and scaler.get_scale() == 2
    step(scaler, optimizer, weight, mt.tensor([1.0, float("nan")]))
    assert weight.tolist() == [-1, -1] and scaler.get_scale() == 1
    for _ in range(2):
        step(scaler, optimizer, weight, one)
    assert weight.tolist() == [-3, -3] and scaler.get_scale() == 2
    assert scaler.state_dict() == {
        "scale": 2.0, "growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 2,
        "_growth_tracker": 0,
    }  # fmt: skip
    other = mt.amp.GradScaler("cpu")
    other.load_state_dict(scaler.state_dict())
    assert other.state_dict() == scaler.state_dict()


def test_a_step_equals_pytorch_s():
    torch = pytest.importorskip("torch")
    results = []
    for m in (mt, torch):
        weight = m.nn.Parameter(m.zeros(3))
        optimizer = m.optim.SGD([weight], lr=0.5, momentum=0.9)
        scaler = m.amp.GradScaler("cpu", init_scale=8.0, growth_interval=3)
        scales = []
        for k in range(12):
            gradient = m.tensor([1.0, -2.0, float("inf") if k in (4, 5) else 3.0])
            step(scaler, optimizer, weight, gradient)
            scales.append(scaler.get_scale())
        results.append((weight.tolist(), scales, scaler.state_dict()))
    assert results[0] == results[1]


def test_gradients_can_be_clipped_between_unscaling_and_the_step():
    weight = nn.Parameter(mt.zeros(2))
    optimizer = mt.optim.SGD([weight], lr=1.0)
    scaler = mt.amp.GradScaler("cpu", init_scale=1024.0)
    scaler.scale((weight * mt.tensor([3.0, 4.0])).sum()).backward()
    scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match=r"^unscale_: the optimizer has unscaled"):
        scaler.unscale_(optimizer)
    norm = nn.utils.clip_grad_norm_([weight], 1.0)
    scaler.step(optimizer)
    assert norm.item() == 5 and np.allclose(weight.tolist(), [-0.6, -0.8])
    with pytest.raises(RuntimeError, match=r"^step: the optimizer has stepped"):
        scaler.step(optimizer)
    scaler.update()
    with pytest.raises(RuntimeError, match=r"^update: no optimizer has stepped"):
        scaler.update()


def test_what_it_refuses():
    with pytest.raises(ValueError, match=r"^GradScaler: .*growth_factor=0.5 above 1"):
        mt.amp.GradScaler("cpu", growth_factor=0.5)
    with pytest.raises(RuntimeError, match=r"^GradScaler: device_type='tpu'"):
        mt.amp.GradScaler("tpu")
    weight = nn.Parameter(mt.zeros(2, dtype=mt.float16))
    optimizer = mt.optim.SGD([weight], lr=1.0)
    scaler = mt.amp.GradScaler("cpu")
    weight.sum().backward()
    with pytest.raises(ValueError, match=r"^unscale_: a gradient has dtype float16"):
        scaler.step(optimizer)
    with pytest.raises(RuntimeError, match=r"^step: a closure"):
        scaler.step(optimizer, closure=lambda: 0)
    with pytest.raises(RuntimeError, match=r"^load_state_dict: state_dict is empty"):
        scaler.load_state_dict({})


def test_several_losses_in_containers_are_scaled():
    scaler = mt.amp.GradScaler("cpu", init_scale=2.0)
    found = scaler.scale({"a": mt.ones(1), "b": [mt.ones(2), (mt.ones(1),)]})
    assert found["a"].tolist() == [2] and found["b"][1][0].tolist() == [2]


@both
def test_a_small_net_learns_in_mixed_precision(fast):
    mt.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, groups=8), nn.GELU(), nn.Flatten(), nn.Linear(32, 2),
    )  # fmt: skip
    labels = mt.tensor([0, 1] * 8)
    x = mt.randn(16, 1, 8, 8) + 2 * labels.reshape(-1, 1, 1, 1)
    optimizer = mt.optim.Adam(net.parameters(), lr=0.01)
    scaler = mt.amp.GradScaler("cpu")
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        with mt.autocast("cpu", fast):
            logits = net(x)
            loss = F.cross_entropy(logits, labels)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.item())
    assert logits.dtype == fast and loss.dtype == mt.float32
    assert {p.dtype for p in net.parameters()} == {mt.float32}
    assert losses[-1] < losses[0] / 4


def trained(net, images, labels, device, fast, steps, rate=0.05):
    """The losses of steps over batches of 32 in order, by momentum SGD with a falling rate."""
    net.to(device)
    x, y = (mt.tensor(part).to(device) for part in (images, labels))
    optimizer = mt.optim.SGD(net.parameters(), lr=rate, momentum=0.9)
    scaler = mt.amp.GradScaler(device, enabled=fast == mt.float16)
    losses = []
    for k in range(steps):
        optimizer.param_groups[0]["lr"] = rate * (1 + np.cos(np.pi * k / steps))
        at = 32 * k % (len(labels) - 31)
        optimizer.zero_grad()
        with mt.autocast(device, fast, enabled=fast is not None):
            loss = F.cross_entropy(net(x[at : at + 32]), y[at : at + 32])
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.item())
    return losses


@both
@pytest.mark.parametrize("device", KERNEL_DEVICES)
def test_ten_steps_on_a_device_equal_those_on_the_cpu(device, fast):
    rng = np.random.default_rng(0)
    images = rng.standard_normal((64, 1, 6, 6), np.float32)
    labels = rng.integers(0, 2, 64)
    found = []
    for place in ("cpu", device):
        mt.manual_seed(0)
        net = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3, 1, 1, groups=4),
            nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 2),
        )  # fmt: skip
        found.append(trained(net, images, labels, place, fast, 10))
    np.testing.assert_allclose(*found, rtol=2e-3 if fast == mt.float16 else 1e-2)


@pytest.mark.slow
def test_resnet20_reaches_the_accuracy_of_float32_on_the_digits():
    from minitorch_cnn.course import digits

    images, labels = digits(True, 16)
    unseen, theirs = digits(False, 16)
    accuracy = {}
    for fast in (None, *FAST):
        mt.manual_seed(0)
        net = mt.models.create_model("resnet20_cifar", in_channels=1)
        trained(net, images, labels, "cpu", fast, 4 * len(labels) // 32)
        net.eval()
        with mt.no_grad():
            accuracy[fast] = float((net(mt.tensor(unseen)).argmax(1).numpy() == theirs).mean())
    assert accuracy[None] > 0.95
    assert min(accuracy.values()) > accuracy[None] - 0.02, accuracy

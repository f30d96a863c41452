"""What PyTorch has for speed or for several processes: accepted where it changes no result."""

import importlib

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import jit, nn
from minitorch_cnn.cuda.amp import GradScaler, autocast
from minitorch_cnn.utils.data import DataLoader, DistributedSampler


@pytest.mark.parametrize(
    ("context", "scaler"),
    [
        (lambda: autocast(), GradScaler()),
        (lambda: autocast(enabled=True, dtype=mt.float16), GradScaler(enabled=True)),
        (lambda: mt.amp.autocast("cuda", dtype=mt.float16), mt.amp.GradScaler("cuda")),
        (lambda: mt.autocast(device_type="cpu", enabled=False), mt.cuda.amp.GradScaler(2.0**10)),
    ],
)
def test_a_step_in_mixed_precision_is_a_step(context, scaler):
    weights = []
    for mixed in (False, True):
        mt.manual_seed(0)
        layer = nn.Linear(3, 2)
        optimizer = mt.optim.SGD(layer.parameters(), lr=0.1)
        x = mt.randn(4, 3)
        if mixed:
            with context():
                loss = layer(x).square().mean()
                assert not mt.is_autocast_enabled()
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            assert scaler.step(optimizer) is None
            scaler.update()
        else:
            layer(x).square().mean().backward()
            optimizer.step()
        weights.append(layer.weight.detach().numpy())
    np.testing.assert_array_equal(*weights)
    assert scaler.get_scale() == 1 and not scaler.is_enabled() and scaler.state_dict() == {}
    scaler.load_state_dict({"scale": 3})


def test_autocast_decorates_and_so_do_the_functions_of_one_s_own():
    @autocast()
    def double(x):
        return 2 * x

    assert double(3) == 6

    class Double(mt.autograd.Function):
        @staticmethod
        @mt.cuda.amp.custom_fwd
        def forward(ctx, x):
            return 2 * x

        @staticmethod
        @mt.amp.custom_bwd(device_type="cuda")
        def backward(ctx, gy):
            return 2 * gy

    x = mt.ones(2, requires_grad=True)
    Double.apply(x).sum().backward()
    assert x.grad.tolist() == [2, 2]


def test_compiled_is_what_was_given():
    layer = nn.Linear(2, 2)
    assert jit.script(layer) is layer
    assert jit.trace(layer, mt.zeros(1, 2)) is layer

    @mt.compile(fullgraph=True)
    @jit.script
    @jit.ignore
    @jit.unused
    @jit.export
    def half(x):
        return x / 2

    @jit.ignore(drop=True)
    def third(x):
        return x / 3

    assert half(4) == 2 and third(3) == 1
    assert not jit.is_scripting() and not jit.is_tracing()
    for call in (jit.save, jit.load):
        with pytest.raises(RuntimeError, match=r"^jit\.\w+: "):
            call(layer, "file")


def test_data_parallel_is_one_module():
    with pytest.raises(RuntimeError, match=r"^DistributedDataParallel: there is no process group"):
        nn.parallel.DistributedDataParallel(nn.Linear(2, 2))
    model = nn.DataParallel(nn.Linear(2, 2))
    assert not isinstance(model, nn.parallel.DistributedDataParallel)
    x = mt.zeros(3, 2)
    assert nn.parallel.data_parallel(model.module, x).shape == (3, 2)
    assert mt.multiprocessing.get_start_method() and mt.multiprocessing.cpu_count() > 0
    mt.multiprocessing.set_sharing_strategy(mt.multiprocessing.get_sharing_strategy())
    with pytest.raises(RuntimeError, match=r"^multiprocessing.spawn: "):
        mt.multiprocessing.spawn(print, nprocs=2)


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
def test_replicas_share_the_samples(drop_last, shuffle):
    data = list(range(10))
    place = importlib.import_module("minitorch_cnn.utils.data.distributed")
    assert place.DistributedSampler is DistributedSampler
    parts = [DistributedSampler(data, 3, r, shuffle, drop_last=drop_last) for r in range(3)]
    assert [len(p) for p in parts] == [3 if drop_last else 4] * 3
    taken = [i for p in parts for i in p]
    assert len(set(taken)) == (9 if drop_last else 10)
    if not shuffle:
        assert list(parts[1]) == ([1, 4, 7] if drop_last else [1, 4, 7, 0])
    before = list(parts[0])
    assert list(parts[0]) == before
    parts[0].set_epoch(1)
    assert (list(parts[0]) != before) == shuffle
    assert len(DataLoader(data, sampler=DistributedSampler(data))) == 10
    with pytest.raises(ValueError, match=r"^DistributedSampler: rank=3 must be in 0..2"):
        DistributedSampler(data, 3, 3)

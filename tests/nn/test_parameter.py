"""Parameters without memory; test_module tests ordinary ones."""

import threading
import tracemalloc

import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn, optim
from minitorch_cnn.nn import init


def net():
    """Layers of every kind that has parameters."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.ConvTranspose2d(8, 4, 3, groups=2),
        nn.BatchNorm2d(4),
        nn.GroupNorm(2, 4),
        nn.PReLU(4),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.LayerNorm(4),
        nn.Linear(4, 2),
    )


@pytest.fixture
def hollow():
    """The net without memory."""
    with nn.shapes_only():
        return net()


def test_a_model_without_memory_has_the_shapes_dtypes_and_repr_of_one_with():
    with nn.shapes_only():
        hollow, recurrent = net(), nn.LSTM(3, 5, num_layers=2)
        assert nn.Embedding(9, 4, padding_idx=2).weight.shape == (9, 4)
        double = nn.Linear(2, 3, dtype=mt.float64)
    expected = net()
    assert repr(hollow) == repr(expected)
    for a, b in zip(hollow.parameters(), expected.parameters(), strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype and a.requires_grad and a.is_leaf
    state = {name: t.shape for name, t in hollow.state_dict().items()}
    assert state == {name: t.shape for name, t in expected.state_dict().items()}
    shapes = [p.shape for p in recurrent.parameters()]
    assert shapes == [p.shape for p in nn.LSTM(3, 5, num_layers=2).parameters()]
    assert double.weight.dtype == mt.float64


def test_a_model_without_memory_takes_none_and_draws_no_numbers():
    mt.manual_seed(3)
    expected = mt.randn(2).tolist()
    mt.manual_seed(3)
    tracemalloc.start()
    try:
        with nn.shapes_only():
            layer = nn.Linear(10**5, 10**5)
            init.kaiming_normal_(layer.weight)
            init.orthogonal_(layer.weight)
            init.trunc_normal_(layer.weight)
            init.eye_(layer.weight)
            init.constant_(layer.bias, 1)
        assert layer(mt.zeros(0, 10**5)).shape == (0, 10**5)
        assert tracemalloc.get_traced_memory()[1] < 50_000
    finally:
        tracemalloc.stop()
    assert layer.weight.numel() == 10**10
    assert not layer.weight.array.flags.writeable and layer.weight.array.strides == (0, 0)
    assert mt.randn(2).tolist() == expected


def test_shapes_only_ends_with_its_block_after_an_error_too_and_nests():
    with pytest.raises(KeyError), nn.shapes_only():
        raise KeyError
    with nn.shapes_only():
        with nn.shapes_only():
            pass
        assert not nn.Linear(2, 2).weight.array.flags.writeable
    assert nn.Linear(2, 2).weight.array.flags.writeable


def test_shapes_only_holds_for_its_own_thread():
    made = []
    with nn.shapes_only():
        thread = threading.Thread(target=lambda: made.append(nn.Linear(2, 2)))
        thread.start()
        thread.join()
    assert made[0].weight.array.flags.writeable


def test_training_a_model_without_memory_says_what_is_wrong(hollow):
    optimizer = optim.SGD(hollow.parameters(), lr=0.1)
    optimizer.zero_grad()
    with pytest.raises(RuntimeError, match=r"made under shapes_only and has no memory"):
        hollow(mt.randn(2, 3, 5, 5)).sum().backward()


def test_loading_into_a_model_without_memory_says_what_is_wrong(hollow):
    with pytest.raises(RuntimeError, match=r"0.weight has no memory to write to"):
        hollow.load_state_dict(net().state_dict())

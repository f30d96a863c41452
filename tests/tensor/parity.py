"""Running one expression in PyTorch and here, and comparing what comes out: result or refusal."""

import numpy as np

import minitorch_cnn as mt
from minitorch_cnn.tensor import Tensor

REFUSALS = (ValueError, TypeError, RuntimeError, IndexError)


def array_of(t):
    """The NumPy array of a tensor of either kind."""
    return t.array if isinstance(t, Tensor) else t.detach().numpy(force=True)


def outcome(fn):
    """fn() as arrays, numbers or lists of these; the exception where it raises one."""
    try:
        result = fn()
    except (*REFUSALS, NotImplementedError) as error:
        return error
    return _plain(result)


def _plain(result):
    if isinstance(result, tuple | list):
        return [_plain(r) for r in result]
    if hasattr(result, "requires_grad"):
        return np.asarray(array_of(result))
    return result


def assert_same(ours, theirs, **tolerance):
    """Equal shapes, dtypes and values; or both an exception."""
    if isinstance(theirs, Exception) or isinstance(ours, Exception):
        assert isinstance(theirs, Exception), f"PyTorch gives {theirs!r}, here {ours!r} is raised"
        assert isinstance(ours, REFUSALS), f"PyTorch raises {theirs!r}, here {ours!r} comes out"
        return
    if isinstance(theirs, list):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert_same(a, b, **tolerance)
        return
    if isinstance(theirs, np.ndarray):
        assert ours.shape == theirs.shape
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, **{"rtol": 1e-6, "atol": 1e-7, **tolerance})
        return
    assert ours == theirs


def compare(torch, fn, *arrays, **tolerance):
    """fn(m, *tensors of arrays) in both libraries."""
    ours = outcome(lambda: fn(mt, *(Tensor(np.array(a)) for a in arrays)))
    theirs = outcome(lambda: fn(torch, *(torch.from_numpy(np.array(a)) for a in arrays)))
    assert_same(ours, theirs, **tolerance)


def dtype_in(m, name):
    """The dtype of library `m` by its name."""
    return np.dtype(name) if m is mt else getattr(m, name)

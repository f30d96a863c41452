"""Comparisons that the tests of the families share."""

import numpy as np

import minitorch_cnn as mt
from minitorch_cnn.nn import init


def gradients_are_slopes(module, *shape):
    """gradcheck of a module in float64, by its input of that shape and by all its parameters, along
    directions: the ops in it are checked element by element in tests/functional.
    """
    mt.manual_seed(0)
    module.double()
    owners = [(m, name) for m in module.modules() for name, _ in m.named_parameters(recurse=False)]
    params = [init.normal_(owner._parameters[name], 0, 0.5) for owner, name in owners]
    x = mt.randn(*shape, dtype=mt.float64, requires_grad=True)

    def run(x, *values):
        for (owner, name), value in zip(owners, values, strict=True):
            owner._parameters[name] = value
        return module(x)

    assert mt.gradcheck(run, (x, *params), fast_mode=True)


def agrees_with_torch(torch, ours, theirs, *shape):
    """Equal weights give equal outputs, and equal gradients for a random cotangent, in float64."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape)
    ours.double()
    theirs.double()
    with torch.no_grad():
        for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
            q.copy_(torch.from_numpy(p.detach().numpy()))
    a, b = mt.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, z = ours(a), theirs(b)
    np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=1e-9, atol=1e-12)
    cotangent = rng.standard_normal(y.shape)
    y.backward(mt.tensor(cotangent))
    z.backward(torch.tensor(cotangent))
    found = [a.grad, *(p.grad for p in ours.parameters())]
    expected = [b.grad, *(q.grad for q in theirs.parameters())]
    noise = 1e-12 * max(h.abs().max().item() for h in expected)
    for g, h in zip(found, expected, strict=True):
        np.testing.assert_allclose(g.numpy(), h.numpy(), rtol=1e-8, atol=noise)

"""scaled_dot_product_attention, and draws of classes."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.nn import functional as F


def draws(rng, *shapes):
    return [rng.standard_normal(shape) for shape in shapes]


@pytest.mark.parametrize("settings", [
    {}, {"is_causal": True}, {"scale": 0.3}, {"attn_mask": "booleans"}, {"attn_mask": "numbers"},
])  # fmt: skip
def test_attention_and_its_gradients_are_pytorchs(rng, settings):
    torch = pytest.importorskip("torch")
    arrays = draws(rng, (2, 3, 4, 5), (2, 3, 6, 5), (2, 3, 6, 7))
    masks = {"booleans": rng.random((2, 1, 4, 6)) > 0.5, "numbers": rng.standard_normal((4, 6))}
    masks["booleans"][0, 0, 1] = False  # a query that may see nothing
    found = []
    for library, f in ((mt, F), (torch, torch.nn.functional)):
        xs = [library.tensor(a, requires_grad=True) for a in arrays]
        given = dict(settings)
        if "attn_mask" in given:
            given["attn_mask"] = library.tensor(masks[given["attn_mask"]])
        y = f.scaled_dot_product_attention(*xs, **given)
        (y * y).sum().backward()
        found.append([y.detach().numpy(), *(x.grad.numpy() for x in xs)])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


def test_heads_of_key_and_value_are_repeated_to_querys(rng):
    q, k, v = (mt.tensor(a) for a in draws(rng, (1, 4, 2, 3), (1, 2, 5, 3), (1, 2, 5, 3)))
    y = F.scaled_dot_product_attention(q, k, v, enable_gqa=True)
    k, v = (mt.tensor(x.numpy()[:, [0, 0, 1, 1]]) for x in (k, v))
    np.testing.assert_allclose(y.numpy(), F.scaled_dot_product_attention(q, k, v).numpy())


def test_gradients_of_both_orders_are_slopes(rng):
    xs = [mt.tensor(a, requires_grad=True) for a in draws(rng, (2, 3), (4, 3), (4, 2))]
    f = F.scaled_dot_product_attention
    assert mt.gradcheck(f, xs)
    assert mt.gradgradcheck(f, xs)


def test_attention_drops_shares_whenever_it_is_told_to():
    mt.manual_seed(0)
    y = F.scaled_dot_product_attention(*(mt.ones(1, 50),) * 2, mt.ones(1, 50), dropout_p=1.0)
    assert not y.numpy().any()


@pytest.mark.parametrize("settings, message", [
    ({"attn_mask": True, "is_causal": True}, "exclude each other"),
    ({"enable_gqa": True}, "divides query's 3"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(settings, message):
    if "attn_mask" in settings:
        settings = {**settings, "attn_mask": mt.ones(2, 2)}
    q, k = mt.ones(3, 2, 4), mt.ones(2, 2, 4)
    with pytest.raises(ValueError, match=message):
        F.scaled_dot_product_attention(q, k, k, **settings)
    with pytest.raises(ValueError, match=r"query \(3, 2, 4\)"):
        F.scaled_dot_product_attention(q, k[..., :2], k)


def test_a_hard_draw_is_one_class_with_the_gradient_of_the_soft_one():
    logits = mt.zeros(500, 3, dtype=mt.float64).requires_grad_()
    mt.manual_seed(3)
    soft = F.gumbel_softmax(logits, tau=0.5)
    (soft * mt.tensor([1.0, 2, 4], dtype=mt.float64)).sum().backward()
    expected, logits.grad = logits.grad.numpy(), None
    mt.manual_seed(3)
    hard = F.gumbel_softmax(logits, tau=0.5, hard=True)
    (hard * mt.tensor([1.0, 2, 4], dtype=mt.float64)).sum().backward()
    np.testing.assert_allclose(logits.grad.numpy(), expected)
    assert (hard.detach().numpy().sum(1) == 1).all()
    assert np.array_equal(hard.argmax(1).numpy(), soft.argmax(1).numpy())
    assert np.allclose(hard.detach().numpy().mean(0), 1 / 3, atol=0.08)
    with pytest.raises(ValueError, match="tau=0"):
        F.gumbel_softmax(logits, tau=0)

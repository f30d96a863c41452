"""CTC: lengths, forms of targets, targets that fit into no path, derivatives."""

import inspect

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.nn import functional as F

RNG = np.random.default_rng(0)
LOGITS = RNG.standard_normal((7, 3, 5))
TARGETS = np.array([[1, 2, 2, 3], [4, 0, 0, 0], [3, 3, 3, 0]])
STEPS, LENGTHS = [7, 4, 6], [4, 1, 3]


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("form", ["rows", "one axis", "blank"])
def test_losses_and_gradients_are_torchs(reduction, form):
    torch = pytest.importorskip("torch")
    targets, blank = TARGETS, 0
    if form == "one axis":
        targets = np.concatenate([row[:n] for row, n in zip(TARGETS, LENGTHS, strict=True)])
    if form == "blank":
        targets, blank = np.maximum(TARGETS - 1, 0), 4
        targets[1, 0] = 3
    found = []
    for m, f in ((mt, F), (torch, torch.nn.functional)):
        x = m.tensor(LOGITS, requires_grad=True)
        loss = f.ctc_loss(
            f.log_softmax(x, 2), m.tensor(targets), m.tensor(STEPS), m.tensor(LENGTHS), blank,
            reduction,
        )  # fmt: skip
        loss.sum().backward()
        found.append([np.asarray(loss.detach()), np.asarray(x.grad)])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_one_sequence_has_no_batch_axis():
    x = mt.tensor(LOGITS[:, 0]).log_softmax(1)
    whole = F.ctc_loss(x[:, None], mt.tensor(TARGETS[:1]), [7], [4], reduction="none")
    single = F.ctc_loss(x, mt.tensor(TARGETS[0]), mt.tensor(7), mt.tensor(4), reduction="none")
    assert single.shape == () and single == whole[0]
    assert F.ctc_loss(x, mt.tensor(TARGETS[0]), (7,), (4,)) == whole[0] / 4


def test_a_target_that_no_path_spells_has_no_gradient():
    x = mt.tensor(LOGITS, requires_grad=True)
    targets = mt.tensor([[1, 1, 1, 1], [4, 2, 1, 1], [3, 0, 0, 0]])  # 1 1 needs a blank between
    losses = F.ctc_loss(x.log_softmax(2), targets, [7, 2, 6], [4, 3, 0], reduction="none")
    assert losses[1] == np.inf and losses[0] < np.inf
    np.testing.assert_allclose(losses[2].detach(), -x.detach().log_softmax(2)[:6, 2, 0].sum())
    F.ctc_loss(x.log_softmax(2), targets, [7, 2, 6], [4, 3, 0], zero_infinity=True).backward()
    assert not x.grad[:, 1].any() and x.grad[:, 0].any() and x.grad.isfinite().all()


def test_derivatives_of_both_orders_are_right():
    x = mt.tensor(LOGITS, requires_grad=True)

    def loss(x):
        return F.ctc_loss(x.log_softmax(2), mt.tensor(TARGETS), STEPS, LENGTHS)

    assert mt.gradcheck(loss, (x,))
    assert mt.gradgradcheck(loss, (x,))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"targets": mt.tensor([[1, 5, 1, 1]] * 3)}, ValueError, r"targets \[1, 5, 1, 1\] must be"),
        ({"targets": mt.tensor([[1, 0, 1, 1]] * 3)}, ValueError, r"targets \[1, 0, 1, 1\] must be"),
        ({"targets": mt.zeros(3, 4)}, TypeError, "targets of dtype float32"),
        ({"targets": mt.ones(2, 4).long()}, ValueError, r"targets of shape \(2, 4\)"),
        ({"targets": mt.ones(5).long()}, ValueError, r"target_lengths .* must add up to the 5"),
        ({"input_lengths": [8, 1, 1]}, ValueError, r"input_lengths .* at most 7"),
        ({"input_lengths": [1, 1]}, ValueError, "input_lengths .* must be 3 integers"),
        ({"target_lengths": [5, 1, 1]}, ValueError, "targets of shape .* S at least 5"),
        ({"blank": 5}, ValueError, "blank=5 must be one of 5 classes"),
        ({"log_probs": mt.zeros(4)}, ValueError, r"log_probs of shape \(4,\)"),
        ({"reduction": "max"}, ValueError, "reduction='max'"),
    ],
)
def test_what_does_not_fit_is_refused(change, error, message):
    settings = {
        "log_probs": mt.tensor(LOGITS).log_softmax(2),
        "targets": mt.tensor(TARGETS),
        "input_lengths": STEPS,
        "target_lengths": LENGTHS,
    }
    with pytest.raises(error, match=f"^ctc_loss: {message}"):
        F.ctc_loss(**{**settings, **change})


def test_the_layer_has_torchs_arguments():
    torch = pytest.importorskip("torch")
    ours, theirs = (inspect.signature(m.nn.CTCLoss.__init__).parameters for m in (mt, torch))
    assert [(p.name, p.default) for p in ours.values()] == [
        (p.name, p.default) for p in theirs.values()
    ]
    loss = mt.nn.CTCLoss(blank=4, reduction="sum", zero_infinity=True)
    x, targets = mt.tensor(LOGITS).log_softmax(2), mt.tensor([[1, 2], [3, 3], [0, 1]])
    want = F.ctc_loss(x, targets, STEPS, [2, 2, 2], 4, "sum", True)
    assert loss(x, targets, STEPS, [2, 2, 2]) == want

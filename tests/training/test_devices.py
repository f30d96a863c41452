"""A run on the emulated GPU: it learns what the CPU learns, and its checkpoints move."""

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn, training
from minitorch_cnn.data import DataLoader, TensorDataset


def run(device, epochs, checkpoint, resume=False):
    """Train a small net on random vectors; the weights and the history."""
    rng = np.random.default_rng(0)
    x = mt.tensor(rng.standard_normal((24, 6)), dtype=mt.float32)
    data = TensorDataset(x, mt.tensor(x.numpy()[:, :3].argmax(1)))
    mt.manual_seed(2)
    net = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3)).to(device)
    history = training.fit(
        net,
        DataLoader(data, 5, shuffle=True),
        DataLoader(data, 8),
        epochs=epochs,
        optimizer=mt.optim.SGD(net.parameters(), lr=0.1, momentum=0.9),
        average=0.5,
        patience=50,
        checkpoint=checkpoint,
        resume=resume,
        progress="none",
    )
    assert {p.device for p in net.parameters()} == {device}
    return net, history


def weights(net):
    return np.concatenate([p.detach().cpu().numpy().ravel() for p in net.parameters()])


def test_the_emulator_learns_what_the_cpu_learns(tmp_path):
    here, of_here = run("cpu", 4, tmp_path / "cpu")
    there, of_there = run("emulator", 4, tmp_path / "emulator")
    np.testing.assert_allclose(weights(there), weights(here), rtol=1e-4, atol=1e-6)
    assert of_there[-1]["train_loss"] == pytest.approx(of_here[-1]["train_loss"], rel=1e-4)
    assert of_there[-1]["test_top1"] == of_here[-1]["test_top1"]
    assert of_here[-1]["train_loss"] < 0.7 * of_here[0]["train_loss"]


@pytest.mark.parametrize("first, then", [("emulator", "cpu"), ("cpu", "emulator")])
def test_a_checkpoint_of_one_device_goes_on_on_another(first, then, tmp_path):
    whole, _ = run("cpu", 4, tmp_path / "whole")
    run(first, 2, tmp_path / "part")
    resumed, history = run(then, 4, tmp_path / "part", resume=True)
    assert len(history) == 4
    np.testing.assert_allclose(weights(resumed), weights(whole), rtol=1e-4, atol=1e-6)


def test_predictions_come_back_to_the_cpu(tmp_path):
    net, _ = run("emulator", 1, tmp_path / "run")
    batches = [(mt.ones(2, 6), mt.tensor([0, 1]))]
    found = training.predict(net, batches)
    assert type(found.logits) is np.ndarray and found.logits.shape == (2, 3)
    assert training.evaluate(net, batches).confusion.sum() == 2


def test_weights_of_a_device_are_saved_and_loaded_anywhere(tmp_path):
    net = nn.Linear(3, 2).to("emulator")
    mt.save(net.state_dict(), tmp_path / "net.safetensors")
    state = mt.load(tmp_path / "net.safetensors")
    assert {t.device for t in state.values()} == {"cpu"}
    other = nn.Linear(3, 2).to("emulator")
    other.load_state_dict(state)
    assert other.weight.device == "emulator" and weights(other).tolist() == weights(net).tolist()

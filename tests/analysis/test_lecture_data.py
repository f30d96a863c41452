"""The lecture page's data are what the networks do, and can be made anew."""

import json
from itertools import combinations

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn.analysis.lecture import make, recorded
from minitorch_cnn.analysis.lecture.blocks import live_blocks
from minitorch_cnn.analysis.lecture.lesion_table import lesion_table
from minitorch_cnn.analysis.lecture.nets import (
    NETS,
    STORED,
    LectureNet,
    digits_for,
    load,
    rounded_to_half,
    shifted,
    stored,
)
from minitorch_cnn.analysis.lecture.race import RACES, Tower, record
from minitorch_cnn.data.datasets import Digits
from minitorch_cnn.models.resnet_cifar import resnet

rng = np.random.default_rng(5)


def tiny(depth=20, shortcut="A"):
    mt.manual_seed(3)
    model = resnet(depth, shortcut, {"in_channels": 1, "width": 0.25}).eval()
    for t in model.state_dict().values():
        if t.array.ndim == 1 and t.array.dtype.kind == "f":
            t.array[...] = rng.uniform(0.5, 1.5, t.shape)
    return model


def images(count=6):
    return mt.tensor(rng.standard_normal((count, 1, 8, 8)).astype(np.float32))


def wrong(model, x, labels):
    return int((model(x).detach().numpy().argmax(1) != labels).sum())


def test_a_table_counts_what_is_wrong_without_every_set_of_blocks():
    model, x, labels = tiny(8), images(), np.arange(6)
    table = lesion_table(model, x, labels)
    assert len(table["without"]) == 2**3 and table["residual"] and table["images"] == 6
    assert table["units"] == [f"layer{s}.0" for s in (1, 2, 3)]
    assert table["without"]["0"] == wrong(model, x, labels)
    for k in (0, 2):
        bn = dict(model.named_modules())[f"{table['units'][k]}.bn2"]
        kept = bn.weight.array.copy(), bn.bias.array.copy()
        bn.weight.array[...] = bn.bias.array[...] = 0  # the branch gives zeros
        assert table["without"][str(1 << k)] == wrong(model, x, labels)
        bn.weight.array[...], bn.bias.array[...] = kept
    assert table["without"]["0"] == wrong(model, x, labels)  # the model is whole again


def test_a_table_swaps_all_pairs_of_blocks_of_equal_shapes():
    model, x, labels = tiny(20, None), images(), np.arange(6)
    table = lesion_table(model, x, labels, pairs=2, complete=3)
    inside = [(0, 1), (0, 2), (1, 2), (4, 5), (7, 8)]  # the first blocks of 2 and 3 grow
    assert [(i, j) for i, j, _ in table["swapped"]] == inside and not table["residual"]
    a, b = model.layer1[0].state_dict(), model.layer1[2].state_dict()
    kept = {k: t.array.copy() for k, t in a.items()}
    for k in kept:
        a[k].array[...], b[k].array[...] = b[k].array.copy(), kept[k]
    assert table["swapped"][1][2] == wrong(model, x, labels)
    chosen = [int(key) for key in table["without"]]
    assert chosen[:10] == [0, *(1 << k for k in range(9))] and len(chosen) == 12
    assert all(key.bit_count() == 2 for key in chosen[10:])


def test_the_blocks_of_the_page_are_those_of_the_lesions():
    for shortcut in ("A", None):
        model = tiny(20, shortcut)
        found = live_blocks(model, images(1))
        units = lesion_table(model, images(1), np.zeros(1, int), 0, 0)["units"]
        assert [block["name"] for block in found] == units
    assert found[3] == {
        "name": "layer2.0", "input": "layer1.2/Relu_1", "output": "layer2.0/Relu_1"
    }  # fmt: skip


def test_a_gradient_is_recorded_before_its_step():
    found = record({"depth": 3, "batch_norm": True, "heads": True}, [0, 2], batch=8)
    assert found["layers"] == ["conv 1", "conv 2", "conv 3", "linear"]
    assert np.shape(found["norms"]) == (2, 4) and len(found["losses"]) == 2
    mt.manual_seed(0)
    model = Tower(3, batch_norm=True, heads=True)
    data = Digits(train=True)
    rows = np.random.default_rng(0).choice(len(data.labels), 8, replace=False)
    answers = model(mt.tensor(2 * data.images[rows] - 0.6))
    losses = [mt.nn.functional.cross_entropy(y, mt.tensor(data.labels[rows])) for y in answers]
    (losses[0] + 0.3 * losses[1] + 0.3 * losses[2]).backward()
    assert found["losses"][0] == pytest.approx(losses[0].item(), rel=5e-3)
    norms = [np.linalg.norm(conv.weight.grad.numpy()) for conv in model.convs]
    np.testing.assert_allclose(found["norms"][0][:3], norms, rtol=5e-3)


def test_steps_that_do_not_grow_are_refused():
    for steps in ([], [3, 2], [-1, 2], [1, 1]):
        with pytest.raises(ValueError, match=r"record: steps=\[.*\] must grow"):
            record({"depth": 3}, steps)


def test_a_tower_adds_its_shortcuts_and_has_heads_in_training_only():
    mt.manual_seed(1)
    model, x = Tower(5, shortcuts=True, heads=True), images(2)
    y = x.numpy()
    answers = model(x)
    assert len(answers) == 2 + 1 and model.eval()(x).shape == (2, 10)
    kept = None
    for k, conv in enumerate(model.convs):
        y = conv(mt.tensor(y)).detach().numpy() + (kept if k in (2, 4) else 0)
        y = np.maximum(y, 0)
        kept = y if k % 2 == 0 else kept
    last = model.last(mt.tensor(y.mean((2, 3)))).detach().numpy()
    np.testing.assert_allclose(model(x).detach().numpy(), last, atol=1e-5)


def test_images_are_moved_whole_with_zeros_behind_them():
    x = rng.random((5, 1, 6, 6)) + 1
    for image, found in zip(x, shifted(x, np.random.default_rng(0), 2), strict=True):
        moves = [(i, j) for i in range(-2, 3) for j in range(-2, 3)]
        framed = np.pad(image[0], 2)
        assert any((framed[2 - i : 8 - i, 2 - j : 8 - j] == found[0]).all() for i, j in moves)


def test_a_network_learns_and_is_stored_as_sixteen_bits(tmp_path, monkeypatch):
    net = LectureNet("tiny", "resnet20_cifar", 8, 2.0, -0.6, 1, 0.05)
    monkeypatch.setattr(LectureNet, "make", lambda net: tiny(20).train())
    monkeypatch.setattr(make, "NETS", {"tiny": net})
    monkeypatch.setattr(make, "STORED", ("tiny",))
    monkeypatch.setattr(make, "STEPS", (0, 1))
    monkeypatch.setattr(make, "races", lambda steps: [list(steps)])
    full = digits_for(net, train=True)
    few = full[0][:128], full[1][:128]
    path = "minitorch_cnn.analysis.lecture.nets.digits_for"
    monkeypatch.setattr(path, lambda net, train=False: few)
    monkeypatch.setattr(make, "digits_for", lambda net: (few[0][:9], few[1][:9]))
    table = make.lesion_table
    monkeypatch.setattr(make, "lesion_table", lambda *given: table(*given, pairs=1, complete=2))
    make.make(tmp_path / "data")
    assert json.loads((tmp_path / "data" / "race.json").read_text()) == [[0, 1]]
    lesions = json.loads((tmp_path / "data" / "lesions.json").read_text())
    assert lesions["tiny"]["images"] == 9 and len(lesions["tiny"]["without"]) == 1 + 9 + 1
    with np.load(tmp_path / "data" / "tiny.npz") as file:
        assert file["conv1.weight"].dtype == np.float16
        assert file["bn1.num_batches_tracked"] == 2


def test_what_is_stored_is_what_is_loaded(tmp_path, monkeypatch):
    model = rounded_to_half(load("lenet5"))
    stored(model, tmp_path / "x.npz")
    with np.load(tmp_path / "x.npz") as file:
        for name, t in model.state_dict().items():
            np.testing.assert_array_equal(file[name].astype(np.float32), t.numpy())


@pytest.mark.parametrize("name", STORED)
def test_the_stored_networks_know_the_digits(name):
    x, labels = digits_for(NETS[name])
    model = load(name)
    with mt.no_grad():
        assert wrong(model, NETS[name].images(x), labels) / len(labels) < 0.03


def test_the_recorded_data_tell_what_the_lecture_says():
    lesions, races = recorded("lesions"), {race["name"]: race["lanes"] for race in recorded("race")}
    assert {name: len(table["units"]) for name, table in lesions.items()} == {
        "resnet20": 9, "plain20": 9, "resnet56": 27
    }  # fmt: skip
    for table in lesions.values():
        assert all(str(1 << k) in table["without"] for k in range(len(table["units"])))
    pairs = [key for key in lesions["resnet56"]["without"] if int(key).bit_count() == 2]
    assert len(pairs) == 100 and len(lesions["plain20"]["without"]) == 2**9
    alone = {
        name: [table["without"][str(1 << k)] for k in range(len(table["units"]))]
        for name, table in lesions.items()
    }
    assert np.median(alone["resnet56"]) < 0.1 * 355 < 0.7 * 355 < np.median(alone["plain20"])
    assert list(races) == list(RACES)
    without, norm = (np.array(lane["norms"]) for lane in races["batch norm"])
    assert (without[:, 0] < 0.01 * without[:, -2]).all() and (norm[:, 0] > 0.01).all()
    alone, heads = (np.array(lane["norms"]) for lane in races["auxiliary heads"])
    assert (heads[:, 0] > 10 * alone[:, 0]).all()


def test_swaps_are_of_blocks_of_one_stage():
    table = recorded("lesions")["resnet56"]
    stage = [name.partition(".")[0] for name in table["units"]]
    first = [name.endswith(".0") and name != "layer1.0" for name in table["units"]]
    expected = [
        [i, j]
        for i, j in combinations(range(27), 2)
        if stage[i] == stage[j] and not (first[i] or first[j])
    ]
    assert [pair[:2] for pair in table["swapped"]] == expected

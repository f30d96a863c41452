"""Every registered model is what was published under its name, and every one of them runs.

published.csv holds parameters and multiply-adds as counted from independent implementations (those
of inception_v2 and of highway_a_cifar and highway_c_cifar, whose papers leave widths open, and of
nasnet, for small images, from ours); keys/ the names and shapes in the files of trained weights
that are to load. A model is written as one would call it: googlenet(aux=True). A new model is
tested by its line in the table.
"""

import ast
import csv
import gzip
import inspect
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.analysis import summary
from minitorch_cnn.models import create_model, list_models, model_entry

HERE = Path(__file__).parent


class Published(NamedTuple):
    """A line of the table."""

    name: str
    settings: dict
    params: int
    macs: int
    shape: tuple[int, int, int]


def call(text: str) -> tuple[str, dict]:
    """'googlenet(aux=True)' -> ('googlenet', {'aux': True})"""
    node = ast.parse(text, mode="eval").body
    if isinstance(node, ast.Name):
        return node.id, {}
    return node.func.id, {k.arg: ast.literal_eval(k.value) for k in node.keywords}


def table() -> dict[str, Published]:
    """The lines of published.csv by their first field."""
    with open(HERE / "published.csv", newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    rows = {}
    for line in lines:
        shape = tuple(int(line[axis]) for axis in ("channels", "height", "width"))
        rows[line["model"]] = Published(
            *call(line["model"]), int(line["params"]), int(line["macs"]), shape
        )
    return rows


TABLE = table()
KEYS = {file.name.removesuffix(".txt.gz"): file for file in sorted(HERE.glob("keys/*.txt.gz"))}


@pytest.fixture(params=TABLE)
def published(request) -> Published:
    """Every line of the table in turn."""
    return TABLE[request.param]


@pytest.fixture(params=list_models())
def entry(request):
    """Every registered model in turn."""
    return model_entry(request.param)


def narrow(name: str, **settings) -> nn.Module:
    """The model with an eighth of its channels, if its width is a setting."""
    try:
        return create_model(name, width=1 / 8, **settings)
    except TypeError:
        return create_model(name, **settings)


def test_the_table_has_a_line_for_every_model_and_none_for_others():
    assert sorted({row.name for row in TABLE.values()}) == list_models()


def test_the_entry_of_a_model_has_the_figures_of_the_table(entry):
    published = TABLE[entry.name]
    assert (entry.params, entry.macs) == (published.params, published.macs)
    assert entry.input_shape == published.shape


def test_a_model_has_the_parameters_and_multiply_adds_that_were_published(published):
    with nn.shapes_only():
        model = create_model(published.name, **published.settings)
    counted = summary(model, published.shape)
    assert counted.total_params == published.params
    assert counted.total_macs == published.macs


@pytest.mark.parametrize("text", KEYS)
def test_a_model_has_the_keys_and_shapes_of_the_files_of_trained_weights(text):
    lines = gzip.decompress(KEYS[text].read_bytes()).decode().splitlines()
    expected = dict(line.split() for line in lines if not line.startswith("#"))
    name, settings = call(text)
    with nn.shapes_only():
        state = create_model(name, **settings).state_dict()
    shapes = {key: "x".join(map(str, value.shape)) for key, value in state.items()}
    assert expected == {k: v for k, v in shapes.items() if not k.endswith("num_batches_tracked")}


def test_a_model_takes_other_classes_and_channels(published):
    settings = {**published.settings, "num_classes": 7, "in_channels": 2}
    with nn.shapes_only():
        model = create_model(published.name, **settings).eval()
    _, *size = published.shape
    assert model(mt.zeros(0, 2, *size)).shape in ((0, 7), (0, 7, *size))
    with pytest.raises(ValueError, match=r"shape \(0, 3, "):
        model(mt.zeros(0, 3, *size))


def test_a_model_names_the_smallest_image_that_it_can_take(entry):
    with nn.shapes_only():
        model = entry.build().eval()
    if not hasattr(model, "smallest"):
        pytest.skip("it takes images of any size, or of one")
    channels, smallest = entry.input_shape[0], model.smallest
    assert len(model(mt.zeros(0, channels, smallest, smallest))) == 0
    for size in ((smallest - 1, smallest), (smallest, smallest - 1)):
        with pytest.raises(ValueError, match=f"at least {smallest}"):
            model(mt.zeros(0, channels, *size))
    model.smallest = 1  # without the check a layer fails
    with pytest.raises(ValueError):
        model(mt.zeros(0, channels, smallest - 1, smallest))


def test_all_of_a_narrow_model_learns_from_images_of_its_size(published):
    mt.manual_seed(0)
    model = narrow(published.name, num_classes=7, **published.settings)
    for p in model.parameters():
        if p.ndim > 1 and not p.array.any():  # until its first step it hands nothing back
            nn.init.normal_(p, 0, 0.1)
    for module in model.modules():
        if hasattr(module, "survival"):  # no block is left out
            module.survival = 1.0
    outputs = model(mt.randn(2, *published.shape))
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    losses = []
    for y in outputs:  # scores of images, or of all their pixels
        assert y.shape in ((2, 7), (2, 7, *published.shape[1:]))
        losses.append(mt.functional.cross_entropy(y, mt.randint(0, 7, (2, *y.shape[2:]))))
    loss = sum(losses)
    assert np.isfinite(loss.item())
    loss.backward()
    for name, p in model.named_parameters():
        assert p.grad is not None and np.isfinite(p.grad.array).all(), name
        assert p.ndim == 1 or p.grad.array.any(), name


def test_the_state_of_a_model_goes_into_another_and_makes_it_the_same(published):
    mt.manual_seed(0)
    a, b = (narrow(published.name, num_classes=7, **published.settings) for _ in range(2))
    state, other = a.state_dict(), b.state_dict()
    assert not all(mt.equal(state[name], other[name]) for name in state)
    b.load_state_dict(state)
    for name in state:
        assert mt.equal(state[name], other[name]), name


def test_a_misspelt_setting_is_refused(entry):
    with pytest.raises(TypeError, match="num_clases"), nn.shapes_only():
        create_model(entry.name, num_clases=7)


def test_a_model_is_documented(entry):
    assert inspect.getdoc(entry.build)

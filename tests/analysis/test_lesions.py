"""Lesions: a removed block has no effect, and a block without effect is not missed."""

import numpy as np
import pytest

from minitorch_cnn import nn
from minitorch_cnn.analysis import drop_several, lesion_study, reorder
from minitorch_cnn.analysis.lesions import RandomLesions, kendall, lesion_units, replaced, without
from minitorch_cnn.models import create_model
from minitorch_cnn.tensor import Tensor

from .nets import Residual, drawn, head, images, linear_residual_net, scaling


@pytest.fixture
def labelled():
    """Images, and the index of the larger of the two maps' means."""
    x = images(n=40)
    return x, x.array.mean((2, 3)).argmax(1)


def test_without_an_identity_block_nothing_changes_and_without_another_all_is_wrong(labelled):
    # The second block turns the sign of everything: without it the other map is the larger.
    x, labels = labelled
    found = lesion_study(linear_residual_net([0.0, -2.0, 0.5]), x, 1 - labels)
    assert found.units == ["0", "1", "2"] and found.residual
    assert (found.intact, found.errors.tolist()) == (0, [0, 1, 0])


def test_a_block_left_out_is_its_shortcut():
    model, x = linear_residual_net([1.0, 2.0]), images()
    units = lesion_units(model, x)
    mean = x.array.mean((2, 3))
    with without(units[1:]):
        assert np.allclose(model(x).array, 2 * mean)
    with without(units):
        assert np.allclose(model(x).array, mean)
    assert np.allclose(model(x).array, 6 * mean)


def test_a_projection_stays_where_its_block_is_left_out():
    model = create_model("resnet20_cifar", width=0.25, in_channels=2, shortcut="B").double().eval()
    block, seen = model.layer2[0], {}
    block.register_forward_hook(lambda m, inputs, y: seen.update(x=inputs[0], y=y))
    x = images(side=8)
    with without([u for u in lesion_units(model, x) if u.name == "layer2.0"]):
        model(x)
    assert np.array_equal(seen["y"].array, np.maximum(block.shortcut(seen["x"]).array, 0))


def test_a_plain_block_left_out_is_the_shortcut_that_a_residual_net_would_have():
    model = create_model("plain20_cifar", width=0.25, in_channels=2).double().eval()
    residual = create_model("resnet20_cifar", width=0.25, in_channels=2).double()
    units = {u.name: u for u in lesion_units(model, images(side=8))}
    assert len(units) == 9 and not units["layer2.0"].residual
    x = images(channels=4, side=8)
    with without([units["layer2.0"], units["layer1.1"]]):
        left = model.layer2[0](x)
        assert np.array_equal(left.array, residual.layer2[0].shortcut(x).array)
        assert np.array_equal(model.layer1[1](x).array, x.array)


def test_of_other_nets_convolutions_are_left_out(labelled):
    x, labels = labelled
    model = nn.Sequential(scaling(1.0), scaling(-2.0), scaling(1.0), head())
    found = lesion_study(model, x, 1 - labels)
    assert found.units == ["0", "1", "2"] and not found.residual
    assert (found.intact, found.errors.tolist()) == (0, [0, 1, 0])


def test_a_relu_behind_a_convolution_that_is_left_out_stays():
    model, x = nn.Sequential(scaling(3.0), nn.ReLU(), scaling(1.0)), images()
    with without(lesion_units(model, x)[:1]):
        assert np.array_equal(model(x).array, np.maximum(x.array, 0))


def test_several_lesions_hurt_when_the_one_that_counts_is_among_them(labelled):
    x, labels = labelled
    rng = np.random.default_rng(0)
    model = linear_residual_net([0.0, -2.0, 0.0, 0.0])
    found = drop_several(model, x, 1 - labels, counts=[0, 1, 4], trials=200, generator=rng)
    assert found.errors[0].max() == 0 and found.errors[2].min() == 1
    assert found.errors[1].mean() == pytest.approx(1 / 4, abs=0.08)
    assert "left out" in drawn(found).axes[0].get_xlabel()


def test_linear_blocks_may_stand_in_any_order_and_others_may_not(labelled):
    x, labels = labelled
    model = linear_residual_net([0.5, -2.0, 0.25])
    found = reorder(model, x, 1 - labels, swaps=[0, 3], trials=3)
    assert found.errors.max() == 0 and np.all(found.sizes[0] == 1)
    drawn(found)
    unordered = nn.Sequential(*linear_residual_net([0.0, 0.0])[:2], head())
    shift = nn.Conv2d(2, 2, 1).double()
    shift.weight.array[:] = 0
    shift.bias.array[:] = [100, 0]  # rectified next: lost if the sign is turned after it
    unordered[0].branch, unordered[0].relu, unordered[1].branch = scaling(-2.0), True, shift
    first = reorder(unordered, x, np.zeros(len(x)), swaps=[1], trials=1)
    assert first.intact == 0 and first.errors[0, 0] > 0 and first.sizes[0, 0] == -1


def test_the_model_is_whole_again_afterwards(labelled):
    model = linear_residual_net([1.0, 2.0])
    before = model(labelled[0]).array
    for study in (lesion_study, drop_several, reorder):
        study(model, *labelled)
        assert np.array_equal(model(labelled[0]).array, before)


def test_a_forward_that_a_user_had_replaced_is_there_again_afterwards():
    module = nn.ReLU()
    module.forward = own = abs
    with replaced(module, lambda x: x + 1):
        assert module(-1) == 0
    assert module.forward is own and module(-1) == 1


def test_kendalls_correlation_counts_pairs_that_changed_order():
    assert kendall(np.arange(4)) == 1 and kendall(np.arange(4)[::-1]) == -1
    assert kendall(np.array([1, 0, 2, 3])) == pytest.approx(1 - 2 / 6)


@pytest.mark.parametrize(
    "reordered, sizes, expected",
    [
        (True, [[0.5, 0.9, 0.7], [0.2, 0.3, 0.1], [0.9, 0.8, 1]], [1, 0.9, 0.7, 0.2]),
        (False, [3, 0, 1], [0, 1, 3]),
        (False, [3, 1], [0, 1, 3]),
    ],
)
def test_medians_go_from_no_change_to_the_largest_and_skip_none(reordered, sizes, expected):
    sizes = np.array(sizes, float)
    errors = np.linspace(0.4, 0.9, 3 * len(sizes)).reshape(len(sizes), 3)
    if not reordered and 0 in sizes:
        errors[1] = 0.1
    found = RandomLesions(sizes, errors, 0.1, residual=True, reordered=reordered)
    assert [size for size, _ in found.medians()] == expected and found.medians()[0][1] == 0.1
    line = drawn(found).axes[0].lines[1]
    assert line.get_xdata().tolist() == expected
    assert np.allclose(line.get_ydata(), [100 * error for _, error in found.medians()])


def test_a_figure_has_a_bar_for_each_unit_and_a_line_for_the_intact_net(labelled):
    ax = drawn(lesion_study(linear_residual_net([0.0, -2.0]), *labelled)).axes[0]
    assert [bar.get_height() for bar in ax.patches] == [100, 0]
    assert ax.lines[0].get_ydata()[0] == 100 and "intact 100.0 %" in ax.get_title(loc="left")


class ByName(nn.Module):
    """Modules that take their input by name, a batch that is not empty, and a dict of results."""

    def __init__(self, residual):
        super().__init__()
        kind = (lambda: Residual(scaling(-2.0))) if residual else (lambda: scaling(-1.0))
        self.first, self.second = kind(), kind()

    def forward(self, x):
        assert x.size(0) > 0
        named = {"x" if isinstance(self.first, Residual) else "input": self.first(x)}
        return {"logits": [self.second(**named).mean((2, 3)).view(x.size(0), -1)]}


@pytest.mark.parametrize("residual", [True, False])
def test_modules_called_by_name_and_nets_that_give_dicts_are_studied(labelled, residual):
    # Both turn the sign: without one of them all is wrong.
    x, labels = labelled
    found = lesion_study(ByName(residual), x, labels)
    assert found.units == ["first", "second"] and found.residual == residual
    assert (found.intact, found.errors.tolist()) == (0, [1, 1])


def test_a_net_that_branches_on_values_is_refused_by_its_module(labelled):
    class Branching(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(RuntimeError, match=r"lesion_study: 0 \(Branching\)"):
        lesion_study(nn.Sequential(Branching(), head()), *labelled)


def test_what_cannot_be_is_refused(labelled):
    x, labels = labelled
    with pytest.raises(ValueError, match="lesion_study: Flatten has no block or convolution"):
        lesion_study(nn.Flatten(), x, labels)
    with pytest.raises(ValueError, match=r"drop_several: counts=\[3\] must be from 0 to 2"):
        drop_several(linear_residual_net([1.0, 2.0]), x, labels, counts=[3])
    with pytest.raises(ValueError, match="reorder: Sequential has no two units of the same"):
        reorder(linear_residual_net([1.0]), x, labels)
    with pytest.raises(ValueError, match="lesion_study: x of shape"):
        lesion_study(nn.Flatten(), Tensor(np.zeros((0, 2, 3, 3))), [])

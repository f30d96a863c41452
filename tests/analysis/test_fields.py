"""The receptive fields of a graph, against the gradients of the same network."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.analysis.field_rules import Axis
from minitorch_cnn.analysis.fields import fields
from minitorch_cnn.analysis.receptive_field import receptive_field, receptive_field_by_gradient
from minitorch_cnn.analysis.trace import trace
from minitorch_cnn.nn import functional as F

SIZE = 190, 171


class Joined(nn.Module):
    """Branches that see the same map, concatenated or added up."""

    def __init__(self, *branches, add=False):
        super().__init__()
        self.branches, self.add = nn.ModuleList(branches), add

    def forward(self, x):
        maps = [branch(x) for branch in self.branches]
        return sum(maps[1:], maps[0]) if self.add else mt.cat(maps, 1)


class Shown(nn.Module):
    """A function of a map as a layer."""

    def __init__(self, function):
        super().__init__()
        self.forward = function


class Narrow(nn.Module):
    """Any number of channels averaged into one, so that what follows need not know the number."""

    def forward(self, x):
        return x.mean(1, keepdim=True)


def sides_exchanged(x):
    return x.transpose(2, 3)


def conv(kernel, **window):
    return nn.Sequential(Narrow(), nn.Conv2d(1, 2, kernel, **window), nn.ReLU())


@st.composite
def windows(draw, strides=(1, 2, 3)):
    """A convolution or pooling that changes the size."""
    pair = st.tuples(st.integers(1, 4), st.integers(1, 4))
    kernel, stride = draw(pair), tuple(draw(st.sampled_from(strides)) for _ in range(2))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    kind = draw(st.sampled_from(["conv", "max", "average"]))
    if kind == "conv":
        return conv(kernel, stride=stride, padding=padding, dilation=draw(pair))
    if kind == "max":
        return nn.MaxPool2d(kernel, stride, padding, ceil_mode=draw(st.booleans()))
    return nn.AvgPool2d(kernel, stride, padding)


@st.composite
def keeping(draw):
    """A layer that keeps the size, and looks to one side if its kernel is even."""
    kernel = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    layer = conv(kernel, padding="same", dilation=draw(st.integers(1, 2)))
    return draw(st.sampled_from([layer, nn.MaxPool2d(3, 1, 1), nn.Identity()]))


@st.composite
def branches(draw):
    """Two or three chains of layers that keep the size, put together."""
    chains = draw(st.lists(st.lists(keeping(), min_size=1, max_size=2), min_size=2, max_size=3))
    return Joined(*[nn.Sequential(*chain, Narrow()) for chain in chains], add=draw(st.booleans()))


def downward():
    moves = st.sampled_from(
        [
            Shown(lambda x: x[:, :, 1:, 2:-1]),
            Shown(lambda x: x[..., ::2, 1:]),
            nn.ZeroPad2d((1, 0, 2, 1)),
            nn.Sequential(
                Shown(sides_exchanged), conv((5, 2), stride=(2, 1)), Shown(sides_exchanged)
            ),
            Shown(lambda x: F.pad(x, (1, 2, 0, 1), mode="reflect")),
            Shown(lambda x: F.pad(x, (0, 1, 2, 1), mode="replicate")),
            Shown(
                lambda x: F.pixel_unshuffle(x[..., : x.shape[2] // 2 * 2, : x.shape[3] // 2 * 2], 2)
            ),
            Shown(lambda x: x.flatten(2).relu().unflatten(2, x.shape[2:])),
        ]
    )
    return st.one_of(windows(), branches(), moves)


def upward():
    return st.sampled_from(
        [
            nn.Sequential(Narrow(), nn.ConvTranspose2d(1, 2, 2, 2)),
            nn.Sequential(Narrow(), nn.ConvTranspose2d(1, 2, (6, 2), (3, 1), (1, 0))),
            nn.Upsample(scale_factor=2),
            nn.Upsample(scale_factor=3, mode="bilinear"),
            nn.AdaptiveAvgPool2d((5, 7)),
            nn.Sequential(Narrow(), nn.Conv2d(1, 18, 1), nn.PixelShuffle(3)),
        ]
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(downward(), min_size=1, max_size=3),
    st.lists(upward(), max_size=2),
    st.lists(windows(strides=[1]), max_size=1),
)
def test_the_fields_of_a_graph_are_where_its_gradient_is_not_zero(down, up, last):
    net = nn.Sequential(*down, *up, *last)
    try:
        run = trace(net, (1, *SIZE), "test")
    except ValueError:  # the window of a later layer no longer fits
        assume(False)
    whole = run.calls[-1]
    position = [n // 2 for n in whole.output_shape[1:]]
    known = fields(run, [call.outputs[0] for call in run.calls])
    seen = [axis.seen(o, o) for axis, o in zip(known[whole.outputs[0]], position, strict=True)]
    for i, (first, last) in enumerate(seen):
        # A layer may leave up to 3 rows of a map unread: padding then begins within the image.
        margin = 3 * sum(
            known[call.outputs[0]][i].jump for call in run.calls if "." not in call.name
        )
        assume(margin <= first and last < SIZE[i] - margin)
    expected = tuple(range(a, b + 1) for a, b in seen)
    assert receptive_field_by_gradient(net, (1, *SIZE)) == expected


@pytest.mark.parametrize(
    "function",
    [
        sides_exchanged,
        lambda x: x.permute(0, 1, 3, 2),
        lambda x: x.permute(3, 1, 2, 0).permute(3, 1, 2, 0),
        lambda x: x.mT[:, :, 1:, ::2],
        lambda x: F.pixel_shuffle(x.repeat(1, 4, 1, 1), 2).mT,
        lambda x: x.unflatten(3, (-1, 2)).permute(0, 1, 4, 2, 3).flatten(1, 2).sum(1, True),
        lambda x: x.reshape(*x.shape[:2], 20, 2, 20, 2).sum((3, 5)),
        lambda x: F.pad(x, (3, 1, 2, 2), mode="circular"),
    ],
)
def test_the_sides_of_the_image_are_followed_where_a_net_moves_its_axes(function):
    net = nn.Sequential(
        nn.Conv2d(1, 1, (3, 7), padding=(1, 3)),
        Shown(function),
        nn.Conv2d(1, 1, (5, 1), padding=(2, 0)),
    )
    rows, columns = receptive_field_by_gradient(net, (1, 40, 40))
    assert receptive_field(net, (1, 40, 40)).size == (len(rows), len(columns))


def test_rows_that_meet_columns_see_the_whole_image():
    net = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), Shown(lambda x: x + x.mT))
    assert receptive_field(net, (1, 9, 9)).size == (9, 9)


@pytest.mark.parametrize("at", [(6, 6), (6, 7), (7, 6)])
def test_a_skip_connection_joins_maps_that_were_and_were_not_resampled(at):
    around = nn.Sequential(nn.MaxPool2d(2), nn.Upsample(scale_factor=2))
    net = nn.Sequential(Joined(nn.Identity(), around), Narrow(), nn.Conv2d(1, 1, 1))
    expected = tuple(range(o // 2 * 2, o // 2 * 2 + 2) for o in at)
    for axis, o, inputs in zip(axes_of(trace(net, (1, 16, 16), "test")), at, expected, strict=True):
        assert axis.seen(o, o) == (inputs[0], inputs[-1])
    assert receptive_field_by_gradient(net, (1, 16, 16), at=at) == expected


def test_a_gate_lets_every_position_see_the_whole_image_and_keeps_the_jump():
    gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 4, 1), nn.Sigmoid())
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3, 2, 1),
        Shown(lambda x: x * gate(x)),
        nn.Conv2d(4, 4, 3, 2, 1),
    )
    run = trace(net, (3, 24, 20), "test")
    own = dict(net.named_modules())
    for call in [call for call in run.calls if call.name in own][1:]:
        for axis in axes_of(run, call):
            assert axis.size == float("inf")
    assert [axis.jump for axis in axes_of(run)] == [4, 4]


def test_what_mixes_positions_in_an_unknown_way_sees_the_whole_image():
    whole = float("inf")
    for mix, sizes in (
        (lambda x: x.flip(2), [whole, 3]),
        (lambda x: x @ x.mT, [whole, whole]),
        (lambda x: x.roll(1, 3), [3, whole]),
        (lambda x: x.cumsum(2), [whole, whole]),
    ):
        run = trace(nn.Sequential(nn.Conv2d(1, 1, 3), Shown(mix)), (1, 9, 9), "test")
        assert [axis.size for axis in axes_of(run)] == sizes


def test_an_output_that_does_not_depend_on_the_image_has_no_field():
    run = trace(Shown(lambda x: mt.zeros(0, 4)), (1, 9, 9), "test")
    assert fields(run, run.calls[-1].outputs) == {}


def test_branches_of_unlike_speed_are_united_position_by_position():
    slow, fast = Axis((0,), (0,), 1), Axis((0,), (0,), 2)
    both = slow.united(fast, 5)
    assert [both.seen(o, o) for o in range(5)] == [(o, 2 * o) for o in range(5)]


def test_layers_that_write_in_place_afterwards_keep_their_own_field():
    class InPlace(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(1, 1, 3, padding=1), nn.Conv2d(1, 1, 5, padding=2)

        def forward(self, x):
            y = self.a(x)
            y += self.b(x)
            return y

    run = trace(InPlace(), (1, 9, 9), "test")
    sizes = [axes_of(run, call)[0].size for call in run.calls]
    assert sizes == [3, 5, 5]


def axes_of(run, call=None):
    (value,) = (call or run.calls[-1]).outputs
    return fields(run, [value])[value]


@pytest.mark.parametrize("shape", [(3, 8), (3, 8, 0), (1, 1, 3, 8, 8)])
def test_a_shape_that_is_no_image_is_refused_in_the_callers_name(shape):
    with pytest.raises(ValueError, match=r"^summary: input_shape=\(.*all positive"):
        trace(nn.Identity(), shape, "summary")


@pytest.mark.parametrize("at", [(0, 0), (1, 1), (2, 2), (1, 3)])
def test_adaptive_pooling_sees_its_cells_though_they_overlap(at):
    net = nn.AdaptiveAvgPool2d((3, 4))
    axes = axes_of(trace(net, (1, 11, 9), "test"))
    seen = [axis.seen(o, o) for axis, o in zip(axes, at, strict=True)]
    expected = tuple(range(a, b + 1) for a, b in seen)
    assert receptive_field_by_gradient(net, (1, 11, 9), at=at) == expected


@pytest.mark.parametrize(
    "norm",
    [nn.BatchNorm2d(4), nn.InstanceNorm2d(4), nn.GroupNorm(2, 4), nn.LayerNorm(9), nn.RMSNorm(9)],
    ids=lambda norm: type(norm).__name__,
)
def test_a_norm_leaves_the_fields_as_they_are(norm):
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), norm, nn.Conv2d(4, 2, 3, padding=1))
    run = trace(net, (1, 9, 9), "test")
    rows, columns = axes_of(run)
    assert (rows.size, columns.size) == (5, 5)

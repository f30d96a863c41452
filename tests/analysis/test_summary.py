"""summary against the cost tables of the lectures."""

import tracemalloc

import pytest

import minitorch_cnn as mt
from minitorch_cnn import nn
from minitorch_cnn.analysis import summary
from minitorch_cnn.kernels import dispatch


@pytest.fixture
def alexnet():
    """AlexNet in one tower, as the lecture's table has it for images of 227 x 227."""
    with nn.shapes_only():
        return nn.Sequential(
            {
                "conv1": nn.Conv2d(3, 64, 11, 4, 2),
                "relu1": nn.ReLU(),
                "pool1": nn.MaxPool2d(3, 2),
                "conv2": nn.Conv2d(64, 192, 5, padding=2),
                "relu2": nn.ReLU(),
                "pool2": nn.MaxPool2d(3, 2),
                "conv3": nn.Conv2d(192, 384, 3, padding=1),
                "relu3": nn.ReLU(),
                "conv4": nn.Conv2d(384, 256, 3, padding=1),
                "relu4": nn.ReLU(),
                "conv5": nn.Conv2d(256, 256, 3, padding=1),
                "relu5": nn.ReLU(),
                "pool5": nn.MaxPool2d(3, 2),
                "flatten": nn.Flatten(),
                "drop6": nn.Dropout(),
                "fc6": nn.Linear(9216, 4096),
                "drop7": nn.Dropout(),
                "fc7": nn.Linear(4096, 4096),
                "fc8": nn.Linear(4096, 1000),
            }
        )


# layer: input, filters, kernel, stride, pad, output, KB, thousands of parameters, millions of
# operations. The lecture prints 145 for conv4, whose 256 * 384 * 3 * 3 * 13 * 13 are 149.5 million,
# and 0 for pool2, pool5.
ALEXNET = {
    "conv1": ((3, 227, 227), 64, 11, 4, 2, (64, 56, 56), 784, 23, 73),
    "pool1": ((64, 56, 56), None, 3, 2, 0, (64, 27, 27), 182.25, 0, 0),
    "conv2": ((64, 27, 27), 192, 5, 1, 2, (192, 27, 27), 547, 307, 224),
    "pool2": ((192, 27, 27), None, 3, 2, 0, (192, 13, 13), 126.75, 0, 0),
    "conv3": ((192, 13, 13), 384, 3, 1, 1, (384, 13, 13), 254, 664, 112),
    "conv4": ((384, 13, 13), 256, 3, 1, 1, (256, 13, 13), 169, 885, 150),
    "conv5": ((256, 13, 13), 256, 3, 1, 1, (256, 13, 13), 169, 590, 100),
    "pool5": ((256, 13, 13), None, 3, 2, 0, (256, 6, 6), 36, 0, 0),
    "flatten": ((256, 6, 6), None, None, None, None, (9216,), 36, 0, 0),
    "fc6": ((9216,), None, None, None, None, (4096,), 16, 37_753, 38),
    "fc7": ((4096,), None, None, None, None, (4096,), 16, 16_781, 17),
    "fc8": ((4096,), None, None, None, None, (1000,), 4, 4_097, 4),
}


def test_the_lectures_table_of_alexnet_comes_out(alexnet):
    rows = {row.name: row for row in summary(alexnet, (3, 227, 227)).rows if row.memory_bytes}
    assert list(rows) == list(ALEXNET)
    for name, (x, filters, kernel, stride, pad, y, kilobytes, params, ops) in ALEXNET.items():
        row = rows[name]
        assert (row.input_shape, row.output_shape) == (x, y), name
        assert filters is None or filters == y[0]
        window = (row.kernel, row.stride, row.padding)
        assert window == tuple(n if n is None else (n, n) for n in (kernel, stride, pad)), name
        memory = row.memory_bytes / 1024
        assert kilobytes in (memory, round(memory)), name
        assert (round(row.params / 1e3), round(row.ops / 1e6)) == (params, ops), name


def test_the_figures_that_the_lecture_works_out_in_full_are_exact(alexnet):
    rows = {row.name: row for row in summary(alexnet, (3, 227, 227)).rows}
    assert rows["conv1"].params == 23_296
    assert rows["conv1"].macs == rows["conv1"].ops == 72_855_552
    assert (rows["pool1"].macs, rows["pool1"].ops) == (0, 64 * 27 * 27 * 9) == (0, 419_904)
    assert rows["fc6"].params == 9216 * 4096 + 4096 == 37_752_832


def test_alexnet_has_61_million_parameters_and_takes_0_7_giga_multiply_adds(alexnet):
    costs = summary(alexnet, (3, 227, 227))
    assert costs.total_params == 61_100_840
    assert costs.total_macs == 716_767_232
    assert costs.total_ops - costs.total_macs == 9 * (64 * 27**2 + 192 * 13**2 + 256 * 6**2)
    assert costs.total_activation_bytes == sum(row.memory_bytes for row in costs.rows)
    convolutions = sum(row.memory_bytes for row in costs.rows if row.type == "Conv2d")
    assert round(convolutions / 2**20, 1) == 1.9


def test_the_lectures_table_of_googlenets_stem_and_head_comes_out():
    with nn.shapes_only():
        stem = nn.Sequential(
            nn.Conv2d(3, 64, 7, 2, 3),
            nn.MaxPool2d(3, 2, 1),
            nn.Conv2d(64, 64, 1),
            nn.Conv2d(64, 192, 3, padding=1),
            nn.MaxPool2d(3, 2, 1),
        )
        head = nn.Sequential(nn.AvgPool2d(7), nn.Flatten(), nn.Linear(1024, 1000))
    costs = summary(stem, (3, 224, 224))
    assert [row.memory_bytes / 1024 for row in costs.rows] == [3136, 784, 784, 2352, 588]
    assert [round(row.params / 1e3) for row in costs.rows] == [9, 0, 4, 111, 0]
    assert [round(row.macs / 1e6) for row in costs.rows] == [118, 0, 13, 347, 0]
    assert [row.output_shape[1] for row in costs.rows] == [112, 56, 56, 56, 28]
    assert round(costs.total_params / 1e3) == 124
    # The lecture prints 418, though the lines above it add up to 478.
    assert costs.total_macs == 118_013_952 + 12_845_056 + 346_816_512 == 477_675_520
    assert round(costs.total_activation_bytes / 2**20, 1) == 7.5
    costs = summary(head, (1024, 7, 7))
    assert (round(costs.total_params / 1e3), round(costs.total_macs / 1e6)) == (1025, 1)


def test_resnets_stem_comes_out():
    stem = nn.Sequential(
        nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
    )
    conv, norm, relu, pool = summary(stem, (3, 224, 224)).rows
    assert (conv.memory_bytes / 1024, conv.params, conv.macs) == (3136, 9408, 118_013_952)
    assert (norm.params, norm.ops) == (128, 0)
    assert relu.memory_bytes == 0
    assert (pool.output_shape, pool.memory_bytes / 1024) == ((64, 56, 56), 784)
    assert (pool.receptive_field, pool.jump) == ((11, 11), (4, 4))


def test_a_bottleneck_takes_69632_multiply_adds_per_position_in_place_of_589824():
    with nn.shapes_only():
        plain = nn.Conv2d(256, 256, 3, padding=1)
        bottleneck = nn.Sequential(
            nn.Conv2d(256, 64, 1), nn.Conv2d(64, 64, 3, padding=1), nn.Conv2d(64, 256, 1)
        )
    positions = 14 * 14
    assert summary(plain, (256, 14, 14)).total_macs == 589_824 * positions
    costs = summary(bottleneck, (256, 14, 14))
    assert [row.macs / positions for row in costs.rows] == [16_384, 36_864, 16_384]
    assert costs.total_macs == 69_632 * positions


@pytest.mark.parametrize("C, H, W", [(8, 5, 5), (32, 12, 7), (512, 14, 14)])
def test_a_depthwise_separable_convolution_takes_9C_plus_C_squared_per_position(C, H, W):
    with nn.shapes_only():
        plain = nn.Conv2d(C, C, 3, padding=1)
        separable = nn.Sequential(nn.Conv2d(C, C, 3, padding=1, groups=C), nn.Conv2d(C, C, 1))
    assert summary(plain, (C, H, W)).total_macs == 9 * C**2 * H * W
    assert summary(separable, (C, H, W)).total_macs == (9 * C + C**2) * H * W


def test_a_transposed_convolution_uses_its_kernel_once_per_input():
    (row,) = summary(nn.ConvTranspose2d(4, 6, 4, 2, 1), (4, 5, 5)).rows
    assert row.output_shape == (6, 10, 10)
    assert row.macs == 4 * 6 * 4 * 4 * 5 * 5


def test_normalisation_over_channels_and_adaptive_pooling_count_what_they_look_at():
    norm = nn.LocalResponseNorm(5)
    assert summary(norm, (8, 6, 6)).total_ops == 8 * 6 * 6 * 5
    assert summary(nn.AdaptiveAvgPool2d(1), (8, 6, 6)).total_ops == 8 * 6 * 6
    # 5 rows over 3 windows of 2 each, overlapping in one.
    assert summary(nn.AdaptiveMaxPool2d((3, 1)), (8, 5, 6)).total_ops == 8 * (2 + 3 + 2) * 6
    assert summary(nn.AvgPool2d((2, 3)), (8, 6, 6)).total_ops == 8 * 3 * 2 * 6
    for layer in (norm, nn.AdaptiveAvgPool2d(1)):
        assert summary(layer, (8, 6, 6)).total_macs == 0


def test_a_module_that_runs_twice_has_two_rows_and_its_parameters_once():
    conv = nn.Conv2d(4, 4, 3, padding=1)
    costs = summary(nn.Sequential(conv, nn.ReLU(), conv), (4, 8, 8))
    first, _, second = costs.rows
    assert (first.name, second.name) == ("0", "0")
    assert (first.params, second.params) == (148, 0)
    assert first.macs == second.macs == 4 * 4 * 9 * 64
    assert (first.receptive_field, second.receptive_field) == ((3, 3), (5, 5))
    assert costs.total_params == 148


def test_a_parameter_that_two_modules_share_is_counted_once():
    a, b = nn.Linear(6, 6), nn.Linear(6, 6)
    b.weight = a.weight
    costs = summary(nn.Sequential(nn.Flatten(), a, b), (1, 2, 3))
    assert [row.params for row in costs.rows] == [0, 42, 6]
    assert costs.total_params == 48


def test_all_branches_are_rows_and_their_union_is_what_follows_sees():
    class Inception(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.five = nn.Conv2d(2, 3, 1), nn.Conv2d(2, 4, 5, padding=2)
            self.after = nn.Conv2d(7, 2, 3, padding=1)

        def forward(self, x):
            return self.after(mt.cat([self.one(x), self.five(x)], 1))

    costs = summary(Inception(), (2, 9, 9))
    assert [(row.name, row.receptive_field) for row in costs.rows] == [
        ("one", (1, 1)),
        ("five", (5, 5)),
        ("after", (7, 7)),
    ]
    assert costs.total_macs == 81 * (2 * 3 + 2 * 4 * 25 + 7 * 2 * 9)


def test_parameters_that_are_not_in_a_layer_or_do_not_run_are_in_the_total():
    class WithHead(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Conv2d(1, 1, 3), nn.Linear(9, 9)
            self.scale = nn.Parameter(mt.ones(5))

        def forward(self, x):
            y = self.body(x)
            return (y, self.head(y)) if self.training else y * self.scale.sum()

    costs = summary(WithHead(), (1, 9, 9))
    assert [(row.name, row.params, row.output_shape) for row in costs.rows] == [
        ("body", 10, (1, 7, 7)),
        ("WithHead", 5, (1, 7, 7)),
        ("head", 90, ()),
    ]
    assert costs.total_params == costs.trainable_params == 10 + 90 + 5


def test_a_layer_may_count_its_own_multiply_adds_and_hides_its_children():
    class Cheap(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(2, 2, 3)

        def multiply_adds(self, input_shape, output_shape):
            return 7 * output_shape[-1]

        def forward(self, x):
            return self.conv(x)

    (row,) = summary(Cheap(), (2, 9, 9)).rows
    assert (row.name, row.params, row.macs) == ("Cheap", 38, 7 * 7)


def test_the_batch_axis_may_be_given_and_changes_nothing(alexnet):
    assert summary(alexnet, (8, 3, 227, 227)) == summary(alexnet, (3, 227, 227))


def test_summary_leaves_the_model_as_it_was():
    net = nn.Sequential(nn.Conv2d(1, 1, 3), nn.BatchNorm2d(1), nn.Dropout().eval()).train()
    net[2].eval()
    mean = net[1].running_mean.numpy().copy()
    with mt.no_grad():
        summary(net, (1, 9, 9))
        assert not mt.is_grad_enabled()
    assert [module.training for module in net.modules()] == [True, True, True, False]
    assert (net[1].running_mean.numpy() == mean).all()
    assert all(p.grad is None for p in net.parameters())
    assert not any(module._forward_hooks for module in net.modules())


def test_a_model_in_double_precision_can_be_summarised():
    net = nn.Sequential(nn.Conv2d(1, 1, 3), nn.ReLU()).double()
    assert summary(net, (1, 9, 9)).total_activation_bytes == 4 * 49


def test_an_image_too_small_for_the_model_is_refused_and_no_hook_is_left_behind(alexnet):
    with pytest.raises(ValueError, match="max_pool2d: kernel"):
        summary(alexnet, (3, 32, 32))
    assert not any(module._forward_hooks for module in alexnet.modules())


def test_a_giant_is_summarised_without_memory_for_its_weights():
    tracemalloc.start()
    with nn.shapes_only():
        layers = [nn.Conv2d(4096, 4096, 3, padding=1) for _ in range(100)]
        costs = summary(nn.Sequential(*layers), (4096, 64, 64))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert costs.total_params == 100 * (4096 * 4096 * 9 + 4096)
    assert costs.rows[-1].receptive_field == (201, 201)
    assert peak < 4e6


def test_a_net_that_cannot_take_a_batch_of_none_has_a_summary():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.fc = nn.Conv2d(1, 2, 5), nn.Linear(2 * 24 * 24, 10)

        def forward(self, x):
            return self.fc(self.conv(x).view(x.size(0), -1))

    rows = summary(Net(), (1, 28, 28)).rows
    assert [row.output_shape for row in rows] == [(2, 24, 24), (10,)]
    assert [row.macs for row in rows] == [2 * 24 * 24 * 25, 2 * 24 * 24 * 10]
    assert rows[1].receptive_field == (28, 28)
    (row,) = summary(
        type("Dict", (nn.Module,), {"forward": lambda s, x: {"y": x}})(), (1, 8, 8)
    ).rows
    assert (row.type, row.output_shape) == ("Dict", (1, 8, 8))


def test_a_notebook_shows_the_table_with_escaped_names():
    net = nn.Sequential()
    net.add_module("a<b", nn.Conv2d(1, 3, 1))
    found = summary(net, (1, 2, 2))
    shown = found._repr_html_()
    assert shown.startswith("<pre>") and shown.endswith("</pre>")
    assert "a&lt;b" in shown and "a<b" not in shown


class Rectified(nn.Module):
    """A residual block whose ReLUs are functions, and an activation of the sum of three."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2)
        self.conv2, self.act = nn.Conv2d(2, 2, 1), nn.Sigmoid()
        self.last = nn.Conv2d(2, 2, 1)

    def forward(self, x):
        y = nn.functional.relu(self.bn1(self.conv1(x)))
        y = nn.functional.relu(self.conv2(y) + x)
        return self.act(nn.functional.elu(self.last(y)) * 2.0)


def test_rows_say_which_activation_functions_follow():
    costs = summary(Rectified(), (2, 4, 4))
    assert [(row.name, row.then) for row in costs.rows] == [
        ("conv1", ""),
        ("bn1", "ReLU"),
        ("conv2", "Add, ReLU"),
        ("last", "ELU, Mul, Sigmoid"),
        ("act", ""),
    ]
    lines = [line.split() for line in str(costs).splitlines()]
    assert lines[3][:3] == ["bn1", "BatchNorm2d", "ReLU"]
    assert "Add, ReLU" in costs.format("markdown") and "Add, ReLU" in costs.format("csv")


def test_of_a_layer_whose_output_is_used_twice_both_activation_functions_are_said():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 1)

        def forward(self, x):
            y = self.conv(x)
            return nn.functional.relu(y) + mt.tanh(y)

    assert [row.then for row in summary(Twice(), (1, 4, 4)).rows] == ["ReLU; Tanh"]


def test_nothing_is_compiled_to_find_shapes(monkeypatch):
    chosen, load = set(), dispatch.Operator.load
    monkeypatch.setattr(
        dispatch.Operator, "load", lambda self, name: chosen.add(name) or load(self, name)
    )
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2))
    summary(net)
    assert chosen == {"numpy"}  # by image_shape, which runs the net

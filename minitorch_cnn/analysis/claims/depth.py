"""Depth and size: copying a shallow net into a deep one, shallow nets, and small nets.

K. He, X. Zhang, S. Ren, J. Sun (2016), "Deep residual learning for image recognition", CVPR 2016,
arXiv 1512.03385, section 1: a deep net can copy a shallow one and do nothing in its other layers,
so its training error need not be higher; yet training finds worse nets.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import nn
from ...autograd import no_grad
from ...models.blocks import draw_weights
from ...models.residual import PlainBlock
from ...models.resnet_cifar import CifarResNet
from ...nn.evaluation import evaluation
from ...random import manual_seed
from ...tensor import Tensor
from ..small_training import loss_and_error, train
from ..watch import recorded
from .claim import Claim, Panel, Values, compared, mean_and_spread, percent
from .nets import digits, layer, shapes

# ------------------------------------------------------------------------------- copy and identity

STAGES = "layer1", "layer2", "layer3"


def plain_net(blocks: int, classes: int = 6) -> CifarResNet:
    """A plain net of 6 blocks + 2 layers, at half of the width of plain-20."""
    return CifarResNet(blocks, PlainBlock, num_classes=classes, in_channels=1, width=0.5)


def set_to_identity(block: PlainBlock, maps: np.ndarray) -> None:
    """Make a plain block return its input, which a ReLU has left above 0: convolutions that copy,
    and batch norms with the statistics of these maps (N, C, H, W), which scale and shift them back.
    """
    mean = maps.mean(axis=(0, 2, 3), dtype=np.float64)
    var = maps.var(axis=(0, 2, 3), dtype=np.float64)
    for conv, bn in ((block.conv1, block.bn1), (block.conv2, block.bn2)):
        nn.init.dirac_(conv.weight)
        set_to: Any = (
            (bn.running_mean, mean),
            (bn.running_var, var),
            (bn.weight, np.sqrt(var + bn.eps)),
            (bn.bias, mean),
        )
        for tensor, value in set_to:
            tensor.array[...] = value


def copied(shallow: CifarResNet, blocks: int, x: np.ndarray) -> CifarResNet:
    """A plain net with that many blocks a stage that computes what `shallow` does.

    x: images for the statistics of the maps.
    """
    deep = plain_net(blocks, shallow.get_submodule("fc").out_features)
    state = shallow.state_dict()
    deep.load_state_dict(state, strict=False)
    with recorded(shallow) as outputs, evaluation(shallow), no_grad():
        shallow(Tensor(x))
    for name in STAGES:
        stage: list[Any] = list(deep.get_submodule(name).children())
        for block in stage[len(list(shallow.get_submodule(name).children())) :]:
            set_to_identity(block, outputs[name].array)
    return deep


def identity_copy(seed: int, images: int, epochs: int) -> Values:
    data = shapes().take(images, seed)
    manual_seed(seed)
    shallow = plain_net(1)
    curves = {"8 layers": train(shallow, data, epochs, 0.1, seed)}
    deep = copied(shallow, 5, data.x)
    nets = [shallow, deep]
    ends = [
        (loss_and_error(net, data.x, data.labels)[1], loss_and_error(net, *data[2:])[1])
        for net in nets
    ]
    manual_seed(seed)
    scratch = plain_net(5)
    curves["32 layers"] = train(scratch, data, epochs, 0.1, seed)
    ends.append(
        (loss_and_error(scratch, data.x, data.labels)[1], loss_and_error(scratch, *data[2:])[1])
    )
    training, held_out = np.array(ends).T
    return {
        "At the end": {"training error": training, "test error": held_out},
        "In training": {name: c.error for name, c in curves.items()},
    }


def copy_verdict(values: Values) -> tuple[str, str]:
    training, held_out = values["At the end"].values()
    shallow, copy, deep = training.T
    return compared(deep - copy), (
        f"training error {percent(shallow)} of 8 layers, {percent(copy)} of their copy with 24 "
        f"identities and {percent(deep)} of 32 trained layers; test error "
        f"{percent(held_out[:, 0])}, {percent(held_out[:, 1])} and {percent(held_out[:, 2])}."
    )


IDENTITY_COPY = Claim(
    "identity-copy",
    "A deep net could copy a shallow one and add identities, yet training finds worse ones.",
    "He et al. 2016, arXiv 1512.03385, section 1",
    "Plain nets with batch norm of 8 and 32 layers on shapes of 16 x 16; the copy has the layers "
    "of the first, and 24 that are set to the identity.",
    {
        "At the end": Panel("net", "error (%)", ("8 layers", "their copy", "32 layers"), 100),
        "In training": Panel("number of epochs", "training error (%)", factor=100),
    },
    identity_copy,
    copy_verdict,
    500,
    12,
)

# ------------------------------------------------------------------------------------ shallow nets

BUDGETS = 2000, 8000, 32000  # parameters
DEPTHS = {1: (0, 1), 2: (1, 1), 4: (2, 2)}  # convolutions before each of two poolings


def net_of_depth(depth: int, width: int, classes: int = 6) -> nn.Sequential:
    """`depth` convolutions of `width` channels, two poolings, a linear layer of 4 x 4 places.

    x (N, 1, 16, 16) -> logits (N, classes)
    """
    layers: list[nn.Module] = []
    inputs = 1
    for count in DEPTHS[depth]:
        for _ in range(count):
            layers += layer(inputs, width)
            inputs = width
        layers.append(nn.MaxPool2d(2))
    net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * width, classes))
    draw_weights(net, nn.init.kaiming_normal_)
    return net


def widest(depth: int, budget: int) -> int:
    """The number of channels with which a net of that depth has at most `budget` parameters."""
    width = 1
    while parameters(depth, width + 1) <= budget:
        width += 1
    return width


def parameters(depth: int, width: int, classes: int = 6) -> int:
    """The number of parameters of `net_of_depth`: 3 x 3 weights and biases, a linear layer."""
    inner = (depth - 1) * (9 * width**2 + width)
    return 10 * width + inner + 16 * width * classes + classes


def shallow_nets(seed: int, images: int, epochs: int) -> Values:
    data = shapes().take(images, seed)
    errors: dict[str, np.ndarray] = {}
    for depth in DEPTHS:
        found = []
        for budget in BUDGETS:
            manual_seed(seed)
            net = net_of_depth(depth, widest(depth, budget))
            found.append(train(net, data, epochs, 0.015, seed).test_error[-1])
        errors[f"{depth} convolution{'s' * (depth > 1)}"] = np.array(found)
    return {"Test error": errors}


def shallow_verdict(values: Values) -> tuple[str, str]:
    one, _, four = values["Test error"].values()
    told = "; ".join(
        f"{name} {percent(v[:, 1])} and {percent(v[:, -1])}"
        for name, v in values["Test error"].items()
    )
    return compared(one[:, -1] - four[:, 1]), (
        f"test error with {BUDGETS[1]:,} and {BUDGETS[-1]:,} parameters: {told}."
    )


SHALLOW_NETS = Claim(
    "shallow-nets",
    "Shallow nets are inefficient: a deep one is better with a quarter of the parameters.",
    "Goodfellow et al. 2016, Deep Learning, section 6.4.1",
    "One, two and four convolutions on shapes of 16 x 16, as wide as the parameters allow.",
    {"Test error": Panel("parameters", "test error (%)", BUDGETS, 100, log="x")},
    shallow_nets,
    shallow_verdict,
    500,
    12,
)

# -------------------------------------------------------------------------------------- small nets

COUNTS = 30, 100, 300, 1000
WIDTHS = {"8 channels": 8, "32 channels": 32}
STEPS_OF = 300  # every net sees `epochs` times as many images


def small_net(width: int) -> nn.Sequential:
    net = nn.Sequential(
        *layer(1, width), nn.MaxPool2d(2), *layer(width, width), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(4 * width, 10),
    )  # fmt: skip
    draw_weights(net, nn.init.kaiming_normal_)
    return net


def small_nets(seed: int, images: int, epochs: int) -> Values:
    """images: of the largest training set."""
    errors: dict[str, list[float]] = {name: [] for name in WIDTHS}
    for count in (min(count, images) for count in COUNTS):
        data = digits().take(count, seed)
        for name, width in WIDTHS.items():
            manual_seed(seed)
            rounds = -(-epochs * STEPS_OF // count)
            data_once = data._replace(test_x=data.test_x[:0])  # tested at the end alone
            net = small_net(width)
            train(net, data_once, rounds, 0.01, seed)
            errors[name].append(loss_and_error(net, *data[2:])[1])
    return {"Test error": {name: np.array(found) for name, found in errors.items()}}


def small_verdict(values: Values) -> tuple[str, str]:
    small, large = values["Test error"].values()
    counts = ", ".join(
        f"{count}: {mean_and_spread(100 * s)} and {mean_and_spread(100 * v)}"
        for count, s, v in zip(COUNTS, small.T, large.T, strict=True)
    )
    return compared(large[:, 0] - small[:, 0]), (
        f"test error (%) with 8 and with 32 channels, by number of training images: {counts}."
    )


SMALL_NETS = Claim(
    "small-nets",
    "Smaller nets need less data: with few images they are better than larger ones.",
    "Iandola et al. 2016, arXiv 1602.07360, section 1; a common reading of capacity",
    "Two convolutions of 8 and of 32 channels on digits of 8 x 8, trained for equally many steps.",
    {"Test error": Panel("training images", "test error (%)", COUNTS, 100, log="xy")},
    small_nets,
    small_verdict,
    1000,
    30,
)

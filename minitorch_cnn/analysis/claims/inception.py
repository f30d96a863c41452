"""Inception modules: auxiliary heads, residual connections, and the use of the branches.

C. Szegedy et al. (2015), "Going deeper with convolutions", arXiv 1409.4842; C. Szegedy et al.
(2016), "Rethinking the Inception architecture", arXiv 1512.00567, section 4; C. Szegedy et al.
(2017), "Inception-v4, Inception-ResNet and the impact of residual connections", arXiv 1602.07261.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from ... import functional as F
from ... import nn
from ...autograd import enable_grad, grad
from ...models.blocks import ConvBNReLU, ConvReLU, Trunk, classifier, draw_weights
from ...models.googlenet import TABLE, auxiliary_head
from ...models.inception_resnet import A1, Residual, ResidualBranches
from ...models.tables import Branches, Conv, build_all
from ...random import manual_seed
from ...tensor import Tensor
from ..small_training import cross_entropy, loss_and_error, train
from ..watch import recorded
from .claim import Claim, Panel, Values, compared, mean_and_spread, percent
from .nets import digits
from .speed import gained, panels, speeds

WIDTH = 0.125
MODULES = ("inception3a", "inception3b", "inception4a", "inception4b", "inception4c", "inception4d")
BRANCHES = ("1 x 1", "3 x 3", "5 x 5", "pooling")
HEADS_AFTER = {"inception3b": "aux1", "inception4b": "aux2"}


def small_googlenet(conv: Callable[..., nn.Module] = ConvBNReLU, heads: bool = False) -> Trunk:
    """Six of GoogLeNet's modules at an eighth of its width.    x (N, 1, 8, 8) -> logits (N, 10)

    heads: with auxiliary heads after the second and the fourth module, in training.
    """
    table: dict[str, Any] = {"conv1": Conv(192, 3)}
    for name in MODULES:
        table[name] = TABLE[name]
        if name == "inception3b":
            table["maxpool3"] = partial(nn.MaxPool2d, 2, 2)
    layers, channels = build_all(table, 1, conv, WIDTH)
    aside = {}
    for after, name in HEADS_AFTER.items() if heads else ():
        pool = nn.AdaptiveAvgPool2d(4)
        inputs: Any = layers[after].out_channels
        aside[after] = name, auxiliary_head(inputs, 10, pool, conv, WIDTH)
    net = Trunk(layers | classifier(channels, 10), 1, 8, aside)
    if conv is ConvReLU:
        draw_weights(net, nn.init.lecun_uniform_, bias=0.2)  # as GoogLeNet
    else:
        draw_weights(net, nn.init.kaiming_normal_)
    return net


# ---------------------------------------------------------------------------------- auxiliary heads

HEADED = {
    "plain": (ConvReLU, False),
    "plain, with heads": (ConvReLU, True),
    "batch norm": (ConvBNReLU, False),
    "batch norm, with heads": (ConvBNReLU, True),
}


@enable_grad()
def first_gradient(net: Trunk, x: np.ndarray, labels: np.ndarray) -> float:
    """The norm of the loss's gradient with respect to the weights of the first module."""
    net.train()
    weights = list(net.get_submodule(MODULES[0]).parameters())
    gradients = grad(cross_entropy(net(Tensor(x)), Tensor(labels)), weights)
    return float(np.sqrt(sum((g.array.astype(np.float64) ** 2).sum() for g in gradients)))


def auxiliary_heads(seed: int, images: int, epochs: int) -> Values:
    data = digits().take(images, seed)
    norms: dict[str, np.ndarray] = {}
    errors: dict[str, np.ndarray] = {}
    for name, (conv, heads) in HEADED.items():
        manual_seed(seed)
        net = small_googlenet(conv, heads)
        seen: list[float] = []

        def watch(epoch, net=net, seen=seen):
            seen.append(first_gradient(net, data.x[:64], data.labels[:64]))

        errors[name] = train(net, data, epochs, 0.03, seed, watch=watch).test_error
        norms[name] = np.array((seen + [np.nan] * epochs)[: epochs + 1])
    return {"Gradient of the first module": norms, "Test error": errors}


def heads_verdict(values: Values) -> tuple[str, str]:
    norms = {name: v[:, 0] for name, v in values["Gradient of the first module"].items()}
    errors = {name: v[:, -1] for name, v in values["Test error"].items()}
    gain = norms["plain, with heads"] / norms["plain"]
    bn_gain = norms["batch norm, with heads"] / norms["batch norm"]
    helped = errors["plain"] - errors["plain, with heads"]
    needed = errors["batch norm"].mean() - errors["batch norm, with heads"].mean() > 0.01
    answers = compared(gain - 1), compared(helped), "no" if needed else "yes"
    answer = answers[0] if len(set(answers)) == 1 else "partly"
    return answer, (
        f"heads multiply the first gradient by {mean_and_spread(gain)} without batch norm and by "
        f"{mean_and_spread(bn_gain)} with it; test error without batch norm "
        f"{percent(errors['plain'])}, with heads {percent(errors['plain, with heads'])}; with "
        f"batch norm {percent(errors['batch norm'])}, with heads "
        f"{percent(errors['batch norm, with heads'])}."
    )


AUXILIARY_HEADS = Claim(
    "auxiliary-heads",
    "Auxiliary heads bring gradients to the lower layers; with batch norm none are needed.",
    "Szegedy et al. 2015, arXiv 1409.4842, section 5; doubted by Szegedy et al. 2016, arXiv "
    "1512.00567, section 4",
    "Six Inception modules on digits of 8 x 8, without and with two auxiliary heads, without and "
    "with batch norm.",
    {
        "Gradient of the first module": Panel(
            "number of epochs", "norm of the gradient", log="y", start=0
        ),
        "Test error": Panel("number of epochs", "test error (%)", factor=100, log="y"),
    },
    auxiliary_heads,
    heads_verdict,
    300,
    10,
)

# ------------------------------------------------------------------------------- Inception-ResNet

RATES = (0.1, 0.3)
BLOCKS = 8


class InceptionBranches(ResidualBranches):
    """The same layers without the shortcut: y = relu(W branches(x) + b)."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv2d(Branches.forward(self, x)))


def inception_net(residual: bool) -> nn.Sequential:
    """Eight blocks of Inception-ResNet-v1 at a quarter of its width, or without shortcuts."""
    conv = partial(ConvBNReLU, eps=1e-3)
    channels = 32
    if residual:
        blocks = [Residual(A1, 0.17).build(channels, conv, 0.25)[0] for _ in range(BLOCKS)]
    else:
        blocks = [InceptionBranches(channels, A1, conv, 0.25, 1.0, True) for _ in range(BLOCKS)]
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)
    net = nn.Sequential(conv(1, channels, 3, 2, 1), *blocks, *head)
    draw_weights(net, nn.init.kaiming_normal_)
    return net


def inception_resnet(seed: int, images: int, epochs: int) -> Values:
    names = {"Inception-ResNet": True, "Inception": False}
    builders = {name: partial(inception_net, residual) for name, residual in names.items()}
    return speeds(builders, RATES, seed, images, epochs)


def resnet_verdict(values: Values) -> tuple[str, str]:
    saved, text = gained(values, "shortcuts")
    return compared(saved), f"{text}."


INCEPTION_RESNET = Claim(
    "inception-resnet",
    "Inception-ResNet converges faster than Inception.",
    "Szegedy et al. 2017, arXiv 1602.07261, figures 23 to 26",
    "Eight blocks of Inception-ResNet-v1 on digits of 8 x 8, with shortcuts (branches scaled by "
    "0.17) and without, at two learning rates each.",
    panels(RATES),
    inception_resnet,
    resnet_verdict,
    300,
    10,
)

# ------------------------------------------------------------------------- branches of the modules


def slices_of(module: Branches) -> list[slice]:
    """The channels of a module's output that each branch makes."""
    ends = np.cumsum(
        [_last_conv(module.get_submodule(path[-1])).out_channels for path in module.paths]
    )
    return [slice(start, end) for start, end in zip((0, *ends), ends, strict=False)]


def _last_conv(module: nn.Module) -> nn.Conv2d:
    return [m for m in module.modules() if isinstance(m, nn.Conv2d)][-1]


@contextmanager
def silenced(module: nn.Module, channels: slice):
    """Set channels of a module's output to 0 during the block."""

    def hook(module, inputs, output):
        array = output.array.copy()
        array[:, channels] = 0
        return Tensor(array)

    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def used_by_next(net: Trunk, module: str, activations: np.ndarray) -> np.ndarray:
    """The share of each branch in what the next layers compute: for a channel, the root mean square
    of its activations times the norm of the weights that read it.
    """
    following = net.order[net.order.index(module) + 1 :]
    readers: list[Any] = []
    for name in following:
        inside = net.get_submodule(name).modules()
        readers = [
            m.weight.array
            for m in inside
            if isinstance(m, nn.Conv2d | nn.Linear) and m.weight.shape[1] == activations.shape[1]
        ]
        if readers:
            break
    strength = sum((w.astype(np.float64) ** 2).sum(axis=(0, *range(2, w.ndim))) for w in readers)
    size = (activations.astype(np.float64) ** 2).mean(axis=(0, 2, 3)) * strength
    found: Any = net.get_submodule(module)
    parts = np.array([np.sqrt(size[s]).sum() for s in slices_of(found)])
    return parts / parts.sum()


def branches(seed: int, images: int, epochs: int) -> Values:
    data = digits().take(images, seed)
    manual_seed(seed)
    net = small_googlenet()
    train(net, data, epochs, 0.1, seed)
    intact = loss_and_error(net, data.test_x, data.test_labels)[1]
    net.eval()
    with recorded(net) as outputs:
        net(Tensor(data.test_x))
    shares, lesions = [], []
    for name in MODULES:
        shares.append(used_by_next(net, name, outputs[name].array))
        module: Any = net.get_submodule(name)
        lesions.append([])
        for part in slices_of(module):
            with silenced(module, part):
                lesions[-1].append(loss_and_error(net, data.test_x, data.test_labels)[1] - intact)
    by_branch: list[dict[str, np.ndarray]] = [
        dict(zip(BRANCHES, np.array(v).T, strict=True)) for v in (shares, lesions)
    ]
    return dict(zip(BRANCHES_PANELS, by_branch, strict=True))


SHORT = tuple(name.removeprefix("inception") for name in MODULES)
BRANCHES_PANELS = {
    "Share in what the next layers compute": Panel("module", "share (%)", SHORT, 100),
    "Error without the branch": Panel("module", "rise of the test error (%)", SHORT, 100),
}


def branches_verdict(values: Values) -> tuple[str, str]:
    shares, lesions = values.values()
    mean_shares = {name: v.mean(axis=1) for name, v in shares.items()}
    mean_rise = {name: v.mean(axis=1) for name, v in lesions.items()}
    least = np.min(list(mean_rise.values()), axis=0)
    told = ", ".join(f"{n} {percent(mean_shares[n])} ({percent(mean_rise[n])})" for n in BRANCHES)
    return compared(least - 0.01), f"mean share, and rise of the error without the branch: {told}."


INCEPTION_BRANCHES = Claim(
    "inception-branches",
    "An Inception module uses all of its branches.",
    "Szegedy et al. 2015, arXiv 1409.4842, section 4",
    "Six Inception modules with batch norm, trained on digits of 8 x 8; each branch of each module "
    "set to 0 in turn.",
    BRANCHES_PANELS,
    branches,
    branches_verdict,
    600,
    8,
)

"""The perturbation image: a residual block adds little to its input, a plain one replaces it.

K. He et al. (2016), arXiv 1512.03385, section 3.1 ("if the optimal function is closer to an
identity mapping ... easier to find the perturbations") and figure 7: small residual responses.
"""

from __future__ import annotations

import numpy as np

from ... import nn
from ...autograd import no_grad
from ...models.residual import BasicBlock, PlainBlock, basic
from ...models.resnet_cifar import CifarResNet
from ...nn.evaluation import evaluation
from ...random import manual_seed
from ...tensor import Tensor
from ..small_training import train
from .claim import Claim, Panel, Values, mean_and_spread
from .nets import shapes

BLOCKS = 3  # in each of three stages
SMALL = 0.5  # the largest change, of the input's length, that counts as a small perturbation


def inputs_of_blocks(net: nn.Module, x: np.ndarray) -> dict[str, tuple[BasicBlock, Tensor]]:
    """The blocks of a net in evaluation mode, and what enters them."""
    found: dict[str, tuple[BasicBlock, Tensor]] = {}
    handles = []
    for name, block in net.named_modules():
        if isinstance(block, BasicBlock):

            def hook(module, inputs, name=name, block=block):
                found[name] = block, inputs[0]

            handles.append(block.register_forward_pre_hook(hook))
    with evaluation(net), no_grad():
        net(Tensor(x))
    for handle in handles:
        handle.remove()
    return found


def changes(net: nn.Module, x: np.ndarray) -> dict[str, float]:
    """||change|| / ||input|| of each block that keeps the shape of its input.

    The change is the branch of a residual block, and of a plain one branch(x) - x.
    """
    found = {}
    with evaluation(net), no_grad():
        for name, (block, before) in inputs_of_blocks(net, x).items():
            branch = block.branch(before).array
            if block.downsample is None and branch.shape == before.shape:
                change = branch - before.array if isinstance(block, PlainBlock) else branch
                found[name] = float(np.linalg.norm(change) / np.linalg.norm(before.array))
    return found


def image_of(net: nn.Module, x: np.ndarray, name: str) -> np.ndarray:
    """The input, the branch and their sum, of the channel of a block that is excited most.

    x (1, C, H, W) -> (H', 3 W' + 2), with columns of NaN between them.
    """
    block, before = inputs_of_blocks(net, x)[name]
    with evaluation(net), no_grad():
        branch = block.branch(before).array[0]
    maps = before.array[0]
    channel = int((maps**2).sum(axis=(1, 2)).argmax())
    parts = maps[channel], branch[channel], (maps + branch)[channel]
    between = np.full((maps.shape[1], 1), np.nan)
    return np.concatenate([parts[0], between, parts[1], between, parts[2]], axis=1)


def measure(seed: int, images: int, epochs: int) -> Values:
    data = shapes().take(images, seed)
    found: dict[str, np.ndarray] = {}
    picture = np.zeros(0)
    for name, shortcut in (("residual", "A"), ("plain", None)):
        manual_seed(seed)
        net = CifarResNet(BLOCKS, basic(shortcut), num_classes=6, in_channels=1, width=0.5)
        found[f"{name}, new"] = np.array(list(changes(net, data.test_x[:64]).values()))
        train(net, data, epochs, 0.1, seed)
        found[f"{name}, trained"] = np.array(list(changes(net, data.test_x[:64]).values()))
        if shortcut:
            picture = image_of(net, data.test_x[:1], "layer1.2")
        else:  # its stages begin with blocks that have no shortcut to compare with
            found = {k: v if len(v) == len(SHOWN) else v[-len(SHOWN) :] for k, v in found.items()}
    return {"Change of the input by each block": found, "Input, branch and sum": {"maps": picture}}


SHOWN = "1.1", "1.2", "1.3", "2.2", "2.3", "3.2", "3.3"


def verdict(values: Values) -> tuple[str, str]:
    change = {k: v.mean(axis=1) for k, v in values["Change of the input by each block"].items()}
    told = {name: mean_and_spread(v) for name, v in change.items()}
    small = change["residual, trained"] < SMALL
    smaller = np.all(change["residual, trained"] < change["plain, trained"])
    return "yes" if np.all(small) else "partly" if smaller else "no", (
        f"a trained residual block changes its input by {told['residual, trained']} of its length "
        f"(new: {told['residual, new']}), a plain one by {told['plain, trained']} (new: "
        f"{told['plain, new']})."
    )


PERTURBATION = Claim(
    "perturbation",
    "A residual branch is a small perturbation of its input.",
    "He et al. 2016, arXiv 1512.03385, section 3.1 and figure 7",
    "ResNet-20 and plain-20 of half width on shapes of 16 x 16; blocks that keep the shape of "
    "their input, in evaluation mode.",
    {
        "Change of the input by each block": Panel(
            "block (stage.number)", "length of change / of input", SHOWN
        ),
        "Input, branch and sum": Panel("column", "row", image="first"),
    },
    measure,
    verdict,
    500,
    10,
)

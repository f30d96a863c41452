"""Activations: the mean of what they return, and what they keep for the backward pass.

D.-A. Clevert, T. Unterthiner, S. Hochreiter (2016), "Fast and accurate deep network learning by
exponential linear units (ELUs)", ICLR 2016, arXiv 1511.07289: the mean of ReLUs is above 0, which
acts as a bias of the next layer; ELUs have means near 0 and learn faster.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ... import nn
from ...autograd import enable_grad, no_grad
from ...random import manual_seed
from ...tensor import Tensor
from ..small_training import train
from ..watch import ancestors, recorded
from .claim import Claim, Panel, Values, compared, mean_and_spread
from .nets import digits, plain

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "ReLU": nn.ReLU,
    "leaky ReLU": lambda: nn.LeakyReLU(0.1),
    "ELU": nn.ELU,
    "tanh": nn.Tanh,
}


def offset(activations: np.ndarray) -> float:
    """The mean of activations over their root mean square: 0 without an offset, 1 for a constant.

    sqrt(1 / pi) = 0.56 for a ReLU of normal inputs with mean 0.
    """
    a = activations.astype(np.float64)
    return float(a.mean() / (np.sqrt((a**2).mean()) or 1))


def offset_bias(seed: int, images: int, epochs: int) -> Values:
    data = digits().take(images, seed)
    offsets: dict[str, np.ndarray] = {}
    errors: dict[str, np.ndarray] = {}
    for name, activation in ACTIVATIONS.items():
        manual_seed(seed)
        net = plain([16] * 5, (1, 1, 2), activation=activation)
        kind = type(activation())
        named = [n for n, m in net.named_modules() if type(m) is kind]
        seen: list[float] = []

        def watch(epoch, net=net, named=named, seen=seen):
            net.eval()
            with recorded(net) as outputs, no_grad():
                net(Tensor(data.x[:128]))
            seen.append(float(np.mean([abs(offset(outputs[n].array)) for n in named])))

        errors[name] = train(net, data, epochs, 0.03, seed, watch=watch).error
        offsets[name] = np.array((seen + [np.nan] * epochs)[: epochs + 1])
    return {"Offset of the activations": offsets, "Training error": errors}


def offset_verdict(values: Values) -> tuple[str, str]:
    last = {name: v[:, -1] for name, v in values["Offset of the activations"].items()}
    told = ", ".join(f"{name} {mean_and_spread(v)}" for name, v in last.items())
    mean_errors = {name: v.mean(axis=1) for name, v in values["Training error"].items()}
    answers = (
        compared(last["ReLU"] - last["ELU"]),
        compared(mean_errors["ReLU"] - mean_errors["ELU"]),
    )
    speed = ", ".join(f"{name} {mean_and_spread(100 * v)} %" for name, v in mean_errors.items())
    return answers[0] if answers[0] == answers[1] else "partly", (
        f"mean activation over root mean square after training: {told}; training error, mean of "
        f"all epochs: {speed}."
    )


OFFSET_BIAS = Claim(
    "offset-bias",
    "ReLUs have an offset that biases the next layer; ELUs have means near 0 and learn faster.",
    "Clevert et al. 2016, arXiv 1511.07289, sections 2 and 4.1",
    "Five convolutions of 16 channels without batch norm on digits of 8 x 8, learning rate 0.03.",
    {
        "Offset of the activations": Panel(
            "number of epochs", "|mean| / root mean square", start=0
        ),
        "Training error": Panel("number of epochs", "training error (%)", factor=100),
    },
    offset_bias,
    offset_verdict,
    400,
    10,
)

# ------------------------------------------------------------------------------------------ memory

KEPT: dict[str, Callable[[], nn.Module]] = {
    "ReLU": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "ELU": nn.ELU,
    "leaky ReLU": nn.LeakyReLU,
    "SiLU": nn.SiLU,
    "none": nn.Identity,
}
CHANNELS = 16


@enable_grad()
def kept_bytes(net: nn.Module, x: Tensor) -> int:
    """The memory of all arrays that the graph of net(x) keeps for the backward pass, weights and x
    apart; an array that several operations keep counts once.
    """
    y = net(x)
    outside = {id(t.array) for t in (x, *net.parameters())}
    found: dict[int, np.ndarray] = {}
    for node in ancestors([y.grad_fn]):
        for saved in node.saved_tensors if node.saved_ else ():
            array = saved.array if isinstance(saved, Tensor) else saved
            if isinstance(array, np.ndarray):
                owner = array if array.base is None else array.base
                found[id(owner)] = owner
    return sum(a.nbytes for key, a in found.items() if key not in outside)


def activation_memory(seed: int, images: int, epochs: int) -> Values:
    """images: in the batch; nothing is trained."""
    manual_seed(seed)
    x = Tensor(digits(16).x[:images])
    found = {}
    for name, activation in KEPT.items():
        layers = []
        for inputs in (1, CHANNELS, CHANNELS):
            layers += [nn.Conv2d(inputs, CHANNELS, 3, padding=1), activation()]
        net = nn.Sequential(*layers, nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1))
        found[name] = kept_bytes(net, x) / 2**20
    return {
        "Three convolutions with activations, and one more": {
            "kept": np.array(list(found.values()))
        }
    }


def memory_verdict(values: Values) -> tuple[str, str]:
    (kept,) = values["Three convolutions with activations, and one more"].values()
    relu, tanh = kept[:, 0], kept[:, 1]
    told = ", ".join(f"{name} {v:.3g}" for name, v in zip(KEPT, kept.mean(axis=0), strict=True))
    return "yes" if np.all(relu <= tanh / 2) else "no", (
        f"MiB kept: {told}. The next convolution keeps its input, which is the activation's "
        "output: ReLU, tanh and sigmoid need no more; those whose slope needs their own input "
        "keep a second array."
    )


ACTIVATION_MEMORY = Claim(
    "activation-memory",
    "A ReLU keeps half as much for the backward pass as tanh.",
    "lectures; the reason given is that a ReLU may overwrite its input",
    "Four convolutions of 16 channels with an activation after each of the first three, on 64 "
    "digits of 16 x 16; all arrays that the graph keeps, each once.",
    {
        "Three convolutions with activations, and one more": Panel(
            "activation", "memory kept (MiB)", tuple(KEPT)
        )
    },
    activation_memory,
    memory_verdict,
    64,
    1,
    seeds=1,
)

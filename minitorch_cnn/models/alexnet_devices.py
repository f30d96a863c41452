"""AlexNet of 2012 on two devices, one tower on each, as its authors trained it on two GPUs.

Krizhevsky, Sutskever, Hinton (2012), section 3.5 and figure 2: conv2, conv4 and conv5 see the
channels of their own device only; conv3 and the linear layers see those of both, so that only there
activations cross, and their gradients on the way back.

Deviations from the paper
- The classifier fc8 is on the first device.
- Normalisation is within a tower, as in the paper; in the one-device `alexnet_two_tower` the
  channels beside the border between the towers see each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .. import nn
from ..autograd.modes import no_grad
from ..devices import check_device
from ..tensor import Tensor, cat
from .blocks import check_images

if TYPE_CHECKING:
    from ..tensor.types import DeviceLike
    from .alexnet import AlexNet


class TwoDeviceAlexNet(nn.Module):
    """The towers of `net`, an AlexNet of two towers, on two devices.    x (N, C, H, W) -> (N, K)

    crossed: the bytes that went from one device to the other in the latest forward pass, by the
    layer that they are for ("image", "conv3", "fc6", "fc7", "fc8"), and as many for each but the
    image in the backward pass, under "backward". The result is on the first device.

    Raises: ValueError or RuntimeError unless `devices` names two devices that exist.
    """

    def __init__(self, net: AlexNet, devices: Sequence[DeviceLike]):
        super().__init__()
        name = "alexnet_two_tower"
        if isinstance(devices, str) or len(devices) != 2:
            raise ValueError(f"{name}: devices={devices!r} must be two devices")
        self.devices = tuple(check_device(device, name) for device in devices)
        self.in_channels, self.smallest = net.in_channels, net.smallest
        self.crossed: dict[str, int] = {}
        convs = [i for i, layer in enumerate(net.features) if isinstance(layer, nn.Conv2d)]
        parts = {"first": (0, convs[2]), "conv3": (convs[2], convs[3]), "last": (convs[3], None)}
        for part, (start, end) in parts.items():
            layers = list(net.features)[start:end]
            halves = [nn.Sequential(*[half_of(layer, t) for layer in layers]) for t in (0, 1)]
            setattr(self, part, self._placed(halves))
        self.avgpool = net.avgpool
        for i, part in ((0, "fc6"), (3, "fc7")):
            drop, linear, relu = list(net.classifier)[i : i + 3]
            halves = [nn.Sequential(drop, half_of(linear, t), relu) for t in (0, 1)]
            setattr(self, part, self._placed(halves))
        self.fc8 = net.classifier[6].to(device=self.devices[0])

    def _placed(self, halves: Sequence[nn.Module]) -> nn.ModuleList:
        pairs = zip(halves, self.devices, strict=True)
        return nn.ModuleList([half.to(device=device) for half, device in pairs])

    def _moved(self, x: Tensor, t: int, layer: str) -> Tensor:
        """x on the device of tower t, counted if it was not there."""
        if x.device == self.devices[t]:
            return x
        size = x.array.nbytes
        self.crossed[layer] = self.crossed.get(layer, 0) + size
        if x.requires_grad:

            def count(gradient: Tensor) -> None:
                self.crossed["backward"] = self.crossed.get("backward", 0) + size

            moved = x.to(device=self.devices[t])
            moved.register_hook(count)
            return moved
        return x.to(device=self.devices[t])

    def _both(self, halves: list[Tensor], t: int, layer: str) -> Tensor:
        """The channels of both towers on the device of tower t."""
        return cat([self._moved(half, t, layer) for half in halves], 1)

    def forward(self, x: Tensor) -> Tensor:
        check_images("AlexNet", x, self.in_channels, self.smallest)
        self.crossed = {}
        parts: Any = self
        xs = [parts.first[t](self._moved(x, t, "image")) for t in (0, 1)]
        xs = [parts.conv3[t](self._both(xs, t, "conv3")) for t in (0, 1)]
        xs = [self.avgpool(parts.last[t](xs[t])).flatten(1) for t in (0, 1)]
        xs = [parts.fc6[t](self._both(xs, t, "fc6")) for t in (0, 1)]
        xs = [parts.fc7[t](self._both(xs, t, "fc7")) for t in (0, 1)]
        return self.fc8(self._both(xs, 0, "fc8"))


def half_of(layer: Any, t: int) -> nn.Module:
    """The part of tower t of a layer: half of a convolution's or linear layer's outputs."""
    if not isinstance(layer, nn.Conv2d | nn.Linear):
        return layer
    total = layer.weight.shape[0]
    own = slice(total // 2) if t == 0 else slice(total // 2, total)
    weight = layer.weight[own]
    if isinstance(layer, nn.Conv2d):
        settings: Any = layer.kernel_size, layer.stride, layer.padding
        half: Any = nn.Conv2d(layer.weight.shape[1], len(weight), *settings)
    else:
        half = nn.Linear(layer.in_features, len(weight))
    with no_grad():
        half.weight.copy_(weight)
        if layer.bias is not None:
            half.bias.copy_(layer.bias[own])
    return half

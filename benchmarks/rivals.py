"""The networks of benchmarks.models in PyTorch's own layers, as a PyTorch user would write them.

Each function returns a torch.nn.Module whose parameters have the order and shapes of our registered
model of that name. After `copy_weights` both compute the same function.
"""

from __future__ import annotations

import minitorch_cnn as mt
from minitorch_cnn.models import mobilenet_v1, vgg


def _residual(torch, branch, shortcut):
    """relu(branch(x) + shortcut(x)) as a module."""

    class Residual(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.branch, self.shortcut = branch, shortcut

        def forward(self, x):
            return torch.relu(self.branch(x) + self.shortcut(x))

    return Residual()


def _subsample(torch, channels):
    """Every second pixel, and zeros for the new channels: shortcut A, as a module."""

    class Subsample(torch.nn.Module):
        def forward(self, x):
            return torch.nn.functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, channels))

    return Subsample()


def _conv_bn(nn, C, O, kernel, stride=1, groups=1, activation=None):
    conv = nn.Conv2d(C, O, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(O), *([activation()] if activation else [])]


def lenet5_relu(torch):
    nn = torch.nn
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU()),
        nn.Linear(84, 10),
    )


def resnet20_cifar(torch):
    nn = torch.nn
    layers, C = _conv_bn(nn, 3, 16, 3, activation=nn.ReLU), 16
    for O in (16, 32, 64):
        for _ in range(3):
            first = _conv_bn(nn, C, O, 3, O // C, activation=nn.ReLU)
            branch = nn.Sequential(*first, *_conv_bn(nn, O, O, 3))
            shortcut = nn.Identity() if O == C else _subsample(torch, O - C)
            layers.append(_residual(torch, branch, shortcut))
            C = O
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def mobilenet_v1_100(torch):
    nn = torch.nn
    layers, C = _conv_bn(nn, 3, 32, 3, 2, activation=nn.ReLU6), 32
    for stage, (O, blocks) in enumerate(mobilenet_v1.TABLE):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            layers += _conv_bn(nn, C, C, 3, stride, C, nn.ReLU6)
            layers += _conv_bn(nn, C, O, 1, activation=nn.ReLU6)
            C = O
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(C, 1000))


def resnet50(torch):
    nn = torch.nn
    layers, C = [*_conv_bn(nn, 3, 64, 7, 2, activation=nn.ReLU), nn.MaxPool2d(3, 2, 1)], 64
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            stride = 2 if width > 64 and not block else 1
            branch = nn.Sequential(
                *_conv_bn(nn, C, width, 1, activation=nn.ReLU),
                *_conv_bn(nn, width, width, 3, stride, activation=nn.ReLU),
                *_conv_bn(nn, width, 4 * width, 1),
            )
            projection = _conv_bn(nn, C, 4 * width, 1, stride) if 4 * width != C else []
            layers.append(_residual(torch, branch, nn.Sequential(*projection)))
            C = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(C, 1000))


def vgg16(torch):
    nn = torch.nn
    layers, C = [], 3
    for kernels, O in zip(vgg.TABLE["D"], vgg.CHANNELS, strict=True):
        for kernel in kernels:
            layers += [nn.Conv2d(C, O, kernel, padding=kernel // 2), nn.ReLU()]
            C = O
        layers.append(nn.MaxPool2d(2))
    layers += [nn.AdaptiveAvgPool2d(7), nn.Flatten()]
    layers += [nn.Linear(49 * C, 4096), nn.ReLU(), nn.Dropout()]
    layers += [nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 1000)]
    return nn.Sequential(*layers)


RIVALS = {
    net.__name__: net for net in (lenet5_relu, resnet20_cifar, mobilenet_v1_100, resnet50, vgg16)
}


def copy_weights(model: mt.nn.Module, rival) -> None:
    """Copy the parameters of our model to a PyTorch network, in order."""
    import torch

    with torch.no_grad():
        for ours, theirs in zip(model.parameters(), rival.parameters(), strict=True):
            theirs.copy_(torch.from_numpy(ours.detach().numpy()))

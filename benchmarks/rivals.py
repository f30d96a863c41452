"""The networks of our comparisons in PyTorch's own layers, as a PyTorch user would write them.

They are written like torchvision's and timm's: activations and sums in place. Each function returns
a torch.nn.Module whose parameters have the order and shapes of our registered model of that name.
After `copy_weights` both compute the same function.
"""

from __future__ import annotations

from functools import partial

import minitorch_cnn as mt
from minitorch_cnn.models import densenet, mobilenet_v1, squeezenet, vgg
from minitorch_cnn.models import googlenet as inception
from minitorch_cnn.models import mobilenet_v2 as second_mobilenet


def _residual(torch, branch, shortcut, activation=True):
    """relu(branch(x) + shortcut(x)) as a module; without `activation` the sum alone."""

    class Residual(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.branch, self.shortcut = branch, shortcut

        def forward(self, x):
            y = self.branch(x)
            y += self.shortcut(x)
            return torch.relu_(y) if activation else y

    return Residual()


def _subsample(torch, channels):
    """Every second pixel, and zeros for the new channels: shortcut A, as a module."""

    class Subsample(torch.nn.Module):
        def forward(self, x):
            return torch.nn.functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, channels))

    return Subsample()


def _dense_block(torch, layers):
    """Each layer of a block reads the concatenated outputs of all before it, as a module."""

    class Block(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = torch.nn.ModuleList(layers)

        def forward(self, x):
            maps = [x]
            for layer in self.layers:
                maps.append(layer(torch.cat(maps, 1)))
            return torch.cat(maps, 1)

    return Block()


def _beside(torch, paths):
    """The concatenated outputs of paths that read the same input, as a module."""

    class Beside(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.paths = torch.nn.ModuleList(paths)

        def forward(self, x):
            return torch.cat([path(x) for path in self.paths], 1)

    return Beside()


def _conv_relu(nn, C, O, kernel, stride=1, padding=0):
    return nn.Sequential(nn.Conv2d(C, O, kernel, stride, padding), nn.ReLU(inplace=True))


def _conv_bn(nn, C, O, kernel, stride=1, groups=1, activation=None):
    conv = nn.Conv2d(C, O, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(O), *([activation(inplace=True)] if activation else [])]


def _bn_relu_conv(nn, C, O, kernel):
    conv = nn.Conv2d(C, O, kernel, padding=kernel // 2, bias=False)
    return [nn.BatchNorm2d(C), nn.ReLU(inplace=True), conv]


def lenet5_relu(torch):
    nn = torch.nn
    relu = partial(nn.ReLU, inplace=True)
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5), relu(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), relu(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(400, 120), relu(), nn.Linear(120, 84), relu()),
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


def mobilenet_v2(torch):
    nn = torch.nn
    layers, C = _conv_bn(nn, 3, 32, 3, 2, activation=nn.ReLU6), 32
    for expansion, O, blocks, first_stride in second_mobilenet.TABLE:
        for block in range(blocks):
            stride, inner = 1 if block else first_stride, expansion * C
            expand = _conv_bn(nn, C, inner, 1, activation=nn.ReLU6) if expansion > 1 else []
            depthwise = _conv_bn(nn, inner, inner, 3, stride, inner, nn.ReLU6)
            branch = nn.Sequential(*expand, *depthwise, *_conv_bn(nn, inner, O, 1))
            adds = stride == 1 and O == C
            layers.append(_residual(torch, branch, nn.Identity(), False) if adds else branch)
            C = O
    layers += _conv_bn(nn, C, 1280, 1, activation=nn.ReLU6)
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(1280, 1000)]
    return nn.Sequential(*layers, *head)


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


def densenet121(torch):
    nn = torch.nn
    design = densenet.TABLE[121]
    layers, C = _conv_bn(nn, 3, design.start, 7, 2, activation=nn.ReLU), design.start
    layers.append(nn.MaxPool2d(3, 2, 1))
    for number, count in enumerate(design.layers):
        if number:
            layers += [*_bn_relu_conv(nn, C, C // 2, 1), nn.AvgPool2d(2)]
            C //= 2
        block = []
        for _ in range(count):
            bottleneck = _bn_relu_conv(nn, C, 4 * design.growth, 1)
            narrow = _bn_relu_conv(nn, 4 * design.growth, design.growth, 3)
            block.append(nn.Sequential(*bottleneck, *narrow))
            C += design.growth
        layers.append(_dense_block(torch, block))
    layers += [nn.BatchNorm2d(C), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(C, 1000))


def vgg16(torch):
    nn = torch.nn
    relu = partial(nn.ReLU, inplace=True)
    layers, C = [], 3
    for kernels, O in zip(vgg.TABLE["D"], vgg.CHANNELS, strict=True):
        for kernel in kernels:
            layers += [nn.Conv2d(C, O, kernel, padding=kernel // 2), relu()]
            C = O
        layers.append(nn.MaxPool2d(2))
    layers += [nn.AdaptiveAvgPool2d(7), nn.Flatten()]
    layers += [nn.Linear(49 * C, 4096), relu(), nn.Dropout()]
    layers += [nn.Linear(4096, 4096), relu(), nn.Dropout(), nn.Linear(4096, 1000)]
    return nn.Sequential(*layers)


def squeezenet1_0(torch):
    nn = torch.nn
    layers, C = [], 3
    for row in squeezenet.TABLE["1.0"]:
        if isinstance(row, squeezenet.Start):
            layers.append(_conv_relu(nn, C, row.filters, row.kernel, 2))
            C = row.filters
        elif row is squeezenet.pool:
            layers.append(nn.MaxPool2d(3, 2, ceil_mode=True))
        else:
            squeeze, narrow, wide = squeezenet.FIRE[row]
            paths = [_conv_relu(nn, squeeze, narrow, 1), _conv_relu(nn, squeeze, wide, 3, 1, 1)]
            layers += [_conv_relu(nn, C, squeeze, 1), _beside(torch, paths)]
            C = narrow + wide
    layers += [nn.Dropout(), _conv_relu(nn, C, 1000, 1)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def googlenet(torch):
    nn = torch.nn
    layers, C = [], 3
    for row in inception.TABLE.values():
        if isinstance(row, inception.Conv):
            conv = row.filters, row.kernel, row.stride, row.kernel // 2
            layers.append(_conv_relu(nn, C, *conv))
            C = row.filters
        elif row is inception.HALVE:
            layers.append(nn.MaxPool2d(3, 2, ceil_mode=True))
        elif row is inception.RESPONSE_NORM:
            layers.append(nn.LocalResponseNorm(5, 1e-4, 0.75, 1.0))
        else:
            three = [_conv_relu(nn, C, row.n3x3_reduce, 1)]
            three.append(_conv_relu(nn, row.n3x3_reduce, row.n3x3, 3, 1, 1))
            five = [_conv_relu(nn, C, row.n5x5_reduce, 1)]
            five.append(_conv_relu(nn, row.n5x5_reduce, row.n5x5, 5, 1, 2))
            pool = [nn.MaxPool2d(3, 1, 1), _conv_relu(nn, C, row.pool_proj, 1)]
            paths = map(lambda path: nn.Sequential(*path), (three, five, pool))
            layers.append(_beside(torch, [_conv_relu(nn, C, row.n1x1, 1), *paths]))
            C = row.n1x1 + row.n3x3 + row.n5x5 + row.pool_proj
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.4), nn.Linear(C, 1000)]
    return nn.Sequential(*layers)


RIVALS = {
    net.__name__: net
    for net in (
        lenet5_relu,
        resnet20_cifar,
        mobilenet_v1_100,
        mobilenet_v2,
        resnet50,
        densenet121,
        vgg16,
        squeezenet1_0,
        googlenet,
    )
}


def copy_weights(model: mt.nn.Module, rival) -> None:
    """Copy the parameters of our model to a PyTorch network, in order."""
    import torch

    with torch.no_grad():
        for ours, theirs in zip(model.parameters(), rival.parameters(), strict=True):
            theirs.copy_(torch.from_numpy(ours.detach().numpy()))

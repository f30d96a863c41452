"""Random nets of convolutions, branches, gates and resampling, each from a seed."""

import numpy as np

import minitorch_cnn as mt

KINDS = (
    "conv", "residual", "gate", "branches", "resample", "shuffle", "split", "plain", "pool", "sum",
)  # fmt: skip


def written_for(m):
    """The class of random nets in the names of a library: this one's, or PyTorch."""
    nn, F = m.nn, m.nn.functional

    class Random(nn.Module):
        """A chain of random parts, some of them used twice."""

        def __init__(self, seed):
            super().__init__()
            self.rng, self.parts = np.random.default_rng(seed), nn.ModuleList()
            self.plan, self.channels = [], 4
            for _ in range(int(self.rng.integers(2, 7))):
                self.plan.append(getattr(self, self.rng.choice(KINDS))())

        def number(self, *choices):
            return choices[int(self.rng.integers(len(choices)))]

        def added(self, module):
            self.parts.append(module)
            return module

        def conv(self):
            groups, out = self.number(1, 2, self.channels), self.number(1, 2) * self.channels
            out = min(out, 16) if min(out, 16) % groups == 0 else self.channels
            layer = self.added(nn.Conv2d(
                self.channels, out, self.number(1, 3, (3, 1)), padding=1, groups=groups,
                dilation=self.number(1, 2), stride=self.number(1, 1, 2, (1, 3)),
                bias=self.number(True, False),
            ))  # fmt: skip
            norm = self.added(self.number(nn.BatchNorm2d(out), nn.GroupNorm(2, out), nn.Identity()))
            self.channels = out
            return lambda x: F.relu(norm(layer(F.pad(x, (1, 1, 1, 1)))))

        def residual(self):
            layer = self.added(nn.Conv2d(self.channels, self.channels, 3, padding=1))
            return lambda x: F.leaky_relu(layer(layer(x)) + x, 0.1)

        def gate(self):
            layer = self.added(nn.Linear(self.channels, self.channels))
            return lambda x: x * F.hardsigmoid(layer(x.mean((2, 3))))[:, :, None, None]

        def branches(self):
            layer, c = self.added(nn.Conv2d(self.channels, 3, 1)), self.channels
            self.channels = c + 3
            if self.channels % 2:
                self.channels += 1
                return lambda x: m.cat([x, layer(x), x.amax(1, keepdim=True)], 1)
            return lambda x: m.cat([layer(x), F.max_pool2d(x, 3, 1, 1)], 1)

        def resample(self):
            mode = self.number("nearest", "bilinear")
            return lambda x: F.interpolate(
                F.avg_pool2d(x, 2, ceil_mode=True), scale_factor=2, mode=mode
            )

        def shuffle(self):
            return lambda x: F.channel_shuffle(x, 2).transpose(2, 3)

        def split(self):
            def f(x):
                a, b = x.chunk(2, 1)
                return m.cat([b * a.sigmoid(), a], 1)

            return f

        def plain(self):
            layer = self.added(nn.Conv2d(self.channels, self.channels, 3, padding=1))
            if self.number(True, False):
                return lambda x: F.relu(layer(x) + x)
            return lambda x: x + F.relu6(layer(x))

        def pool(self):
            stride, function = self.number(1, 2), self.number(F.max_pool2d, F.avg_pool2d)
            return lambda x: function(x, 3, stride, 1)

        def sum(self):
            norm = self.added(nn.BatchNorm2d(self.channels))
            wide = self.added(nn.Conv2d(self.channels, 16, 1, bias=False))
            back = self.added(nn.Conv2d(16, self.channels, (3, 1), padding=(1, 0)))
            return lambda x: back(F.hardswish(wide(x))) + F.elu(norm(x)) + x

        def forward(self, x):
            for part in self.plan:
                x = part(x)
            return x.reshape(x.size(0), -1).sum(1, keepdim=True) + x.mean((2, 3))

    return Random


Random = written_for(mt)

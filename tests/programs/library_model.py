"""A model file in the manner of a library: inverted residuals, stochastic depth, a second head."""

import copy
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Dict, List, NamedTuple, Optional  # noqa: UP035

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.programs import given

__all__ = ["TinyNet", "tinynet"]


def _make_divisible(v: float, divisor: int = 8, min_value: Optional[int] = None) -> int:  # noqa: UP045
    new_v = max(min_value or divisor, int(v + divisor / 2) // divisor * divisor)
    return new_v + divisor if new_v < 0.9 * v else new_v


class ConvNormActivation(nn.Sequential):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        groups: int = 1,
        norm_layer: Optional[Callable[..., nn.Module]] = nn.BatchNorm2d,  # noqa: UP045
        activation_layer: Optional[Callable[..., nn.Module]] = nn.ReLU,  # noqa: UP045
    ) -> None:
        padding = (kernel_size - 1) // 2
        layers: List[nn.Module] = [  # noqa: UP006
            nn.Conv2d(
                in_channels,
                out_channels,
                kernel_size,
                stride,
                padding,
                groups=groups,
                bias=norm_layer is None,
            )
        ]
        if norm_layer is not None:
            layers.append(norm_layer(out_channels))
        if activation_layer is not None:
            layers.append(activation_layer(inplace=True))
        super().__init__(*layers)
        self.out_channels = out_channels


class Setting(NamedTuple):
    expand: int
    out: int
    stride: int
    use_hs: bool


class StochasticDepth(nn.Module):
    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0.0:
            return x
        size = [x.shape[0]] + [1] * (x.ndim - 1)
        noise = torch.empty(size, dtype=x.dtype, device=x.device).bernoulli_(1.0 - self.p)
        return x * noise.div_(1.0 - self.p)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}(p={self.p})"


class InvertedResidual(nn.Module):
    def __init__(self, cin: int, s: Setting, norm_layer: Callable[..., nn.Module]) -> None:
        super().__init__()
        self.use_res_connect = s.stride == 1 and cin == s.out
        act = nn.Hardswish if s.use_hs else nn.ReLU6
        layer = partial(ConvNormActivation, norm_layer=norm_layer)
        self.block = nn.Sequential(
            layer(cin, cin * s.expand, kernel_size=1, activation_layer=act),
            layer(cin * s.expand, cin * s.expand, stride=s.stride, groups=cin * s.expand),
            layer(cin * s.expand, s.out, kernel_size=1, activation_layer=None),
        )
        self.stochastic_depth = StochasticDepth(0.0)

    def forward(self, input: Tensor) -> Tensor:
        result: Tensor = self.block(input)
        if self.use_res_connect:
            result = self.stochastic_depth(result)
            result += input
        return result


class TinyNet(nn.Module):
    __constants__ = ["aux_logits"]  # noqa: RUF012

    def __init__(
        self, settings: Sequence[Setting], num_classes: int = 7, aux_logits: bool = True
    ) -> None:
        super().__init__()
        norm_layer = partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
        width = _make_divisible(6 * 1.2, 4)
        layers: List[nn.Module] = [  # noqa: UP006
            ConvNormActivation(3, width, stride=2, norm_layer=norm_layer)
        ]
        for s in settings:
            layers.append(InvertedResidual(width, s, norm_layer))
            width = s.out
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Dropout(p=0.0, inplace=True), nn.Linear(width, num_classes)
        )
        self.aux: Optional[nn.Module] = None  # noqa: UP045
        if aux_logits:
            self.aux = nn.Linear(width, num_classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out")
                if m.bias is not None:
                    nn.init.zeros_(m.bias)
            elif isinstance(m, (nn.BatchNorm2d, nn.GroupNorm)):
                nn.init.ones_(m.weight)
                nn.init.zeros_(m.bias)
            elif isinstance(m, nn.Linear):
                nn.init.trunc_normal_(m.weight, mean=0.0, std=0.01, a=-2, b=2)
                nn.init.zeros_(m.bias)

    def forward(self, x: Tensor) -> Any:
        x = self.features(x)
        x = torch.flatten(self.avgpool(x), 1)
        if self.training and self.aux is not None:
            return self.classifier(x), self.aux(x)
        return self.classifier(x)


class IntermediateLayerGetter(nn.ModuleDict):
    def __init__(self, model: nn.Module, return_layers: Dict[str, str]) -> None:  # noqa: UP006
        self.return_layers = dict(return_layers)
        layers = OrderedDict()
        for name, module in model.named_children():
            layers[name] = module
            return_layers = {k: v for k, v in return_layers.items() if k != name}
            if not return_layers:
                break
        super().__init__(layers)

    def forward(self, x: Tensor) -> Dict[str, Tensor]:  # noqa: UP006
        out = OrderedDict()
        for name, module in self.items():
            x = module(x)
            if name in self.return_layers:
                out[self.return_layers[name]] = x
        return out


def tinynet(**kwargs: Any) -> TinyNet:
    settings = [Setting(2, 8, 1, False), Setting(2, 8, 1, True), Setting(3, 12, 2, True)]
    return TinyNet(settings, **kwargs)


@torch.no_grad()
def evaluate(model: nn.Module, x: Tensor) -> Tensor:
    model.eval()
    return model(x).softmax(dim=-1)


def main(folder):
    torch.manual_seed(0)
    model = tinynet()
    head = model.classifier[-1].weight
    facts = [head.std().item() < 0.03, bool(head.abs().max() <= 2), repr(StochasticDepth(0.2))]
    facts += [name for name, m in model.named_modules() if isinstance(m, nn.Hardswish)]
    given.weights(model, 9)
    x, y = given.images(7, 3, 12, classes=7, seed=9)
    x, y = torch.tensor(x, dtype=torch.get_default_dtype()), torch.tensor(y)
    decay = [p for n, p in model.named_parameters() if p.ndim > 1]
    others = [p for n, p in model.named_parameters() if p.ndim <= 1]
    groups = [{"params": decay, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=0.01, eps=1e-3)
    warmup = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=2)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=3, eta_min=1e-4)
    scheduler = torch.optim.lr_scheduler.SequentialLR(optimizer, [warmup, cosine], milestones=[2])
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    losses = []
    model.train()
    for _ in range(5):
        output, aux = model(x)
        loss = criterion(output, y) + 0.4 * criterion(aux, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append([loss.item(), optimizer.param_groups[1]["lr"]])
    state = copy.deepcopy(model.state_dict())
    plain = tinynet(aux_logits=False)
    missing, unexpected = plain.load_state_dict(state, strict=False)
    del state["features.0.0.weight"]
    keys = plain.load_state_dict(state, strict=False)
    body = IntermediateLayerGetter(model.features, {"1": "low", "3": "high"})
    features = body(x)
    up = F.interpolate(features["high"], size=x.shape[-2:], mode="bilinear", align_corners=False)
    body.requires_grad_(False)
    return {
        "losses": losses,
        "probabilities": evaluate(model, x),
        "same": torch.allclose(evaluate(plain, x), evaluate(model, x)),
        "facts": facts,
        "keys": [missing, unexpected, list(keys.missing_keys), list(features)],
        "up": up,
        "frozen": [n for n, p in model.named_parameters() if p.requires_grad],
        "count": sum(p.numel() for p in model.parameters()),
        "weights": model.state_dict(),
    }

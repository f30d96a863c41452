"""Tricks of papers: functions with custom gradients, mixup, averages, penalties, images."""

import math
from copy import deepcopy

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.autograd import Function, Variable, grad
from torch.nn.utils import spectral_norm

from tests.programs import given


class RoundSTE(torch.autograd.Function):
    @staticmethod
    def forward(ctx, input, levels):
        ctx.save_for_backward(input)
        ctx.levels = levels
        return torch.round(input * levels) / levels

    @staticmethod
    def backward(ctx, grad_output):
        (input,) = ctx.saved_tensors
        grad_input = grad_output.clone()
        grad_input[input.abs() > 1] = 0
        return grad_input, None


class ReverseLayerF(Function):
    @staticmethod
    def forward(ctx, x, alpha):
        ctx.alpha = alpha
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output.neg() * ctx.alpha, None


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.Softplus(), nn.AvgPool2d(2))
        self.register_buffer("scale", torch.ones(1))
        self.cls, self.domain = nn.Linear(6 * 16, 4), spectral_norm(nn.Linear(96, 2))

    def forward(self, x, alpha=1.0):
        f = RoundSTE.apply(self.features(x), 16).flatten(start_dim=1) * self.scale
        return self.cls(f), self.domain(ReverseLayerF.apply(f, alpha))


def mixup_data(x, y, alpha, device):
    lam = np.random.beta(alpha, alpha)
    index = torch.randperm(x.size()[0]).to(device)
    index = index.sort()[0].flip(0)  # the same in every framework
    return lam * x + (1 - lam) * x[index, :], y, y[index], lam


def smooth_loss(pred, target, classes, smoothing=0.1):
    with torch.no_grad():
        true_dist = torch.zeros_like(pred)
        true_dist.fill_(smoothing / (classes - 1))
        true_dist.scatter_(1, target.data.unsqueeze(1), 1.0 - smoothing)
    return torch.mean(torch.sum(-true_dist * pred.log_softmax(dim=-1), dim=-1))


def gradient_penalty(net, real, fake):
    alpha = torch.linspace(0, 1, real.size(0)).view(-1, 1, 1, 1).expand_as(real)
    mixed = Variable(alpha * real.data + (1 - alpha) * fake.data, requires_grad=True)
    out = net.cls(net.features(mixed).view(real.size(0), -1))
    gradients = grad(
        outputs=out,
        inputs=mixed,
        grad_outputs=torch.ones(out.size()),
        create_graph=True,
        retain_graph=True,
        only_inputs=True,
    )[0]
    gradients = gradients.view(gradients.size(0), -1)
    return ((gradients.norm(2, dim=1) - 1) ** 2).mean()


def grad_cam(net, x, index):
    kept = {}
    layer = net.features[0]
    h1 = layer.register_forward_hook(lambda m, i, o: kept.update(a=o))
    h2 = layer.register_full_backward_hook(lambda m, gi, go: kept.update(g=go[0]))
    net.zero_grad()
    score = net(x)[0][:, index]
    score.backward(torch.ones_like(score))
    h1.remove()
    h2.remove()
    weight = kept["g"].mean(dim=(2, 3), keepdim=True)
    cam = F.relu((weight * kept["a"]).sum(1, keepdim=True))
    cam = F.interpolate(cam, scale_factor=2, mode="bicubic", align_corners=False)
    return (cam - cam.min()) / (cam.max() - cam.min() + 1e-8)


def visualise(net, index, steps=5):
    img = torch.zeros(1, 1, 8, 8).requires_grad_()
    opt = torch.optim.Adam([img], lr=0.1, weight_decay=1e-6)
    for _ in range(steps):
        opt.zero_grad()
        tv = (img[..., 1:] - img[..., :-1]).abs().sum() + (img[:, :, 1:] - img[:, :, :-1]).pow(
            2
        ).sum()
        loss = -net.cls(net.features(img).flatten(1))[0, index] + 1e-3 * tv
        loss.backward()
        img.grad.div_(torch.sqrt(torch.mean(torch.square(img.grad))) + 1e-5)
        opt.step()
        img.data.clamp_(-1, 1)
    return img.detach()


def main(folder):
    np.random.seed(3)
    torch.manual_seed(3)
    device = torch.device("cpu")
    net = Net()
    given.weights(net, 10)
    net.domain.weight_u.data.copy_(torch.ones(2) / math.sqrt(2))
    net.domain.weight_v.data.copy_(torch.ones(96) / math.sqrt(96))
    ema = deepcopy(net)
    for p in ema.parameters():
        p.requires_grad = False
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.05, epochs=2, steps_per_epoch=3
    )
    x, y = given.images(8, 1, 8, classes=4, seed=10)
    x, y = Variable(torch.from_numpy(x).type(torch.get_default_dtype())), torch.LongTensor(y)
    domains, accumulate, losses = y % 2, 2, []
    for step in range(12):
        mixed, a, b, lam = mixup_data(x, y, 0.4, device)
        out, dom = net(mixed, alpha=2.0 / (1.0 + math.exp(-step)) - 1)
        loss = lam * smooth_loss(out, a, 4) + (1 - lam) * F.cross_entropy(out, b)
        loss = loss + F.cross_entropy(dom, domains) + 0.1 * gradient_penalty(net, x, mixed)
        (loss / accumulate).backward()
        losses.append(loss.item())
        if (step + 1) % accumulate == 0:
            for p in net.parameters():
                if p.grad is not None:
                    p.grad.data.add_(p.data, alpha=1e-4)
            optimizer.step()
            optimizer.zero_grad()
            scheduler.step()
            for q, p in zip(net.parameters(), ema.parameters(), strict=True):
                p.data.mul_(0.9).add_(q.data, alpha=1 - 0.9)
            for p in net.cls.parameters():
                p.data.clamp_(-0.3, 0.3)
    fitted = nn.Parameter(torch.zeros(2))
    lbfgs = torch.optim.LBFGS([fitted], lr=0.5, max_iter=10, line_search_fn="strong_wolfe")

    def closure():
        lbfgs.zero_grad()
        loss = ((fitted - torch.tensor([1.0, -2.0])) ** 4).sum() + fitted.prod() ** 2
        loss.backward()
        return loss

    first = lbfgs.step(closure).item()
    net.eval()
    return {
        "losses": losses,
        "lbfgs": [first, *fitted.tolist()],
        "cam": grad_cam(net, x.clone().requires_grad_(), 1),
        "image": visualise(net, 2),
        "ema": ema.state_dict(),
        "lr": scheduler.get_last_lr(),
        "weights": net.state_dict(),
    }

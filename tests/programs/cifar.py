"""Residual, squeeze-and-excitation and shuffling blocks on small images, with checkpoints."""

import os

import torch
import torch.backends.cudnn as cudnn
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.optim.lr_scheduler import CosineAnnealingLR

from tests.programs import given


class SE(nn.Module):
    def __init__(self, planes, reduction=4):
        super().__init__()
        self.fc1 = nn.Conv2d(planes, planes // reduction, kernel_size=1)
        self.fc2 = nn.Conv2d(planes // reduction, planes, kernel_size=1)

    def forward(self, x):
        w = F.avg_pool2d(x, x.size(2))
        w = F.relu(self.fc1(w))
        return x * torch.sigmoid(self.fc2(w))


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, in_planes, planes, stride=1):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_planes)
        self.conv1 = nn.Conv2d(in_planes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride=1, padding=1, bias=False)
        self.se = SE(planes)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_planes != self.expansion * planes:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_planes, self.expansion * planes, kernel_size=1, stride=stride),
                nn.BatchNorm2d(self.expansion * planes),
            )

    def forward(self, x):
        out = F.relu(self.bn1(x))
        shortcut = self.shortcut(out) if len(self.shortcut) else x
        out = self.conv1(out)
        out = self.se(self.conv2(F.relu(self.bn2(out))))
        out += shortcut
        return out


class ShuffleBlock(nn.Module):
    def __init__(self, channels, groups=2):
        super().__init__()
        self.groups = groups
        half = channels // 2
        self.conv = nn.Conv2d(half, half, 3, padding=1, groups=half, bias=False)
        self.bn = nn.BatchNorm2d(half)

    def forward(self, x):
        x1, x2 = x.chunk(2, dim=1)
        out = torch.cat((x1, F.relu(self.bn(self.conv(x2)))), 1)
        N, C, H, W = out.size()
        g = self.groups
        return out.view(N, g, C // g, H, W).permute(0, 2, 1, 3, 4).contiguous().view(N, C, H, W)


class ResNet(nn.Module):
    def __init__(self, block, num_blocks, num_classes=10):
        super().__init__()
        self.in_planes = 8
        self.conv1 = nn.Conv2d(3, 8, kernel_size=3, stride=1, padding=1, bias=False)
        self.layer1 = self._make_layer(block, 8, num_blocks[0], stride=1)
        self.layer2 = self._make_layer(block, 16, num_blocks[1], stride=2)
        self.shuffle = ShuffleBlock(16)
        self.linear = nn.Linear(16 * block.expansion, num_classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(m, nn.BatchNorm2d):
                nn.init.constant_(m.weight, 1)
                nn.init.constant_(m.bias, 0)

    def _make_layer(self, block, planes, num_blocks, stride):
        layers = []
        for stride in [stride] + [1] * (num_blocks - 1):  # noqa: B020
            layers.append(block(self.in_planes, planes, stride))
            self.in_planes = planes * block.expansion
        return nn.Sequential(*layers)

    def forward(self, x):
        out = self.layer2(self.layer1(self.conv1(x)))
        out = F.adaptive_avg_pool2d(self.shuffle(out), 1)
        return self.linear(out.view(out.size(0), -1))


class AverageMeter:
    def __init__(self):
        self.val, self.sum, self.count = 0, 0, 0

    def update(self, val, n=1):
        self.val, self.sum, self.count = val, self.sum + val * n, self.count + n

    @property
    def avg(self):
        return self.sum / self.count


def accuracy(output, target, topk=(1,)):
    with torch.no_grad():
        maxk = max(topk)
        _, pred = output.topk(maxk, 1, True, True)
        correct = pred.t().eq(target.view(1, -1).expand_as(pred.t()))
        res = []
        for k in topk:
            correct_k = correct[:k].reshape(-1).float().sum(0, keepdim=True)
            res.append(correct_k.mul_(100.0 / target.size(0)))
        return res


def build():
    device = "cuda" if torch.cuda.is_available() else "cpu"
    net = ResNet(BasicBlock, [1, 2]).to(device)
    given.weights(net, 6)
    if device == "cuda":
        net = torch.nn.DataParallel(net)
        cudnn.benchmark = True
    optimizer = optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
    return device, net, optimizer, CosineAnnealingLR(optimizer, T_max=6)


def train(device, net, optimizer, scheduler, epoch):
    net.train()
    criterion = nn.CrossEntropyLoss()
    losses, top1, top5 = AverageMeter(), AverageMeter(), AverageMeter()
    x, y = given.images(12, 3, 10, classes=10, seed=epoch)
    for inputs, targets in zip(torch.from_numpy(x).split(6), torch.from_numpy(y).split(6)):  # noqa: B905
        inputs, targets = inputs.to(device).type(torch.get_default_dtype()), targets.to(device)
        optimizer.zero_grad()
        outputs = net(inputs)
        loss = criterion(outputs, targets)
        loss.backward()
        optimizer.step()
        _, predicted = outputs.max(1)
        right = predicted.eq(targets).sum().item()
        prec1, prec5 = accuracy(outputs.data, targets, topk=(1, 5))
        assert abs(right / 6 * 100 - prec1.item()) < 1e-3
        losses.update(loss.item(), inputs.size(0))
        top1.update(prec1[0], inputs.size(0))
        top5.update(prec5.item(), inputs.size(0))
    scheduler.step()
    return [losses.avg, float(top1.avg), top5.avg, optimizer.param_groups[0]["lr"]]


def resume(folder):
    device, net, optimizer, scheduler = build()
    checkpoint = torch.load(os.path.join(folder, "ckpt.pth"), map_location="cpu")
    net.load_state_dict(checkpoint["net"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    scheduler.load_state_dict(checkpoint["scheduler"])
    log = train(device, net, optimizer, scheduler, checkpoint["epoch"] + 1)
    return {"acc": checkpoint["acc"], "log": log, "weights": net.state_dict()}


def main(folder):
    device, net, optimizer, scheduler = build()
    wrapped = nn.DataParallel(net)
    log, best_acc = [], 0
    for epoch in range(2):
        log.append(train(device, wrapped, optimizer, scheduler, epoch))
        best_acc = max(best_acc, log[-1][1])
    state = {
        "net": net.state_dict(),
        "acc": best_acc,
        "epoch": epoch,
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
    }
    torch.save(state, os.path.join(folder, "ckpt.pth"))
    names = [name.startswith("module.") for name in wrapped.state_dict()]
    results = {"log": log, "names": [all(names), len(names)], "resumed": resume(folder)}
    return {**results, "weights": net.state_dict()}

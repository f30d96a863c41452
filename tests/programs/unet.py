"""Segmentation: an encoder and a decoder with skips, a Dice loss, a rate that falls on plateaus."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import optim

from tests.programs import given


class DoubleConv(nn.Module):
    def __init__(self, in_channels, out_channels, mid_channels=None):
        super().__init__()
        if not mid_channels:
            mid_channels = out_channels
        self.double_conv = nn.Sequential(
            nn.Conv2d(in_channels, mid_channels, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(mid_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(mid_channels, out_channels, kernel_size=3, padding=1, bias=False),
            nn.GroupNorm(2, out_channels),
            nn.SiLU(inplace=True),
        )

    def forward(self, x):
        return self.double_conv(x)


class Up(nn.Module):
    def __init__(self, in_channels, out_channels, bilinear=True):
        super().__init__()
        if bilinear:
            self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
            self.conv = DoubleConv(in_channels + out_channels, out_channels, in_channels // 2)
        else:
            self.up = nn.ConvTranspose2d(in_channels, in_channels // 2, kernel_size=2, stride=2)
            self.conv = DoubleConv(in_channels // 2 + out_channels, out_channels)

    def forward(self, x1, x2):
        x1 = self.up(x1)
        diffY = x2.size()[2] - x1.size()[2]
        diffX = x2.size()[3] - x1.size()[3]
        x1 = F.pad(x1, [diffX // 2, diffX - diffX // 2, diffY // 2, diffY - diffY // 2])
        return self.conv(torch.cat([x2, x1], dim=1))


class UNet(nn.Module):
    def __init__(self, n_channels, n_classes):
        super().__init__()
        self.inc = DoubleConv(n_channels, 4)
        self.down1 = nn.Sequential(nn.MaxPool2d(2), DoubleConv(4, 8))
        self.down2 = nn.Sequential(nn.MaxPool2d(2, ceil_mode=True), DoubleConv(8, 8))
        self.up1 = Up(8, 8)
        self.up2 = Up(8, 4, bilinear=False)
        self.outc = nn.Conv2d(4, n_classes, kernel_size=1)

    def forward(self, x):
        x1 = self.inc(x)
        x2 = self.down1(x1)
        x3 = self.down2(x2)
        return self.outc(self.up2(self.up1(x3, x2), x1))


def dice_coeff(input, target, reduce_batch_first=False, epsilon=1e-6):
    sum_dim = (-1, -2) if input.dim() == 2 or not reduce_batch_first else (-1, -2, -3)
    inter = 2 * (input * target).sum(dim=sum_dim)
    sets_sum = input.sum(dim=sum_dim) + target.sum(dim=sum_dim)
    sets_sum = torch.where(sets_sum == 0, inter, sets_sum)
    return ((inter + epsilon) / (sets_sum + epsilon)).mean()


def iou_per_class(pred, target, n):
    mask = (target >= 0) & (target < n)
    hist = torch.bincount(n * target[mask].long() + pred[mask], minlength=n**2).reshape(n, n)
    return (hist.diag().float() / (hist.sum(1) + hist.sum(0) - hist.diag()).float()).tolist()


def main(folder):
    device = torch.device("cpu")
    x, _ = given.images(4, 1, 11, classes=4, seed=8)
    images = torch.from_numpy(x).to(device=device, dtype=torch.get_default_dtype())
    images = images.contiguous(memory_format=torch.channels_last)
    masks = (images > 0.5).to(torch.get_default_dtype())

    model = UNet(n_channels=1, n_classes=1).to(memory_format=torch.channels_last)
    given.weights(model, 8)
    shapes = {}

    def hook(name):
        def keep(module, inputs, output):
            shapes[name] = [tuple(i.shape) for i in inputs] + [tuple(output.shape)]

        return keep

    handles = [m.register_forward_hook(hook(n)) for n, m in model.named_children()]
    optimizer = optim.RMSprop(model.parameters(), lr=1e-2, weight_decay=1e-8, momentum=0.9)
    scheduler = optim.lr_scheduler.ReduceLROnPlateau(optimizer, "max", patience=0, threshold=0.05)
    criterion = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([2.0]))
    losses, scores, rates = [], [], []
    for epoch in range(5):
        model.train()
        masks_pred = model(images)
        loss = criterion(masks_pred, masks)
        loss += 1 - dice_coeff(torch.sigmoid(masks_pred.squeeze(1)), masks.squeeze(1))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_value_(model.parameters(), 0.1)
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append([loss.item(), norm.item()])
        if epoch == 0:
            for h in handles:
                h.remove()
            facts = {k: v[-1] for k, v in shapes.items()}
        model.eval()
        with torch.inference_mode():
            pred = (torch.sigmoid(model(images)) > 0.5).to(masks.dtype)
            scores.append(dice_coeff(pred, masks, reduce_batch_first=True).item())
        scheduler.step(scores[-1])
        rates.append(optimizer.param_groups[0]["lr"])
    iou = iou_per_class(pred.long().view(-1), masks.long().view(-1), 2)
    return {
        "losses": losses,
        "scores": scores,
        "rates": rates,
        "iou": iou,
        "shapes": facts,
        "weights": model.state_dict(),
    }

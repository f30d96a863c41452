"""Digits by a small convolutional net: settings, epochs of training and tests, a saved model."""

import argparse
import os

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, TensorDataset

from tests.programs import given


class Net(nn.Module):
    def __init__(self, dropout=0.0):
        super(Net, self).__init__()  # noqa: UP008
        self.conv1 = nn.Conv2d(1, 4, kernel_size=3)
        self.conv2 = nn.Conv2d(4, 6, 3, padding=1)
        self.conv2_drop = nn.Dropout2d(dropout)
        self.fc1 = nn.Linear(6 * 3 * 3, 12)
        self.fc2 = nn.Linear(12, 10)

    def forward(self, x):
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.conv2_drop(self.conv2(x)), 2), inplace=True)
        x = x.view(x.size(0), -1)
        x = F.relu(self.fc1(x))
        x = F.dropout(x, p=0.0, training=self.training)
        return F.log_softmax(self.fc2(x), dim=1)


def train(args, model, device, loader, optimizer, epoch, log):
    model.train()
    for batch_idx, (data, target) in enumerate(loader):
        data, target = data.to(device), target.to(device, non_blocking=True)
        optimizer.zero_grad()
        output = model(data)
        loss = F.nll_loss(output, target)
        loss.backward()
        optimizer.step()
        if batch_idx % args.log_interval == 0:
            done, total = batch_idx * len(data), len(loader.dataset)
            print(f"Epoch: {epoch} [{done}/{total}]\tLoss: {loss.item():.6f}")
        log.append(loss.item())


def test(model, device, loader):
    model.eval()
    test_loss, correct = 0, 0
    with torch.no_grad():
        for data, target in loader:
            data, target = data.to(device), target.to(device)
            output = model(data)
            test_loss += F.nll_loss(output, target, reduction="sum").item()
            pred = output.argmax(dim=1, keepdim=True)
            correct += pred.eq(target.view_as(pred)).sum().item()
    return test_loss / len(loader.dataset), 100.0 * correct / len(loader.dataset)


def main(folder):
    parser = argparse.ArgumentParser(description="digits")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--gamma", type=float, default=0.7)
    parser.add_argument("--log-interval", type=int, default=2)
    args = parser.parse_args([])
    torch.manual_seed(1)
    use_cuda = torch.cuda.is_available()
    device = torch.device("cuda" if use_cuda else "cpu")

    x, y = given.images(32, 1, 14, classes=10)
    data = torch.tensor(x, dtype=torch.get_default_dtype())
    mean, std = data.mean(), data.std()
    dataset = TensorDataset((data - mean) / std, torch.from_numpy(y).long())
    loader = DataLoader(dataset, batch_size=8, shuffle=False, num_workers=0, pin_memory=False)

    model = Net().to(device)
    given.weights(model)
    optimizer = optim.SGD(model.parameters(), lr=args.lr, momentum=0.5)
    scheduler = StepLR(optimizer, step_size=1, gamma=args.gamma)
    losses, tests = [], []
    for epoch in range(1, args.epochs + 1):
        train(args, model, device, loader, optimizer, epoch, losses)
        tests.append(test(model, device, loader))
        scheduler.step()
    path = os.path.join(folder, "digits.pt")
    torch.save(model.state_dict(), path)
    again = Net().to(device)
    again.load_state_dict(torch.load(path, map_location=device))
    lr = optimizer.param_groups[0]["lr"]
    results = {"losses": losses, "tests": tests, "lr": [lr, scheduler.get_last_lr()[0]]}
    return {**results, "again": test(again, device, loader), "weights": model.state_dict()}


if __name__ == "__main__":
    main(".")

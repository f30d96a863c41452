"""Train a small network on the bundled digits, and save its weights.

python train_digits.py --epochs 10 --out digits.safetensors
"""

import argparse

import minitorch_cnn as mt
from minitorch_cnn import nn, optim
from minitorch_cnn.data import DataLoader
from minitorch_cnn.data.datasets import Digits
from minitorch_cnn.nn import functional as F


def make_net() -> nn.Module:
    """(N, 1, 8, 8) -> logits (N, 10)"""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),  # -> (N, 16, 4, 4)
        nn.Conv2d(16, 32, 3, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, 10),
    )


def train_epoch(model, loader, optimizer, schedule, device) -> float:
    """Train for one pass over the data; return the mean loss."""
    model.train()
    total = 0.0
    for x, target in loader:
        loss = F.cross_entropy(model(x.to(device)), target.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        total += loss.item() * len(x)
    return total / len(loader.dataset)


@mt.no_grad()
def accuracy(model, loader, device) -> float:
    model.eval()
    right = 0
    for x, target in loader:
        right += (model(x.to(device)).argmax(1) == target.to(device)).sum().item()
    return right / len(loader.dataset)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--device", default="cpu", help="cpu, cuda or emulator")
    parser.add_argument("--out", default="digits.safetensors")
    options = parser.parse_args()

    mt.manual_seed(0)
    train = DataLoader(Digits(train=True), options.batch_size, shuffle=True)
    test = DataLoader(Digits(train=False), batch_size=256)
    model = make_net().to(options.device)
    optimizer = optim.SGD(model.parameters(), options.lr, momentum=0.9, weight_decay=5e-4)
    steps = options.epochs * len(train)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, options.lr, total_steps=steps)
    for epoch in range(1, options.epochs + 1):
        loss = train_epoch(model, train, optimizer, schedule, options.device)
        print(
            f"epoch {epoch}: loss {loss:.3f}, held out {accuracy(model, test, options.device):.1%}"
        )
    mt.save(model.state_dict(), options.out)


if __name__ == "__main__":
    main()

"""Two images through one branch: contrastive and triplet losses on pairs of a Dataset."""

import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset, Subset, random_split
from torch.utils.data.sampler import SubsetRandomSampler

from tests.programs import given


class Triplets(Dataset):
    def __init__(self, n, transform=None):
        self.images, self.labels = given.images(n, 1, 12, classes=3, seed=4)
        self.transform = transform
        self.of_label = {k: np.where(self.labels == k)[0] for k in set(self.labels.tolist())}

    def __getitem__(self, index):
        label = int(self.labels[index])
        same = self.of_label[label][(index // 3 + 1) % len(self.of_label[label])]
        other = self.of_label[(label + 1) % 3][index // 3]
        sample = [self.images[i] for i in (index, same, other)]
        if self.transform is not None:
            sample = [self.transform(image) for image in sample]
        return tuple(sample), torch.tensor(label), {"index": index, "name": f"image {index}"}

    def __len__(self):
        return len(self.images)


class Branch(nn.Module):
    def __init__(self, dim=5):
        super().__init__()
        self.features = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(1, 4, 3, bias=False),
            nn.PReLU(),
            nn.MaxPool2d(2, stride=2),
            nn.InstanceNorm2d(4),
            nn.Conv2d(4, 6, 3),
            nn.PReLU(6),
            nn.AdaptiveAvgPool2d((1, 1)),
        )
        self.embed = nn.Linear(6, dim, bias=False)

    def forward_once(self, x):
        h = self.features(x)
        return self.embed(h.view(h.size()[0], -1))

    def forward(self, *images):
        return [self.forward_once(image) for image in images]


class ContrastiveLoss(torch.nn.Module):
    def __init__(self, margin=2.0):
        super().__init__()
        self.margin = margin

    def forward(self, output1, output2, label):
        d = F.pairwise_distance(output1, output2, keepdim=True)
        away = torch.clamp(self.margin - d, min=0.0)
        return torch.mean((1 - label) * torch.pow(d, 2) + label * torch.pow(away, 2))


def main(folder):
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    dataset = Triplets(24, transform=lambda x: torch.tensor(x).to(torch.get_default_dtype()))
    train_set, test_set = random_split(dataset, [18, 6], generator=torch.Generator().manual_seed(7))
    parts = sorted([*train_set.indices, *test_set.indices]) == list(range(24))
    order = SubsetRandomSampler(range(12))
    shuffled = DataLoader(dataset, batch_size=4, sampler=order, num_workers=0)
    seen = sorted(i for _, _, info in shuffled for i in info["index"].tolist())
    loader = DataLoader(Subset(dataset, list(range(18))), batch_size=6, shuffle=False)

    model = Branch()
    given.weights(model, 5)
    contrastive = ContrastiveLoss()
    triplet = nn.TripletMarginLoss(margin=1.0, p=2)
    optimizer = torch.optim.Adagrad(
        [{"params": model.features.parameters()}, {"params": model.embed.parameters(), "lr": 0.02}],
        lr=0.01,
    )
    losses = []
    for _ in range(3):
        for (anchor, positive, negative), label, info in loader:  # noqa: B007
            a, p, n = model(anchor, positive, negative)
            zeros, ones = torch.zeros(len(a), 1), torch.ones(label.shape[0], 1)
            pairs = contrastive(a, p, zeros) + contrastive(a, n, ones)
            loss = triplet(a, p, n) + 0.5 * pairs
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    with torch.no_grad():
        model.eval()
        e = F.normalize(torch.cat([model(x[0])[0] for x, _, _ in loader]), p=2, dim=1)
        similarity = torch.mm(e, e.t())
        distances = torch.cdist(e, e)
        nearest = (distances + 10 * torch.eye(len(e))).argmin(1)
        y = torch.from_numpy(dataset.labels)[:18]
        recall = (y[nearest] == y).float().mean().item()
    facts = [parts, seen == list(range(12)), info["name"] == [f"image {i}" for i in range(12, 18)]]
    return {
        "losses": losses,
        "facts": facts,
        "similarity": similarity,
        "distances": distances,
        "recall": recall,
        "cosine": F.cosine_similarity(e[:-1], e[1:]),
        "weights": model.state_dict(),
    }

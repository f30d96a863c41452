"""A variational autoencoder: noise that gradients pass by, a sum of two losses, pictures."""

import math

import torch
import torch.utils.data
from torch import nn, optim
from torch.nn import functional as F

from tests.programs import given


class VAE(nn.Module):
    def __init__(self, size=64, hidden=16, latent=3):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(size, hidden), nn.ELU())
        self.fc21 = nn.Linear(hidden, latent)
        self.fc22 = nn.Linear(hidden, latent)
        self.fc3 = nn.Linear(latent, hidden)
        self.fc4 = nn.Linear(hidden, size)
        self.latent = latent
        self.noise = None

    def encode(self, x):
        h1 = self.encoder(x)
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        if not self.training:
            return mu
        std = logvar.mul(0.5).exp_()
        eps = torch.randn_like(std)
        if self.noise is not None:
            eps = std.new_tensor(self.noise[: len(std)])
        return eps.mul(std).add_(mu)

    def decode(self, z):
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 64))
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


def loss_function(recon_x, x, mu, logvar):
    BCE = F.binary_cross_entropy(recon_x, x.view(-1, 64), reduction="sum")
    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return BCE + KLD, KLD


def image_grid(images, nrow, padding=1):
    n, c, h, w = images.shape
    rows = int(math.ceil(float(n) / nrow))  # noqa: RUF046
    grid = images.new_full((c, (h + padding) * rows + padding, (w + padding) * nrow + padding), 0.5)
    for i in range(n):
        top, left = i // nrow * (h + padding) + padding, i % nrow * (w + padding) + padding
        grid.narrow(1, top, h).narrow(2, left, w).copy_(images[i])
    return grid.mul(255).add_(0.5).clamp_(0, 255).permute(1, 2, 0).to("cpu", torch.uint8).numpy()


def main(folder):
    device = torch.device("cuda") if torch.cuda.is_available() else torch.device("cpu")
    data = torch.as_tensor(given.images(24, 1, 8, 4)[0], dtype=torch.get_default_dtype())
    model = VAE().to(device)
    given.weights(model, 3)
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    loader = torch.utils.data.DataLoader(data, batch_size=10, shuffle=False, drop_last=False)
    totals = []
    for epoch in range(3):
        model.train()
        train_loss = 0
        for i, x in enumerate(loader):
            model.noise = given.noise(10, model.latent, seed=epoch * 10 + i)
            x = x.to(device)
            optimizer.zero_grad(set_to_none=True)
            recon_batch, mu, logvar = model(x)
            loss, kld = loss_function(recon_batch, x, mu, logvar)
            loss.backward()
            train_loss += loss.item()
            optimizer.step()
        totals.append((train_loss / len(loader.dataset), kld.item()))
    model.eval()
    with torch.no_grad():
        recon = model(data[:4])[0]
        n = min(data.size(0), 4)
        comparison = torch.cat([data[:n], recon.view(n, 1, 8, 8)])
        grid = image_grid(comparison.cpu(), nrow=n)
        sample = model.decode(torch.randn(8, model.latent).to(device)).view(8, 1, 8, 8)
    return {
        "totals": totals,
        "recon": recon,
        "grid": grid.shape,
        "light": float(grid.mean()),
        "sample": [*sample.size(), bool((sample > 0).all()), sample.min().item() < 1],
        "weights": model.state_dict(),
    }

"""A generator of images against a discriminator, each with its own Adam."""

import os

import torch
import torch.nn as nn
import torch.optim as optim

from tests.programs import given

nz, ngf, ndf, nc = 6, 4, 4, 3


def weights_init(m):
    classname = m.__class__.__name__
    if classname.find("Conv") != -1:
        nn.init.normal_(m.weight.data, 0.0, 0.02)
    elif classname.find("BatchNorm") != -1:
        m.weight.data.normal_(1.0, 0.02)
        m.bias.data.fill_(0)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(nz, ngf * 2, 4, 1, 0, bias=False),  # 4 x 4
            nn.BatchNorm2d(ngf * 2),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 2, ngf, 4, 2, 1, bias=False),  # 8 x 8
            nn.BatchNorm2d(ngf),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf, nc, 3, stride=2, padding=1, output_padding=1, bias=False),
            nn.Tanh(),
        )

    def forward(self, input):
        return self.main(input)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(nc, ndf, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf, ndf * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ndf * 2),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf * 2, 1, 4, 1, 0, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, input):
        return self.main(input).view(-1, 1).squeeze(1)


def main(folder):
    device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    dtype = torch.get_default_dtype()
    netG, netD = Generator().to(device), Discriminator().to(device)
    netG.apply(weights_init)
    netD.apply(weights_init)
    spread = [p.std().item() < 0.05 for p in netG.parameters() if p.dim() == 4]
    given.weights(netG, 1)
    given.weights(netD, 2)

    criterion = nn.BCELoss()
    fixed_noise = torch.from_numpy(given.noise(4, nz, 1, 1)).to(device, dtype)
    real_label, fake_label = 1.0, 0.0
    optimizerD = optim.Adam(netD.parameters(), lr=0.0002, betas=(0.5, 0.999))
    optimizerG = optim.Adam(netG.parameters(), lr=0.0002, betas=(0.5, 0.999))
    log = []
    for i in range(4):
        netD.zero_grad()
        real_cpu = torch.from_numpy(given.images(4, nc, 16, 4, seed=i)[0]).to(dtype).to(device)
        b_size = real_cpu.size(0)
        label = torch.full((b_size,), real_label, dtype=dtype, device=device)
        errD_real = criterion(netD(real_cpu * 2 - 1), label)
        errD_real.backward()
        noise = torch.randn(b_size, nz, 1, 1, device=device)
        noise.data.copy_(torch.from_numpy(given.noise(b_size, nz, 1, 1, seed=i)))
        fake = netG(noise)
        label.fill_(fake_label)
        output = netD(fake.detach())
        errD_fake = criterion(output, label)
        errD_fake.backward()
        D_G_z1 = output.mean().item()
        errD = errD_real + errD_fake
        optimizerD.step()

        netG.zero_grad()
        label.data.fill_(real_label)
        output = netD(fake)
        errG = criterion(output, label)
        errG.backward()
        optimizerG.step()
        log.append([errD.item(), errG.item(), D_G_z1, output.mean().item()])
        print("Loss_D: %.4f Loss_G: %.4f" % (errD.item(), errG.item()))  # noqa: UP031
    with torch.no_grad():
        fake = netG(fixed_noise).detach().cpu()
    torch.save(netG.state_dict(), "%s/netG_epoch_%d.pth" % (folder, 0))  # noqa: UP031
    torch.save({"D": netD.state_dict(), "opt": optimizerD.state_dict()}, os.path.join(folder, "d"))
    return {"log": log, "spread": spread, "fake": fake, "weights": netD.state_dict()}

"""RMSprop: steps divided by the root of a running mean of squared gradients."""

from __future__ import annotations

import numpy as np

from .optimizer import Optimizer, buffers, check_at_least_zero, in_blocks


class RMSprop(Optimizer):
    """RMSprop (Tieleman & Hinton 2012), centered or not (Graves 2013).

        g = g + weight_decay p
        s = alpha s + (1 - alpha) g^2
        m = alpha m + (1 - alpha) g               if centered; s - m^2 then stands for s
        u = g / (sqrt(s) + eps)
        b = momentum b + u;  p = p - lr b         p = p - lr u without momentum

    eps is outside the root, as in PyTorch. TensorFlow, and the Inception papers with it (eps = 1),
    put it inside and start from s = 1: their settings give other steps here.

    Raises: ValueError for negative settings.
    """

    def __init__(
        self,
        params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ):
        settings = {
            "lr": lr,
            "alpha": alpha,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "centered": centered,
        }
        super().__init__(params, settings)

    def check_settings(self, group) -> None:
        check_at_least_zero("RMSprop", group, "lr", "alpha", "eps", "weight_decay", "momentum")

    def update(self, param, grad, state, group) -> None:
        lr, alpha, momentum = float(group["lr"]), group["alpha"], group["momentum"]
        names = (
            ["square_avg"] + ["grad_avg"] * group["centered"] + ["momentum_buffer"] * bool(momentum)
        )
        for p, g, *kept, step, scratch in in_blocks(param, grad, *buffers(state, param, *names)):
            kept = dict(zip(names, kept, strict=True))
            if group["weight_decay"]:
                np.multiply(p, group["weight_decay"], out=step)
                g = np.add(step, g, out=step)
            s = kept["square_avg"]
            np.multiply(g, g, out=scratch)
            scratch *= 1 - alpha
            s *= alpha
            s += scratch
            root = s
            if group["centered"]:
                m = kept["grad_avg"]
                m *= alpha
                m += np.multiply(g, 1 - alpha, out=scratch)
                np.multiply(m, m, out=scratch)
                root = np.subtract(s, scratch, out=scratch)
            root = np.sqrt(root, out=scratch)
            root += group["eps"]
            u = np.divide(g, root, out=step)
            if momentum:
                b = kept["momentum_buffer"]
                b *= momentum
                b += u
                u = b
            p -= np.multiply(u, lr, out=scratch)

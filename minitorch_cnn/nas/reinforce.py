"""REINFORCE: the controller learns from the rewards of the sequences it drew.

R. J. Williams (1992), "Simple statistical gradient-following algorithms for connectionist
reinforcement learning", Machine Learning 8; for architectures B. Zoph, Q. V. Le (2017), arXiv
1611.01578, section 3.2. With m sequences a drawn from P, their rewards R and a baseline b

    grad E[R] ~ 1/m sum_k (R_k - b) grad log P(a_k)

b changes nothing in expectation but reduces the variance; here it is a moving average of earlier
rewards. An entropy bonus keeps the controller from converging before it has explored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..optim import Adam
from ..tensor import Tensor
from .controller import Controller

Sequences = list[tuple[int, ...]]


def policy_gradient_loss(
    controller: Controller, sequences: np.ndarray, advantages: np.ndarray, entropy: float = 0.0
) -> Tensor:
    """The loss of the policy gradient: its gradient is -grad E[R].

    -1/m sum_k (advantages_k log P(a_k) + entropy H_k)

    sequences (m, T), drawn from the controller; advantages (m,): R - b; entropy: the weight of the
    entropies H of the answers (see `Controller.score`).
    """
    log_p, entropies = controller.score(sequences)
    above = Tensor(np.asarray(advantages, dtype=log_p.dtype))
    return -(above * log_p + entropy * entropies).mean()


class Reinforce:
    """A controller trained by REINFORCE, used through `ask` and `tell`.

    batch: the sequences per step; lr: of Adam; entropy: the weight of the bonus; decay: of the
    moving average of rewards, which starts at the mean reward of the first step; hidden_size: of
    the controller; seed: of its weights and of its samples.

    Raises: ValueError for settings out of range.

        method = Reinforce(space.sizes, seed=0)
        sequences = method.ask(10)
        method.tell(sequences, rewards)
    """

    def __init__(
        self,
        sizes: Sequence[int],
        seed: int = 0,
        batch: int = 10,
        lr: float = 0.01,
        entropy: float = 0.01,
        decay: float = 0.9,
        hidden_size: int = 64,
    ):
        if batch < 1:
            raise ValueError(f"Reinforce: batch={batch} must be at least 1")
        if hidden_size < 1:
            raise ValueError(f"Reinforce: hidden_size={hidden_size} must be at least 1")
        if entropy < 0:
            raise ValueError(f"Reinforce: entropy={entropy} must not be negative")
        if not 0 <= decay < 1:
            raise ValueError(f"Reinforce: decay={decay} must be from 0 to below 1")
        self.batch, self.entropy, self.decay = batch, entropy, decay
        self.generator = np.random.default_rng(seed)
        self.controller = Controller(sizes, hidden_size, generator=self.generator)
        self.optimizer = Adam(self.controller.parameters(), lr=lr)
        self.baseline: float | None = None

    def ask(self, count: int) -> Sequences:
        """Draw `count` sequences from the controller."""
        return [tuple(row) for row in self.controller.sample(count, self.generator).tolist()]

    def tell(self, sequences: Sequences, rewards: Sequence[float]) -> None:
        """Take one step of Adam that increases the expected reward."""
        found = np.asarray(rewards, dtype=np.float64)
        if self.baseline is None:
            self.baseline = float(found.mean())
        advantages = found - self.baseline
        loss = policy_gradient_loss(self.controller, np.array(sequences), advantages, self.entropy)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        for reward in rewards:
            self.baseline = self.decay * self.baseline + (1 - self.decay) * float(reward)

    def state_dict(self) -> dict[str, Any]:
        """The state that `ask` and `tell` depend on."""
        return {
            "controller": self.controller.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.bit_generator.state,
            "baseline": self.baseline,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state that `state_dict` returned."""
        self.controller.load_state_dict(state["controller"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.bit_generator.state = state["generator"]
        self.baseline = state["baseline"]

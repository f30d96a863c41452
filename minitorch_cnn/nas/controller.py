"""The controller: an LSTM that answers the questions of a search space one by one.

B. Zoph, Q. V. Le (2017), "Neural architecture search with reinforcement learning", ICLR 2017, arXiv
1611.01578, section 3.1. Each answer is drawn from a softmax of its own; its learned embedding is
the next input of the LSTM: P(a_1 ... a_T) = prod_t P(a_t | a_1 ... a_(t-1)).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import functional as F
from ..autograd.modes import no_grad
from ..nn import LSTM, Embedding, Linear, Module, ModuleList, Parameter, init
from ..tensor import Tensor, stack, zeros

BOUND = 0.08  # of the initial weights, section 4: all answers are then almost equally likely


class Controller(Module):
    """A distribution over sequences.    sequences (N, T) -> T log-probabilities (N, sizes[t])

    sizes: the number of answers to each of the T questions, 1 or more; hidden_size, num_layers: of
    the LSTM; generator: the source of the initial weights.

    Raises: ValueError for invalid sizes.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        hidden_size: int = 64,
        num_layers: int = 1,
        generator: np.random.Generator | None = None,
    ):
        super().__init__()
        self.sizes = tuple(sizes)
        if not self.sizes or not all(isinstance(n, int) and n >= 1 for n in self.sizes):
            raise ValueError(f"Controller: sizes={self.sizes} must be one or more integers from 1")
        self.start = Parameter(zeros(hidden_size))
        self.embeddings = ModuleList([Embedding(n, hidden_size) for n in self.sizes[:-1]])
        self.lstm = LSTM(hidden_size, hidden_size, num_layers)
        self.heads = ModuleList([Linear(hidden_size, n) for n in self.sizes])
        for param in self.parameters():
            init.uniform_(param, -BOUND, BOUND, generator)

    def forward(self, sequences: np.ndarray) -> list[Tensor]:
        """log P(. | previous answers) of every question, along each sequence."""
        sequences = self._checked(sequences)
        inputs = [self.start.expand(len(sequences), -1)]
        for t, embedding in enumerate(self.embeddings):
            inputs.append(embedding(Tensor(sequences[:, t])))
        ys, _ = self.lstm(stack(inputs))  # (T, N, hidden_size)
        return [
            F.log_softmax(head(y), dim=1) for head, y in zip(self.heads, ys.unbind(0), strict=True)
        ]

    def score(self, sequences: np.ndarray) -> tuple[Tensor, Tensor]:
        """log P of each sequence, and the entropy of the answers along it.

        sequences (N, T) -> (N,), (N,): sum_t log P(a_t | ...), and sum_t H(P(. | ...)), whose mean
        over sequences drawn from P is an unbiased estimate of the entropy of P.
        """
        log_probs = self(sequences)
        chosen, entropy = [], []
        for t, log_p in enumerate(log_probs):
            answers = Tensor(np.asarray(sequences)[:, t : t + 1])
            chosen.append(log_p.gather(1, answers).squeeze(1))
            entropy.append(-(log_p.exp() * log_p).sum(1))
        return stack(chosen).sum(0), stack(entropy).sum(0)

    @no_grad()
    def sample(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """Draw sequences from P, (count, T) int64."""
        x, state, drawn = self.start.expand(count, -1), None, []
        for t, head in enumerate(self.heads):
            y, state = self.lstm(x.unsqueeze(0), state)
            p = F.softmax(head(y[0]), dim=1).array.astype(np.float64)
            below = np.cumsum(p, axis=1) / p.sum(axis=1, keepdims=True)
            answers = (generator.random((count, 1)) >= below[:, :-1]).sum(axis=1)
            drawn.append(answers)
            if t < len(self.embeddings):
                x = self.embeddings[t](Tensor(answers))
        return np.stack(drawn, axis=1)

    def _checked(self, sequences: np.ndarray) -> np.ndarray:
        sequences = np.asarray(sequences)
        if sequences.ndim != 2 or sequences.shape[1] != len(self.sizes) or not len(sequences):
            raise ValueError(
                f"Controller: sequences of shape {sequences.shape} must be (N, {len(self.sizes)})"
            )
        if (sequences < 0).any() or (sequences >= np.array(self.sizes)).any():
            raise ValueError(
                f"Controller: sequences must have numbers from 0 below sizes={self.sizes}"
            )
        return sequences

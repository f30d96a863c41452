"""Architecture search: spaces of networks, and methods that look for the good ones in them."""

from .controller import Controller
from .reinforce import Reinforce, policy_gradient_loss
from .spaces import SPACES, CellSpace, GeneticSpace, LayerSpace, Space

__all__ = [
    "SPACES",
    "CellSpace",
    "Controller",
    "GeneticSpace",
    "LayerSpace",
    "Reinforce",
    "Space",
    "policy_gradient_loss",
]

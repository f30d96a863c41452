"""Architecture search: spaces of networks, and methods that search them."""

from .child import Child, Score, Training, train_child
from .controller import Controller
from .evolution import Evolution
from .log import Sample, read_log
from .pareto import best, pareto_front
from .random_search import RandomSearch
from .reinforce import Reinforce, policy_gradient_loss
from .search import METHODS, Plan, read_plan, resume_search, run_search
from .sharing import SharedSample, SharedSearch, Supernet, search_shared
from .spaces import SPACES, CellSpace, GeneticSpace, LayerSpace, Space
from .workers import Workers

__all__ = [
    "METHODS",
    "SPACES",
    "CellSpace",
    "Child",
    "Controller",
    "Evolution",
    "GeneticSpace",
    "LayerSpace",
    "Plan",
    "RandomSearch",
    "Reinforce",
    "Sample",
    "Score",
    "SharedSample",
    "SharedSearch",
    "Space",
    "Supernet",
    "Training",
    "Workers",
    "best",
    "pareto_front",
    "policy_gradient_loss",
    "read_log",
    "read_plan",
    "resume_search",
    "run_search",
    "search_shared",
    "train_child",
]

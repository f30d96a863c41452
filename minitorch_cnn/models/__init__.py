"""Models by name: each family is a module, each registered model a function one can grep."""

from . import lenet
from .registry import Entry, create_model, list_models, model_entry, register

__all__ = ["Entry", "create_model", "lenet", "list_models", "model_entry", "register"]

"""Recipes: how each model is trained, according to its paper, and on small data."""

from .table import OWN, RECIPES, recipe
from .training_recipe import Recipe

__all__ = ["OWN", "RECIPES", "Recipe", "recipe"]

"""torch.utils' modules, and torchvision.utils' image grids."""

from . import checkpoint, data, model_zoo
from .pictures import make_grid, save_image

__all__ = ["checkpoint", "data", "make_grid", "model_zoo", "save_image"]

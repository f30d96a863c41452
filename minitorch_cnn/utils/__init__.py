"""torch.utils' modules, and torchvision.utils' image grids."""

from . import checkpoint, data, dlpack, model_zoo
from .pictures import make_grid, save_image

__all__ = ["checkpoint", "data", "dlpack", "make_grid", "model_zoo", "save_image"]

"""Training: the loop, its measurements, its checkpoints, and a run with its folder."""

from .checkpoint import load_checkpoint, save_checkpoint
from .class_files import read_classes
from .config import make_config
from .dense import dense_form
from .evaluation import average_predictions, predict_crops, predict_dense
from .fit import fit
from .history import History
from .input_transform import Preprocessing
from .localisation import (
    box_targets,
    euclidean_loss,
    intersection_over_union,
    localisation_error,
    mean_overlap,
)
from .metrics import (
    Evaluation,
    PixelScores,
    Predictions,
    confusion_matrix,
    evaluate,
    evaluate_predictions,
    pixel_scores,
    predict,
    top_k_accuracy,
)
from .nonfinite import NonFiniteError
from .recipes import Recipe, recipe
from .run import Result, Run, evaluate_run, load_run, resume_run, train_run
from .run_config import RunConfig
from .sources import SOURCES
from .views import (
    at_scale,
    evaluation_sides,
    grid_crops,
    mirrored,
    square_crops,
    ten_crops,
    whole_image,
)
from .weights import load_weights, preprocessing, read_weights

__all__ = [
    "SOURCES",
    "Evaluation",
    "History",
    "NonFiniteError",
    "PixelScores",
    "Predictions",
    "Preprocessing",
    "Recipe",
    "Result",
    "Run",
    "RunConfig",
    "at_scale",
    "average_predictions",
    "box_targets",
    "confusion_matrix",
    "dense_form",
    "euclidean_loss",
    "evaluate",
    "evaluate_predictions",
    "evaluate_run",
    "evaluation_sides",
    "fit",
    "grid_crops",
    "intersection_over_union",
    "load_checkpoint",
    "load_run",
    "load_weights",
    "localisation_error",
    "make_config",
    "mean_overlap",
    "mirrored",
    "pixel_scores",
    "predict",
    "predict_crops",
    "predict_dense",
    "preprocessing",
    "read_classes",
    "read_weights",
    "recipe",
    "resume_run",
    "save_checkpoint",
    "square_crops",
    "ten_crops",
    "top_k_accuracy",
    "train_run",
    "whole_image",
]

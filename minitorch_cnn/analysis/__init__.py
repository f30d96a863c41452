"""Analyses of networks: their cost, their signals, their learned features and their evidence.

Each analysis returns arrays, and draws them with `.plot()`.
"""

import importlib as _importlib
from typing import Any as _Any

from .compare import compare, summary_of
from .image_shapes import image_shape
from .receptive_field import ReceptiveField, receptive_field, receptive_field_by_gradient
from .summary import Row, Summary, summary
from .tables import format_totals

# The module of each analysis, imported when one of its names is first used. A module must not have
# the name of a function: after its import it would replace the function under that name.
_ON_DEMAND = {
    "backward_rules": ("RULES", "Deconvolution", "Saliency", "deconvolve", "saliency"),
    "block_gradients": ("GradientNorms", "gradient_norms"),
    "class_activation": (
        "ClassActivation",
        "box_iou",
        "bright_box",
        "class_activation_maps",
        "grad_cam",
    ),
    "convolution_film": ("ConvolutionSteps", "convolution_steps"),
    "degradation_study": ("Degradation", "degradation"),
    "effective_field": ("EffectiveField", "effective_receptive_field"),
    "explorer": ("explore",),
    "filters_and_maps": ("FeatureMaps", "Filters", "feature_maps", "first_filters"),
    "graph_drawing": ("Graph", "computation_graph"),
    "lesions": ("Lesions", "RandomLesions", "drop_several", "lesion_study", "reorder"),
    "loss_landscape": (
        "LossLine",
        "LossSurface",
        "loss_line",
        "loss_surface",
        "random_direction",
    ),
    "maximisation": ("Maximisation", "maximise_activation"),
    "occlusion": ("Occlusion", "occlusion_map"),
    "paths": ("PathGradients", "PathLengths", "gradient_by_path_length", "path_lengths"),
    "refinement": ("Refinement", "iterative_refinement"),
    "roofline": ("LayerProfile", "Roof", "measured_roof", "profile_layers"),
    "sanity": ("Randomisation", "randomised_layers"),
    "signal_sizes": (
        "INITIALISATIONS",
        "InitialisationComparison",
        "Signals",
        "compare_initialisations",
        "signals",
    ),
}
_MODULE_OF = {name: module for module, names in _ON_DEMAND.items() for name in names}

__all__ = [
    "ReceptiveField",
    "Row",
    "Summary",
    "compare",
    "format_totals",
    "image_shape",
    "receptive_field",
    "receptive_field_by_gradient",
    "summary",
    "summary_of",
    *_MODULE_OF,
]


def __getattr__(name: str) -> _Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(_importlib.import_module(f".{_MODULE_OF[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

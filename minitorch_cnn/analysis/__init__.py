"""Analyses of networks: their cost, their signals, their learned features and their evidence.

Each analysis returns arrays, and draws them with `.plot()`.
"""

import importlib as _importlib
import typing as _typing

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
    "cells": ("cell_drawing",),
    "class_activation": (
        "ClassActivation",
        "box_iou",
        "bright_box",
        "class_activation_maps",
        "grad_cam",
    ),
    "connections": ("Connections", "weights_by_connection"),
    "claims": ("CLAIMS", "Claim", "Finding", "measure_claim"),
    "convolution_film": ("ConvolutionSteps", "convolution_steps"),
    "degradation_study": ("Degradation", "degradation"),
    "effective_field": ("EffectiveField", "effective_receptive_field"),
    "explorer": ("explore",),
    "filters_and_maps": ("FeatureMaps", "Filters", "feature_maps", "first_filters"),
    "graph_drawing": ("Graph", "computation_graph"),
    "lecture": ("lecture_page",),
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
    "published_figures": ("cost_of", "error_against_operations", "ilsvrc_timeline"),
    "published_results": ("ILSVRC", "RESULTS", "SENET_TABLE_2", "VGG_TABLE_3", "VGG_TABLE_7"),
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

if _typing.TYPE_CHECKING:  # what is loaded on demand, for editors and type checkers
    from .backward_rules import RULES as RULES
    from .backward_rules import Deconvolution as Deconvolution
    from .backward_rules import Saliency as Saliency
    from .backward_rules import deconvolve as deconvolve
    from .backward_rules import saliency as saliency
    from .block_gradients import GradientNorms as GradientNorms
    from .block_gradients import gradient_norms as gradient_norms
    from .cells import cell_drawing as cell_drawing
    from .claims import CLAIMS as CLAIMS
    from .claims import Claim as Claim
    from .claims import Finding as Finding
    from .claims import measure_claim as measure_claim
    from .class_activation import ClassActivation as ClassActivation
    from .class_activation import box_iou as box_iou
    from .class_activation import bright_box as bright_box
    from .class_activation import class_activation_maps as class_activation_maps
    from .class_activation import grad_cam as grad_cam
    from .connections import Connections as Connections
    from .connections import weights_by_connection as weights_by_connection
    from .convolution_film import ConvolutionSteps as ConvolutionSteps
    from .convolution_film import convolution_steps as convolution_steps
    from .degradation_study import Degradation as Degradation
    from .degradation_study import degradation as degradation
    from .effective_field import EffectiveField as EffectiveField
    from .effective_field import effective_receptive_field as effective_receptive_field
    from .explorer import explore as explore
    from .filters_and_maps import FeatureMaps as FeatureMaps
    from .filters_and_maps import Filters as Filters
    from .filters_and_maps import feature_maps as feature_maps
    from .filters_and_maps import first_filters as first_filters
    from .graph_drawing import Graph as Graph
    from .graph_drawing import computation_graph as computation_graph
    from .lecture import lecture_page as lecture_page
    from .lesions import Lesions as Lesions
    from .lesions import RandomLesions as RandomLesions
    from .lesions import drop_several as drop_several
    from .lesions import lesion_study as lesion_study
    from .lesions import reorder as reorder
    from .loss_landscape import LossLine as LossLine
    from .loss_landscape import LossSurface as LossSurface
    from .loss_landscape import loss_line as loss_line
    from .loss_landscape import loss_surface as loss_surface
    from .loss_landscape import random_direction as random_direction
    from .maximisation import Maximisation as Maximisation
    from .maximisation import maximise_activation as maximise_activation
    from .occlusion import Occlusion as Occlusion
    from .occlusion import occlusion_map as occlusion_map
    from .paths import PathGradients as PathGradients
    from .paths import PathLengths as PathLengths
    from .paths import gradient_by_path_length as gradient_by_path_length
    from .paths import path_lengths as path_lengths
    from .published_figures import cost_of as cost_of
    from .published_figures import error_against_operations as error_against_operations
    from .published_figures import ilsvrc_timeline as ilsvrc_timeline
    from .published_results import ILSVRC as ILSVRC
    from .published_results import RESULTS as RESULTS
    from .published_results import SENET_TABLE_2 as SENET_TABLE_2
    from .published_results import VGG_TABLE_3 as VGG_TABLE_3
    from .published_results import VGG_TABLE_7 as VGG_TABLE_7
    from .refinement import Refinement as Refinement
    from .refinement import iterative_refinement as iterative_refinement
    from .roofline import LayerProfile as LayerProfile
    from .roofline import Roof as Roof
    from .roofline import measured_roof as measured_roof
    from .roofline import profile_layers as profile_layers
    from .sanity import Randomisation as Randomisation
    from .sanity import randomised_layers as randomised_layers
    from .signal_sizes import INITIALISATIONS as INITIALISATIONS
    from .signal_sizes import InitialisationComparison as InitialisationComparison
    from .signal_sizes import Signals as Signals
    from .signal_sizes import compare_initialisations as compare_initialisations
    from .signal_sizes import signals as signals

__all__ = [  # pyright: ignore[reportUnsupportedDunderAll]  (with the names on demand)
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


def __getattr__(name: str) -> _typing.Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(_importlib.import_module(f".{_MODULE_OF[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""The analyses of `minitorch-cnn analyse`: for each a line of help, and its function."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .claims import of_claims
from .computation import of_convolution, of_graph, of_roofline
from .depth import (
    of_degradation,
    of_gradients,
    of_initialisations,
    of_landscape,
    of_lesions,
    of_paths,
    of_refinement,
    of_reordering,
    of_several_lesions,
    of_signals,
    of_surface,
)
from .found import Found
from .images import (
    of_class_activation,
    of_deconvolution,
    of_field,
    of_filters,
    of_grad_cam,
    of_maps,
    of_maximisation,
    of_occlusion,
    of_saliency,
    of_sanity,
)


def endings_of_figures() -> tuple[str, ...]:
    from ...figures import endings

    return endings()


class Analysis(NamedTuple):
    """run: a function (subject, options of the command) -> the result; takes: its own options.

    labelled: whether it needs labels; endings: the suffixes of its files; named: whether its
    subject is a name of its own, which it may do without, and no run or model.
    """

    help: str
    run: Callable[[object, object], Found]
    takes: tuple[str, ...] = ()
    labelled: bool = False
    endings: Callable[[], tuple[str, ...]] = endings_of_figures
    named: bool = False


ANALYSES = {
    "signals": Analysis(
        "size of activations and gradients, and dead units", of_signals, labelled=True
    ),
    "initialisations": Analysis(
        "the same for each initialisation", of_initialisations, labelled=True
    ),
    "gradients": Analysis("gradient norm of each block", of_gradients, labelled=True),
    "lesions": Analysis("error without each block", of_lesions, labelled=True),
    "several-lesions": Analysis("error without several blocks", of_several_lesions, labelled=True),
    "order": Analysis("error with blocks in another order", of_reordering, labelled=True),
    "paths": Analysis("gradient by the length of its path", of_paths, labelled=True),
    "refinement": Analysis("how the blocks of a stage refine its estimate", of_refinement),
    "landscape": Analysis("loss along a random direction", of_landscape, labelled=True),
    "surface": Analysis("loss on a random plane", of_surface, labelled=True),
    "cam": Analysis("class activation maps, and their boxes", of_class_activation),
    "grad-cam": Analysis("the same for the maps of --layer, by gradients", of_grad_cam, ("layer",)),
    "saliency": Analysis("the pixels that determine a class's logit", of_saliency),
    "deconvolution": Analysis(
        "the image parts that excite the channels of --layer most", of_deconvolution, ("layer",)
    ),
    "occlusion": Analysis("a class's probability with a part hidden", of_occlusion),
    "maximisation": Analysis(
        "images that excite the units of --layer", of_maximisation, ("layer",)
    ),
    "sanity": Analysis("whether gradient images depend on the weights", of_sanity),
    "filters": Analysis("the first convolution's filters", of_filters, ("layer",)),
    "maps": Analysis("the feature maps of an image in each layer", of_maps, ("layer",)),
    "field": Analysis("the receptive field, effective and by formula", of_field, ("layer",)),
    "graph": Analysis(
        "the computation graph, as .svg or .dot", of_graph, endings=lambda: (".svg", ".dot", ".gv")
    ),
    "convolution": Analysis(
        "a convolution window by window, as .gif or .png",
        of_convolution,
        ("layer",),
        endings=lambda: (".gif", *endings_of_figures()),
    ),
    "roofline": Analysis("time and memory of layers, and the machine's limits", of_roofline),
    "degradation": Analysis(
        "training and test errors of a MODEL and those --against it",
        of_degradation,
        ("against", "epochs"),
    ),
    "claims": Analysis(
        "a claim of the lectures, tested by training: claims NAME; without NAME, their list",
        of_claims,
        ("epochs",),
        named=True,
    ),
}

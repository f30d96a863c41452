"""What `minitorch-cnn analyse` can look at: for each a line of help, and what runs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .parser import CommandError

Found = tuple[str, Callable[[Path], object]]  # what to print, and what draws it into a file


class Analysis(NamedTuple):
    """run: (subject, options of the command) -> what was found; takes: the options of its own.

    labelled: whether it needs the labels of the images.
    """

    help: str
    run: Callable[[object, object], Found]
    takes: tuple[str, ...] = ()
    labelled: bool = False


def drawn(text: str, result) -> Found:
    """The text, and the result's figure once a file is wanted."""
    return text, lambda path: result.plot().savefig(path)


def of_signals(subject, options) -> Found:
    from ..analysis import signals

    found = signals(subject.model.train(), subject.x, subject.labels)
    lines = [
        f"{name:30} {std:10.3g} {gradient:10.3g} {dead:6} of {units}"
        for name, _, std, gradient, units, dead in zip(*found, strict=True)
    ]
    head = f"{'layer':30} {'activation':>10} {'gradient':>10} {'dead':>6}"
    return drawn("\n".join([head, *lines]), found)


def of_initialisations(subject, options) -> Found:
    from ..analysis import compare_initialisations

    found = compare_initialisations(subject.model.train(), subject.x, subject.labels)
    first, last = found.weighted[0], found.weighted[-1]
    lines = [f"{'':34} {'activations':>12} {'gradients':>12}    {last} / {first}"]
    for name, s in found.signals.items():
        a, b = s.layers.index(first), s.layers.index(last)
        ratios = [v[b] / v[a] if v[a] else np.nan for v in (s.std, s.gradient_std)]
        lines.append(f"{name:34} {ratios[0]:12.3g} {ratios[1]:12.3g}")
    return drawn("\n".join(lines), found)


def of_gradients(subject, options) -> Found:
    from ..analysis import gradient_norms

    found = gradient_norms(subject.model.train(), subject.x, subject.labels)
    lines = [f"{name:30} {v:10.3g}" for name, v in zip(*found, strict=True)]
    return drawn("\n".join([f"{'block':30} {'||dL/dw||':>10}", *lines]), found)


def of_lesions(subject, options) -> Found:
    from ..analysis import lesion_study

    found = lesion_study(subject.model, subject.x, subject.labels)
    rows = [f"{name:30} {100 * e:6.1f}" for name, e in zip(found.units, found.errors, strict=True)]
    head = f"{'left out':30} error (%)\n{'nothing':30} {100 * found.intact:6.1f}"
    return drawn("\n".join([head, *rows]), found)


def of_several_lesions(subject, options) -> Found:
    from ..analysis import drop_several

    found = drop_several(subject.model, subject.x, subject.labels)
    rows = [
        f"{size:8} {100 * np.median(e):6.1f}"
        for size, e in zip(found.sizes, found.errors, strict=True)
    ]
    return drawn("\n".join(["left out  median error (%)", *rows]), found)


def of_reordering(subject, options) -> Found:
    from ..analysis import reorder

    found = reorder(subject.model, subject.x, subject.labels)
    rows = [
        f"{np.median(size):11.2f} {100 * np.median(e):8.1f}"
        for size, e in zip(found.sizes, found.errors, strict=True)
    ]
    head = f"correlation  median error (%)\n{1:11.2f} {100 * found.intact:8.1f}"
    return drawn("\n".join([head, *rows]), found)


def of_paths(subject, options) -> Found:
    from ..analysis import gradient_by_path_length

    found = gradient_by_path_length(subject.model, subject.x, subject.labels)
    rows = [
        f"{k:6} {norm:10.3g} {100 * share:8.2f}"
        for k, norm, share in zip(found.lengths, found.norms, found.total, strict=True)
    ]
    return drawn("\n".join(["length  ||dL/dx||  share (%)", *rows]), found)


def of_refinement(subject, options) -> Found:
    from ..analysis import iterative_refinement

    found = iterative_refinement(subject.model, subject.x)
    rows = [
        f"{name:30} {error:10.3g} {spread:10.3g} {distance:10.3g}"
        for name, _, error, spread, distance, _ in zip(*found, strict=True)
    ]
    head = f"{'block':30} {'mean':>10} {'spread':>10} {'distance':>10}   of a_k - a_K"
    return drawn("\n".join([head, *rows]), found)


def of_landscape(subject, options) -> Found:
    from ..analysis import loss_line

    found = loss_line(subject.model, subject.x, subject.labels)
    rows = [f"{step:6.2f} {loss:10.4g}" for step, loss in zip(*found, strict=True)]
    return drawn("\n".join(["  step       loss", *rows]), found)


def of_surface(subject, options) -> Found:
    from ..analysis import loss_surface

    found = loss_surface(subject.model, subject.x, subject.labels)
    rows = [" ".join(f"{loss:8.3g}" for loss in row) for row in found.losses]
    return drawn("\n".join(["loss, steps from -1 to 1 along two directions", *rows]), found)


def of_class_activation(subject, options) -> Found:
    from ..analysis import class_activation_maps

    return _of_maps_of_a_class(class_activation_maps(subject.model, subject.x, truth=subject.boxes))


def of_grad_cam(subject, options) -> Found:
    from ..analysis import grad_cam

    layer = options.layer or last_convolution(subject.model)
    return _of_maps_of_a_class(grad_cam(subject.model, subject.x, layer, truth=subject.boxes))


def _of_maps_of_a_class(found) -> Found:
    text = "left top right bottom of the brightest part of each map" + (
        "" if found.iou is None else f"; mean IoU with the known boxes {found.iou.mean():.3f}"
    )
    rows = [" ".join(f"{v:5}" for v in box) for box in found.boxes]
    return drawn("\n".join([text, *rows]), found)


def of_saliency(subject, options) -> Found:
    from ..analysis import saliency

    found = saliency(subject.model, subject.x[:8])
    rows = [f"{rule:14} {np.abs(m).mean():.3g}" for rule, m in found.maps.items()]
    return drawn("\n".join(["rule           mean of |dlogit/dx|", *rows]), found)


def of_deconvolution(subject, options) -> Found:
    from ..analysis import deconvolve

    layer = options.layer or last_convolution(subject.model)
    found = deconvolve(subject.model, subject.x, layer)
    rows = [
        f"{channel:7} {a:10.3g} {image:6}  {tuple(place.tolist())}"
        for channel, a, image, place in zip(
            found.channels, found.activations, found.images, found.places, strict=True
        )
    ]
    return drawn("\n".join([f"{layer}\nchannel activation  image  place", *rows]), found)


def of_occlusion(subject, options) -> Found:
    from ..analysis import occlusion_map

    found = occlusion_map(subject.model, subject.x[0])
    text = f"class {found.label}: {found.intact:.3f}, with a part hidden at least "
    return drawn(f"{text}{found.probabilities.min():.3f}", found)


def of_maximisation(subject, options) -> Found:
    from ..analysis import maximise_activation

    units = range(8) if options.layer else range(min(10, len(subject.classes)))
    layer = options.layer or ""
    found = maximise_activation(subject.model, subject.x.shape[1:], units, layer)
    rows = [
        f"{unit:5} {a[0]:10.3g} {a[-1]:10.3g}"
        for unit, a in zip(found.units, found.activations, strict=True)
    ]
    return drawn("\n".join([" unit      noise    maximum", *rows]), found)


def of_sanity(subject, options) -> Found:
    from ..analysis import randomised_layers

    found = randomised_layers(subject.model, subject.x[:8])
    names = list(found.correlations)
    rows = [
        f"{layer:30}" + "".join(f"{values[k]:15.3f}" for values in found.correlations.values())
        for k, layer in enumerate(["none", *found.layers])
    ]
    head = f"{'drawn anew up to':30}" + "".join(f"{name:>15}" for name in names)
    return drawn("\n".join([head, *rows]), found)


def of_filters(subject, options) -> Found:
    from ..analysis import first_filters

    found = first_filters(subject.model, options.layer)
    norms = np.sqrt((found.weight.astype(np.float64) ** 2).sum((1, 2, 3)))
    rows = [f"{k:6} {norm:8.3g}" for k, norm in enumerate(norms)]
    return drawn("\n".join([f"{found.layer}\nfilter   length", *rows]), found)


def of_maps(subject, options) -> Found:
    from ..analysis import feature_maps

    layers = None if options.layer is None else [options.layer]
    found = feature_maps(subject.model, subject.x[0], layers)
    rows = [
        f"{name:30} {' x '.join(map(str, m.shape)):>16} {100 * (m == 0).mean():8.1f}"
        for name, m in found.maps.items()
    ]
    return drawn("\n".join([f"{'layer':30} {'maps':>16}   zero (%)", *rows]), found)


def of_field(subject, options) -> Found:
    from ..analysis import effective_receptive_field

    shape = subject.x.shape[1:]
    layer = options.layer or last_convolution(subject.model)
    found = effective_receptive_field(subject.model, shape, layer)
    rows, columns = found.theoretical
    text = f"{layer}: {found.size:.1f} pixels a side, by formula {rows} x {columns}"
    return drawn(text, found)


def of_graph(subject, options) -> Found:
    from ..analysis import computation_graph
    from ..nn.evaluation import first_output

    output = first_output(subject.model(subject.x[:1]))
    found = computation_graph(output, subject.model)
    kinds = [box.kind for box in found.boxes]
    text = f"{len(kinds) - kinds.count('leaf')} operations, {kinds.count('leaf')} weights"
    return text, found.save


def of_convolution(subject, options) -> Found:
    from ..analysis import convolution_steps, first_filters
    from ..data.datasets import Digits

    kernel = first_filters(subject.model, options.layer).weight[0, 0]
    found = convolution_steps(Digits(train=False).images[0, 0], kernel, padding=1)
    text = f"{found.columns.shape[0]} x {found.columns.shape[1]} numbers, then a row times them"

    def save(path: Path) -> None:
        if path.suffix == ".gif":
            found.save_gif(path)
        else:
            found.plot(len(found.corners) // 2).savefig(path)

    return text, save


def of_roofline(subject, options) -> Found:
    from ..analysis import profile_layers

    found = profile_layers(subject.model, subject.x[: min(8, options.images)])
    rows = [
        f"{name:30} {1e3 * s:9.3f} {memory / 2**20:9.3f} {100 * share:8.1f}  "
        f"{'bandwidth' if moves else 'arithmetic'}{', Winograd' * bool(winograd)}"
        for name, s, memory, share, moves, winograd in zip(
            found.layers,
            found.seconds,
            found.memory,
            found.share,
            found.moves,
            found.winograd,
            strict=True,
        )
    ]
    roof = found.roof
    bands = f"{roof.bandwidth / 1e9:.0f} GB/s ({roof.bandwidth_of(0) / 1e9:.0f} from a cache)"
    peaks = f"best: {roof.flops / 1e9:.0f} GFLOP/s, {bands}"
    head = f"{'layer':30} {'ms':>9} {'MiB':>9} {'of best':>8} %  bound by  {peaks}"
    if found.winograd.any():
        rows.append("Winograd's multiply-adds are those that it does: fewer than the definition's")
    return drawn("\n".join([head, *rows]), found)


def of_degradation(subject, options) -> Found:
    from ..analysis import degradation
    from ..data.datasets import Digits
    from ..models import model_entry
    from ..tensor import Tensor
    from ..training.config import build_model

    if not subject.given:
        raise CommandError("degradation trains a MODEL from the start; a run or --image is none")
    names = [subject.given, *options.against]
    digits = Digits(train=True, size=16)
    pixels = (digits.images - digits.images.mean()) / digits.images.std()

    def maker(name: str):
        entry, data = model_entry(name), {"num_classes": 10, "in_channels": 1}
        settings = {k: v for k, v in data.items() if entry.takes(k)}
        return lambda: build_model(entry, dict(options.set or ()) | settings)

    nets = {name: maker(name) for name in names}
    labels = digits.labels
    found = degradation(nets, Tensor(pixels), labels, options.epochs or 10, seed=options.seed)
    rows = [
        f"{n:24} {100 * e[-1]:10.2f} {found.losses[n][-1]:8.4f}" for n, e in found.errors.items()
    ]
    return drawn("\n".join([f"{'':24} error (%)     loss  in training", *rows]), found)


def last_convolution(model) -> str:
    """The name of the last convolution of a model."""
    from ..nn import Conv2d

    names = [name for name, module in model.named_modules() if isinstance(module, Conv2d)]
    if not names:
        raise CommandError("the model has no convolution; name a layer with --layer")
    return names[-1]


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
    "refinement": Analysis("how blocks refine a stage's estimate", of_refinement),
    "landscape": Analysis("loss along a random direction", of_landscape, labelled=True),
    "surface": Analysis("loss on a random plane", of_surface, labelled=True),
    "cam": Analysis("class activation maps, and their boxes", of_class_activation),
    "grad-cam": Analysis(
        "the same for the maps of --layer, by their gradients", of_grad_cam, ("layer",)
    ),
    "saliency": Analysis("what pixels a class's logit comes from", of_saliency),
    "deconvolution": Analysis(
        "what excites the channels of --layer most", of_deconvolution, ("layer",)
    ),
    "occlusion": Analysis("a class's probability with a part hidden", of_occlusion),
    "maximisation": Analysis(
        "images that excite the units of --layer", of_maximisation, ("layer",)
    ),
    "sanity": Analysis("whether gradient images depend on the weights", of_sanity),
    "filters": Analysis("the first convolution's filters", of_filters, ("layer",)),
    "maps": Analysis("what each layer makes of an image", of_maps, ("layer",)),
    "field": Analysis("receptive field, effective and by formula", of_field, ("layer",)),
    "graph": Analysis("the computation graph, as .svg or .dot", of_graph),
    "convolution": Analysis(
        "a convolution window by window, as .gif or .png", of_convolution, ("layer",)
    ),
    "roofline": Analysis("time and memory of layers, and the machine's best", of_roofline),
    "degradation": Analysis(
        "training error of a MODEL and those --against it", of_degradation, ("against", "epochs")
    ),
}

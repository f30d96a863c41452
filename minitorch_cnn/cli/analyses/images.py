"""The responses of a network to images: maps, gradients, and images that excite its units."""

from __future__ import annotations

import numpy as np

from .found import Found, drawn, last_convolution


def of_class_activation(subject, options) -> Found:
    from ...analysis import class_activation_maps

    return _of_maps_of_a_class(class_activation_maps(subject.model, subject.x, truth=subject.boxes))


def of_grad_cam(subject, options) -> Found:
    from ...analysis import grad_cam

    layer = options.layer or last_convolution(subject.model)
    return _of_maps_of_a_class(grad_cam(subject.model, subject.x, layer, truth=subject.boxes))


def _of_maps_of_a_class(found) -> Found:
    text = "left top right bottom of the brightest part of each map" + (
        "" if found.iou is None else f"; mean IoU with the known boxes {found.iou.mean():.3f}"
    )
    rows = [" ".join(f"{v:5}" for v in box) for box in found.boxes]
    return drawn("\n".join([text, *rows]), found)


def of_saliency(subject, options) -> Found:
    from ...analysis import saliency

    found = saliency(subject.model, subject.x[:8])
    rows = [f"{rule:14} {np.abs(m).mean():.3g}" for rule, m in found.maps.items()]
    return drawn("\n".join(["rule           mean of |dlogit/dx|", *rows]), found)


def of_deconvolution(subject, options) -> Found:
    from ...analysis import deconvolve

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
    from ...analysis import occlusion_map

    found = occlusion_map(subject.model, subject.x[0])
    text = f"class {found.label}: {found.intact:.3f}, with a part hidden at least "
    return drawn(f"{text}{found.probabilities.min():.3f}", found)


def of_maximisation(subject, options) -> Found:
    from ...analysis import maximise_activation

    units = range(8) if options.layer else range(min(10, len(subject.classes)))
    layer = options.layer or ""
    found = maximise_activation(subject.model, subject.x.shape[1:], units, layer)
    rows = [
        f"{unit:5} {a[0]:10.3g} {a[-1]:10.3g}"
        for unit, a in zip(found.units, found.activations, strict=True)
    ]
    return drawn("\n".join([" unit      noise    maximum", *rows]), found)


def of_sanity(subject, options) -> Found:
    from ...analysis import randomised_layers

    found = randomised_layers(subject.model, subject.x[:8])
    names = list(found.correlations)
    rows = [
        f"{layer:30}" + "".join(f"{values[k]:15.3f}" for values in found.correlations.values())
        for k, layer in enumerate(["none", *found.layers])
    ]
    head = f"{'randomised up to':30}" + "".join(f"{name:>15}" for name in names)
    return drawn("\n".join([head, *rows]), found)


def of_filters(subject, options) -> Found:
    from ...analysis import first_filters

    found = first_filters(subject.model, options.layer)
    norms = np.sqrt((found.weight.astype(np.float64) ** 2).sum((1, 2, 3)))
    rows = [f"{k:6} {norm:8.3g}" for k, norm in enumerate(norms)]
    return drawn("\n".join([f"{found.layer}\nfilter   length", *rows]), found)


def of_maps(subject, options) -> Found:
    from ...analysis import feature_maps

    layers = None if options.layer is None else [options.layer]
    found = feature_maps(subject.model, subject.x[0], layers)
    rows = [
        f"{name:30} {' x '.join(map(str, m.shape)):>16} {100 * (m == 0).mean():8.1f}"
        for name, m in found.maps.items()
    ]
    return drawn("\n".join([f"{'layer':30} {'maps':>16}   zero (%)", *rows]), found)


def of_field(subject, options) -> Found:
    from ...analysis import effective_receptive_field

    shape = subject.x.shape[1:]
    layer = options.layer or last_convolution(subject.model)
    found = effective_receptive_field(subject.model, shape, layer)
    rows, columns = found.theoretical
    text = f"{layer}: {found.size:.1f} pixels a side, by formula {rows} x {columns}"
    return drawn(text, found)

"""Why convolutions: the weights of one layer, fully connected, locally connected and shared."""

from __future__ import annotations

from typing import NamedTuple


class Connections(NamedTuple):
    """The numbers of weights, without biases, of three ways to connect the same units.

    full: of every unit to every pixel; local: to a field of pixels of its own, with weights of its
    own; shared: the same for all units of a map, a convolution.
    """

    full: int
    local: int
    shared: int


def weights_by_connection(
    pixels: int = 1_000_000, units: int = 1_000_000, field: int = 10, maps: int = 100
) -> Connections:
    """Count the weights of a layer on an image with one channel.

    pixels: of the image; units: of the layer; field: the side of the square that a unit sees; maps:
    the numbers of different filters. full = pixels * units, local = units * field^2, shared = maps
    * field^2: with the defaults 10^12, 10^8 and 10^4.

    Raises: ValueError for a number below 1.
    """
    for name, value in (("pixels", pixels), ("units", units), ("field", field), ("maps", maps)):
        if value < 1:
            raise ValueError(f"weights_by_connection: {name}={value} must be at least 1")
    return Connections(pixels * units, units * field**2, maps * field**2)

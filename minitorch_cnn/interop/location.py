"""The destination of `load`: PyTorch's forms of map_location as the name of a device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..devices import check_device


class _Stored:
    """A tensor's storage as a map_location function receives it, on the CPU."""

    def cpu(self) -> str:
        return "cpu"

    def cuda(self, device: int | str | None = None) -> str:
        if isinstance(device, str):
            return device
        return "cuda" if device is None else f"cuda:{device}"


def device_for(map_location: str | Mapping[Any, Any] | Callable[..., Any] | None) -> str:
    """The device that map_location names for the tensors of a file, which are on the CPU.

    map_location: a name; a dict of names, whose values must be one device; or a function (storage,
    location), called once, that returns the unchanged storage, storage.cuda(0), or a name.

    Raises TypeError for anything else.
    """
    if isinstance(map_location, Mapping):
        places = {str(place) for place in map_location.values()}
        if len(places) > 1:
            raise ValueError(
                f"load: map_location={map_location!r} must lead to one device; load to the CPU and "
                "move each part with to()"
            )
        found = places.pop() if places else None
    elif callable(map_location):
        storage = _Stored()
        found = map_location(storage, "cpu")
        found = None if found is storage else found
    else:
        found = map_location
    if found is not None and not isinstance(found, str):
        raise TypeError(
            f"load: map_location={map_location!r} must be the name of a device, a dict of such, a "
            "function that returns one, or None"
        )
    return check_device(found, "load")

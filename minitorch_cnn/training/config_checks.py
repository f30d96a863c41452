"""Validate the content of a config.json before anything is built from it."""

from __future__ import annotations

from typing import Any

from ..models.net_file import COPY, FOLDER
from .drawings import Style
from .recipes import Recipe


def check_net(net: dict[str, Any]) -> None:
    """Raises TypeError unless a net's files are in the run's folder, each with its digest."""
    digests = net.get("sha256")
    names = all(isinstance(net.get(name), str) for name in ("file", "name"))
    if not names or not isinstance(digests, dict) or COPY not in digests:
        raise TypeError(f"net={net} must have file, name and the sha256 of {COPY}")
    for place, digest in digests.items():
        parts = place.split("/")
        inside = place == COPY or (len(parts) > 1 and parts[0] == FOLDER and ".." not in parts)
        if not inside or set(place) & set("\\:") or not isinstance(digest, str):
            raise TypeError(f"net has a file {place!r}, which does not belong to a run")


def check_folder(config: dict[str, Any]) -> None:
    """Raises TypeError unless a run on a folder has a path and lists of file names as parts."""
    if config["path"] is None:
        raise TypeError("path=None must be a folder")
    parts = config.get("parts", {"train": [], "test": []})
    for name in ("train", "test"):
        names = parts.get(name)
        if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
            raise TypeError(f"parts have no list of names of files as {name!r}")


# The types that each annotation of a Recipe's fields accepts.
FIELD_KINDS = {
    "int": int,
    "float": int | float,
    "bool": bool,
    "str": str,
    "None": type(None),
    "dict": dict,
    "tuple": list | tuple,
}


def check_recipe(fields: dict[str, Any]) -> None:
    """Raises ValueError or TypeError for unknown fields of a Recipe or values of a wrong type."""
    made = Recipe(**fields)
    for name, annotation in Recipe.__annotations__.items():
        value, kinds = getattr(made, name), annotation.split(" | ")
        names = [kind.partition("[")[0] for kind in kinds]
        if not any(isinstance(value, FIELD_KINDS[kind]) for kind in names):
            raise TypeError(f"{name}={value!r} must be {annotation}")
        if isinstance(value, list | tuple):
            inner = str if "[str" in annotation else int | float
            if not all(isinstance(item, inner) for item in value):
                raise TypeError(f"{name}={value!r} must be {annotation}")
    lr = made.settings.get("lr")
    if not isinstance(lr, int | float) or isinstance(lr, bool):
        raise TypeError(f"settings={made.settings} must have a number lr")
    if made.epochs < 0 or made.batch_size < 1 or not made.std or not all(made.std):
        raise ValueError("epochs, batch_size or std is out of range")
    for name in ("scales", "area", "ratio"):
        if getattr(made, name) is not None and len(getattr(made, name)) != 2:
            raise ValueError(f"{name}={getattr(made, name)!r} must be two numbers")


def check_style(fields: dict[str, Any]) -> None:
    """Raises TypeError or ValueError for unknown fields of a Style or values of a wrong type."""
    style = Style(**fields)
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in style):
        raise TypeError(f"style={fields} must have numbers")
    if not 0 < style.spread <= 1 or style.pixels < 1:
        raise ValueError(f"style={fields} must have a spread within (0, 1] and pixels from 1 on")

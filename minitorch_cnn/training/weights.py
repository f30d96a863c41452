"""Load weights that other programs wrote into a model, with their preprocessing.

A file of trained weights does not say how its images were cropped and scaled: for models with
published weights this is registered with the model. The user supplies the names of the classes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ..interop import Opaque, load, metadata_of
from ..models import model_entry
from ..models.blocks import IMAGENET_MEAN, IMAGENET_STD
from ..nn import Module
from ..nn.state import difference
from ..tensor import Tensor
from .input_transform import Preprocessing
from .weight_names import fitted

# Keys under which programs store a state_dict; the weights come before averages of them.
WRAPPERS = (
    *("state_dict", "model_state_dict", "model_state", "model", "module", "net", "network"),
    *("params", "weights", "state", "model_ema", "state_dict_ema", "ema_state_dict", "ema"),
    *("params_ema", "model_ema_state_dict"),
)
# Names of auxiliary heads; a model without heads needs no weights for them.
HEADS = ("aux.", "aux1.", "aux2.", "AuxLogits.")
COLOURS = "preprocessing"  # the metadata key under which a run's file stores them
SHOWN = 3  # names in a message


def preprocessing(
    model: str,
    transform_input: bool = False,
    weights: str | Path | None = None,
    shape: tuple[int, int] | None = None,
) -> Preprocessing:
    """The image preparation that the trained weights of a model expect.

    For models with published weights it is a fact about these files, registered with the model; for
    others the usual one: the middle 7/8 of the image, or all of it for nets of small images, with
    ImageNet's mean and standard deviation, or 0.5 and 0.5 for grey images.
    transform_input: whether the model is made with this setting of torchvision's `inception_v3` and
    `googlenet`: it then takes images with ImageNet's mean and deviation and converts them to 0.5
    and 0.5 itself. weights: the file with the weights; a file that a run wrote states its own
    scaling of colours. shape: the channels and the side in pixels of images for a model without
    published weights, such as a net of your own.

    Raises: KeyError for an unknown model, with the nearest one; ValueError for a damaged file.
    """
    entry = model_entry(model)
    if entry.preprocessing is not None:
        usual = Preprocessing(**asdict(entry.preprocessing))
    else:
        known: Any = entry.input_shape
        channels, size = known[:2] if shape is None else shape
        resize = round(size * 8 / 7) if size > 64 else size
        mean, std = (IMAGENET_MEAN, IMAGENET_STD) if channels == 3 else ((0.5,), (0.5,))
        usual = Preprocessing(resize, size, mean, std)
    return replace(usual, **(colours_of(model, transform_input, weights) or {}))


def colours_of(
    model: str, transform_input: bool = False, weights: str | Path | None = None
) -> dict[str, Any] | None:
    """channels, mean and std of `preprocessing`, if the file or the model states them."""
    metadata = {} if weights is None else metadata_of(weights)
    if COLOURS in metadata:
        try:
            found = json.loads(metadata[COLOURS])
            return {
                "channels": str(found["channels"]),
                **{name: tuple(map(float, found[name])) for name in ("mean", "std")},
            }
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ValueError(
                f"preprocessing: {weights} says {COLOURS}={metadata[COLOURS][:80]!r}, not valid"
            ) from error
    if transform_input:
        return {"channels": "RGB", "mean": IMAGENET_MEAN, "std": IMAGENET_STD}
    usual = model_entry(model).preprocessing
    return usual and {"channels": usual.channels, "mean": usual.mean, "std": usual.std}


def colours_as_text(channels: str, mean: tuple[float, ...], std: tuple[float, ...]) -> dict:
    """The metadata of a weights file that states them."""
    return {COLOURS: json.dumps({"channels": channels, "mean": mean, "std": std})}


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Read the state_dict from a file of any format that `mt.load` reads.

    A checkpoint that stores it under a key of WRAPPERS is unwrapped, the first such key first, and
    entries other than tensors are dropped. The prefix "module." of PyTorch's data parallel training
    is removed; `load_weights`, which knows the model's names, removes others.

    Raises: FileNotFoundError; ValueError for a file of another kind, or one without a state_dict.
    """
    found = _unwrapped(load(path))
    tensors = isinstance(found, Mapping) and {
        name: value
        for name, value in found.items()
        if isinstance(name, str) and isinstance(value, Tensor)
    }
    if not tensors:
        raise ValueError(f"read_weights: {path} {_why_none(found)}")
    if all(name.startswith("module.") for name in tensors):
        tensors = {name.removeprefix("module."): value for name, value in tensors.items()}
    return tensors


def _unwrapped(found: Any) -> Any:
    """The innermost dict under keys of WRAPPERS, or under the only key with a dict of tensors."""
    while isinstance(found, Mapping):
        inner = [found[key] for key in WRAPPERS if isinstance(found.get(key), Mapping)]
        inner = [value for value in inner if value]
        if not inner and not any(isinstance(value, Tensor) for value in found.values()):
            inner = [v for v in found.values() if isinstance(v, Mapping) and _are_tensors(v)]
            inner = inner if len(inner) == 1 else []
        if not inner:
            break
        found = inner[0]
    return found


def _why_none(found: Any) -> str:
    """Why a file's content has no state_dict, in words."""
    items = found.items() if isinstance(found, Mapping) else ()
    several = [
        repr(key) for key, value in items if isinstance(value, Mapping) and _are_tensors(value)
    ]
    if several:
        return f"holds several models: {_some(several)}"
    whole = [
        f"{key!r} is a whole {value.name}" for key, value in items if isinstance(value, Opaque)
    ]
    what = f" ({whole[0]}: save its state_dict())" if whole else ""
    return f"holds no state_dict of a model{what}"


def _are_tensors(found: Mapping) -> bool:
    return bool(found) and all(isinstance(value, Tensor) for value in found.values())


def load_weights(model: Module, path: str | Path, new_classes: bool = False) -> list[str]:
    """Load the weights of a file into a model; returns the names of the weights left unchanged.

    Known differences in names are translated: see `weight_names`. Weights of auxiliary heads are
    ignored if the model has none, and heads that the file lacks stay unchanged. new_classes:
    whether the model may have other classes than the file: its classifier then stays unchanged.

    Raises: as `read_weights`; ValueError, with the model unchanged, for a file of another model.
    """
    own = model.state_dict()
    state = fitted(read_weights(path), own)
    heads = {name for name in state if name.startswith(HEADS)}
    if not any(name in own for name in heads):
        state = {name: value for name, value in state.items() if name not in heads}
    missing, unexpected, misshaped = difference(model, state)
    kept = [name for name in missing if name.startswith(HEADS)] if not heads else []
    others = [k for k in misshaped if state[k].shape[1:] == own[k].shape[1:]]
    if new_classes:
        kept += others
    missing, misshaped = ([k for k in names if k not in kept] for names in (missing, misshaped))
    shapes = [f"{k} {tuple(state[k].shape)} for {own[k].shape}" for k in misshaped]
    problems = {"lacks": missing, "has besides": unexpected, "has other shapes:": shapes}
    if any(problems.values()):
        parts = (f"it {what} {_some(names)}" for what, names in problems.items() if names)
        text, kind = ", and ".join(parts), type(model).__name__
        if misshaped and misshaped == others and not (missing or unexpected):
            count = state[misshaped[-1]].shape[0]
            text += f"; it is for {count} classes (num_classes={count})"
        raise ValueError(f"load_weights: {path} is not for this {kind}: {text}")
    lacking = {name: own[name] for name in own if name not in state}
    model.load_state_dict(state | lacking | {name: own[name] for name in kept})
    return kept


def _some(names: list[str]) -> str:
    rest = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")

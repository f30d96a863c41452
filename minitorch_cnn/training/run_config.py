"""The description of a run: model, data, recipe and everything derived; stored as config.json."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

from .. import functional as F
from ..models import Entry, model_entry
from ..models.net_file import NetFileError, NetSource
from ..models.registry import file_entry
from ..spelling import nearest_path
from .config_checks import check_folder, check_net, check_recipe, check_style
from .drawings import Style
from .recipes import Recipe

TEST_BATCH = 256
PIXELS_TEST_BATCH = 16


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """The description of a run: `make_config` returns it and `train_run` takes it.

    model, model_settings, path, test_path, size, start, weights, seed: as for `make_config`; data:
    the data set's name; recipe: how the model is trained; net: for a net in a file, its file and
    name.
    None until they are known: classes and channels of the data; parts, the contents of the training
    and the test part; style, the common style of the training images if they are drawings;
    first_weights, the SHA-256 of the initial weights; tuned, the name and the SHA-256 of the file
    of measured times by which convolutions were chosen (`mt.kernels.tune`), None without a file.
    """

    model: str
    model_settings: dict[str, Any]
    data: str
    path: str | None
    test_path: str | None = None
    size: int
    start: str | None
    weights: str | None = None
    seed: int
    recipe: Recipe
    net: NetSource | None = None
    classes: list[str] | None = None
    channels: int | None = None
    parts: dict[str, Any] | None = None
    style: Style | None = None
    first_weights: str | None = None
    tuned: dict[str, str] | None = None

    def to_json(self) -> str:
        """The text of config.json, without the path of a net's file."""
        content: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None or field.name in KINDS:
                content[field.name] = value
        content["recipe"] = asdict(self.recipe)
        if self.net is not None:
            content["net"] = self.net.described()
        if self.style is not None:
            content["style"] = self.style._asdict()
        return json.dumps(content, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, directory: Path | None = None) -> RunConfig:
        """Parse the description of a run; directory: the run's folder, which keeps a net's files.

        Raises: ValueError, TypeError or KeyError for text that does not describe a run.
        """
        content = json.loads(text)
        if not isinstance(content, dict):
            raise TypeError(f"{str(content)[:80]} is no description")
        check_kinds(content)
        content["recipe"] = Recipe(**content["recipe"])
        if "net" in content:
            content["net"] = NetSource(**content["net"], kept_in=directory)
        if "style" in content:
            content["style"] = Style(**content["style"])
        settings: dict[str, Any] = {field.name: content.get(field.name) for field in fields(cls)}
        return cls(**settings)

    def entry(self) -> Entry:
        """The model's entry: the registered one, or that of the net's file.

        Raises: KeyError for an unknown model; NetFileError for a file that has changed.
        """
        return model_entry(self.model) if self.net is None else file_entry(self.net.find())

    @property
    def of_pixels(self) -> bool:
        """Whether the model labels every pixel."""
        return self.net is None and model_entry(self.model).of_pixels

    @property
    def input_size(self) -> int | None:
        """The height and width of the model's input, None if any size is accepted."""
        return None if self.of_pixels else self.size

    @property
    def evaluation_batch(self) -> int:
        """The batch size for evaluation."""
        return PIXELS_TEST_BATCH if self.of_pixels else TEST_BATCH

    def loss(self) -> Callable:
        """The recipe's loss of logits and classes."""
        settings = {
            "label_smoothing": self.recipe.label_smoothing,
            "ignore_index": self.recipe.ignore_index,
        }
        loss = partial(F.cross_entropy, **settings)
        if not self.recipe.sum_of_pixels:
            return loss
        return lambda logits, masks: loss(logits, masks, reduction="sum") / len(masks)


# The required fields of config.json, and their types.
KINDS = {
    "model": str,
    "model_settings": dict,
    "data": str,
    "path": str | None,
    "size": int,
    "start": str | None,
    "seed": int,
    "recipe": dict,
}
# Optional fields: before the data are read there are no classes, and older files have no parts.
OTHERS = {
    "classes": list,
    "channels": int,
    "test_path": str | None,
    "weights": str | None,
    "first_weights": str,
    "tuned": dict,
    "parts": dict,
    "net": dict,
    "style": dict,
}


def check_kinds(content: dict[str, Any]) -> None:
    """Raises ValueError, TypeError or KeyError for content that does not describe a run."""
    for name, kind in {**KINDS, **{k: OTHERS[k] for k in OTHERS if k in content}}.items():
        if not isinstance(content[name], kind) or isinstance(content[name], bool):
            raise TypeError(f"{name}={content[name]!r} is of another kind")
    if content["data"] == "folder":
        check_folder(content)
    for name in ("size", "channels"):
        if content.get(name, 1) < 1:
            raise ValueError(f"{name}={content[name]} must be at least 1")
    names = content.get("classes", ["one"])
    if not names or not all(isinstance(name, str) for name in names):
        raise TypeError(f"classes={names!r} must be names")
    check_recipe(content["recipe"])
    if "net" in content:
        check_net(content["net"])
    else:
        model_entry(content["model"])
    if "style" in content:
        check_style(content["style"])


def read_config(directory: Path) -> RunConfig:
    """Read the config.json of a run's folder.

    Raises: FileNotFoundError or ValueError if there is none.
    """
    path = directory / "config.json"
    if not path.is_file():
        near = "" if directory.exists() else nearest_path(directory, "*/config.json")
        raise FileNotFoundError(f"load_run: {directory} holds no run: it has no config.json{near}")
    with described_in(path):
        text = path.read_text(encoding="utf-8-sig")  # some editors add a byte order mark
        config = RunConfig.from_json(text, directory.resolve())
        if config.classes is None or config.channels is None:
            raise KeyError("classes" if config.classes is None else "channels")
    return config


@contextmanager
def described_in(path: Path) -> Iterator[None]:
    """Attribute errors in the block to config.json.

    Raises: ValueError with the file's path.
    """
    try:
        yield
    except NetFileError:  # its message already names the fault in the net's file
        raise
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        reason = error.args[0] if isinstance(error, KeyError) and error.args else error
        raise ValueError(f"load_run: {path} is not the description of a run ({reason})") from error

"""Read the names of a model's classes from the usual file formats."""

from __future__ import annotations

import ast
import codecs
import json
import re
from pathlib import Path
from typing import Any

from ..spelling import nearest_path

LONGEST = 2**22  # bytes; ImageNet's 21,000 classes with all their names take 1 MB
SYNSET = re.compile(r"n\d{8}")  # WordNet's identifier of a noun
ASSIGNED = re.compile(r"\w+\s*=\s*(?=[\[{(])")  # an assignment in a Python file: names = {0: ...
# Byte order marks, which identify a file's encoding.
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def read_classes(path: str | Path) -> list[str]:
    """Read the class names from a text file, in the order of the class numbers.

    The text has one name per line, or is JSON or a Python literal: a list of names, or a dict from
    the numbers 0, 1, ... to a name or to a list that ends in the name. A WordNet identifier at the
    start of every line (n01440764 tench, Tinca tinca) is removed. Empty lines are skipped. The
    encoding is UTF-8, or UTF-16 or UTF-32 with a byte order mark.

    Raises: FileNotFoundError; ValueError for a file without names, with gaps in the numbers, in
    another encoding, or larger than 4 MiB.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"read_classes: there is no file {path}{nearest_path(path)}")
    if path.stat().st_size > LONGEST:
        raise ValueError(
            f"read_classes: {path} has {path.stat().st_size} bytes, too many for names"
        )
    found = _parsed(path, _text(path))
    if isinstance(found, dict):
        found = _in_order(path, found)
    if isinstance(found, list | tuple):
        found = [name[-1] if isinstance(name, list | tuple) and name else name for name in found]
    else:
        found = []
    names: list[Any] = found
    if not names or not all(isinstance(name, str) and name.strip() for name in names):
        raise ValueError(f"read_classes: {path} must hold the names of the classes")
    return [name.strip() for name in names]


def read_synsets(path: str | Path) -> list[str] | None:
    """Read the WordNet identifier of each class, or None unless every class has one.

    ImageNet's folders are named by these identifiers.

    Raises: ValueError for a file that is not text.
    """
    path = Path(path)
    text = _text(path)
    if text[:1] in ("[", "{", "("):
        found = _parsed(path, text)
        found = _in_order(path, found) if isinstance(found, dict) else found
        found = [name[0] if isinstance(name, list | tuple) and name else name for name in found]
    else:
        found = [line.strip() for line in text.splitlines() if line.strip()]
    numbers = [SYNSET.match(str(name)) for name in found]
    matched = [number[0] for number in numbers if number]
    return matched if len(matched) == len(numbers) else None


def _text(path: Path) -> str:
    content = path.read_bytes()
    encoding = next((MARKS[mark] for mark in MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"read_classes: {path} must be text in UTF-8; byte {error.start} is "
            f"{content[error.start]:#x}"
        ) from error
    if "\0" in text:
        raise ValueError(f"read_classes: {path} must be text; it has bytes of zero")
    text = text.strip()
    if text.lower().startswith(("<!doctype", "<html", "<?xml", "version https://git-lfs")):
        raise ValueError(
            f"read_classes: {path} is a web page or a pointer of git LFS, not the file itself"
        )
    assigned = ASSIGNED.match(text)
    return text[assigned.end() :] if assigned else text


def _parsed(path: Path, text: str) -> Any:
    """The list or dict that the text encodes, otherwise its lines."""
    if text[:1] in ("[", "{", "("):
        for parse in (_json, _python):
            try:
                return parse(text)
            except _TwiceError as error:
                raise ValueError(f"read_classes: {path} has the key {error} twice") from error
            except RecursionError as error:
                raise ValueError(f"read_classes: {path} is nested too deeply") from error
            except (ValueError, SyntaxError, MemoryError, TypeError):
                continue
        if text[0] != "(":  # a class name may start with a parenthesis
            raise ValueError(
                f"read_classes: {path} begins like JSON or a dict of Python and is neither"
            )
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if all(SYNSET.match(line) and line[9:].strip() for line in lines):
        return [re.split(r"[\s,:]+", line, maxsplit=1)[1] for line in lines]
    return lines


class _TwiceError(Exception):
    """A dict has the same key twice."""


def _json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_dict_of)


def _python(text: str) -> Any:
    """Evaluate a Python literal; nothing is executed."""
    tree = ast.parse(text, mode="eval")
    if isinstance(tree.body, ast.Dict):
        keys = [ast.literal_eval(key) for key in tree.body.keys if key is not None]
        _dict_of([(key, None) for key in keys])
    return ast.literal_eval(tree)


def _dict_of(pairs: list) -> dict:
    found = {}
    for key, value in pairs:
        if key in found:
            raise _TwiceError(repr(key))
        found[key] = value
    return found


def _in_order(path: Path, names: dict) -> list:
    """The values of the keys 0, 1, ..., given as integers or text."""
    numbers = {str(key): value for key, value in names.items()}
    wanted = [str(i) for i in range(len(names))]
    if len(numbers) < len(names) or not numbers.keys() >= set(wanted):
        raise ValueError(f'read_classes: the names in {path} must have the keys "0", "1", ...')
    return [numbers[number] for number in wanted]

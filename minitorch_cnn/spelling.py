"""Names that are not known: what to say of them, with the known one that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LIKENESS = 0.5  # of 1, from which on a name is near: the share of letters in the same order


def nearest(name: object, known: Iterable[object]) -> str:
    """The end of a complaint of a name: the nearest that is known, "" if none is near.

    >>> nearest("LeNet6", ["alexnet", "lenet5"])
    "; the nearest is 'lenet5'"
    """
    found = nearest_name(name, known)
    return "" if found is None else f"; the nearest is {found!r}"


def nearest_name(name: object, known: Iterable[object]) -> str | None:
    """The known name with most letters of another in the same order, whatever their case."""
    import difflib

    by_letters = {str(one).lower(): str(one) for one in reversed(list(known))}
    found = difflib.get_close_matches(str(name).lower(), by_letters, n=1, cutoff=LIKENESS)
    return by_letters[found[0]] if found else None


def one_of(name: object, known: Iterable[object]) -> str:
    """The rule that a name breaks which is none of those that are known, and the nearest of them.

    >>> "mode='tran' " + one_of("tran", ["train", "test"])
    "mode='tran' must be one of train, test; the nearest is 'train'"
    """
    names = [str(one) for one in known]
    return f"must be one of {', '.join(names)}{nearest(name, names)}"


def nearest_path(path: Path, pattern: str = "*") -> str:
    """The end of a complaint of a file or folder that is not there: the nearest beside it.

    pattern: of those that are meant, such as "*.py"; "*/config.json" are folders with such a file.
    One with another ending and another name before it is not meant, nor are hidden files.
    """
    try:
        beside = [found.relative_to(path.parent).parts[0] for found in path.parent.glob(pattern)]
    except OSError:  # a folder that cannot be read
        beside = []
    found = nearest_name(path.name, sorted(name for name in beside if _may_be_meant(name, path)))
    return "" if found is None else f"; the nearest is {str(path.with_name(found))!r}"


def _may_be_meant(name: str, path: Path) -> bool:
    stem, dot, ending = name.rpartition(".")
    alike = f".{ending}".lower() == path.suffix.lower() if dot else not path.suffix
    return name[0] != "." and (alike or stem.lower() == path.stem.lower())

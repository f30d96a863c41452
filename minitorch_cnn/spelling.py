"""Error texts for unknown names, with the nearest known name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LIKENESS = 0.5  # the least similarity of a near name: the fraction of letters in the same order


def nearest(name: object, known: Iterable[object]) -> str:
    """The end of an error about a name: the nearest known name, or "" if none is near.

    >>> nearest("LeNet6", ["alexnet", "lenet5"])
    "; the nearest is 'lenet5'"
    """
    found = nearest_name(name, known)
    return "" if found is None else f"; the nearest is {found!r}"


def nearest_name(name: object, known: Iterable[object]) -> str | None:
    """The known name that shares most letters with another in the same order, ignoring case."""
    import difflib

    by_letters = {str(one).lower(): str(one) for one in reversed(list(known))}
    found = difflib.get_close_matches(str(name).lower(), by_letters, n=1, cutoff=LIKENESS)
    return by_letters[found[0]] if found else None


def one_of(name: object, known: Iterable[object]) -> str:
    """The rule for a name that must be one of the known ones, and the nearest of them.

    >>> "mode='tran' " + one_of("tran", ["train", "test"])
    "mode='tran' must be one of train, test; the nearest is 'train'"
    """
    names = [str(one) for one in known]
    return f"must be one of {', '.join(names)}{nearest(name, names)}"


def nearest_path(path: Path, pattern: str = "*") -> str:
    """The end of an error about a missing file or folder: the nearest one beside it.

    pattern: of the candidates, such as "*.py"; "*/config.json" matches folders with such a file.
    Hidden files are no candidates, nor are files that differ in both stem and suffix.
    """
    try:
        beside = [found.relative_to(path.parent).parts[0] for found in path.parent.glob(pattern)]
    except OSError:  # an unreadable folder
        beside = []
    found = nearest_name(path.name, sorted(name for name in beside if _may_be_meant(name, path)))
    return "" if found is None else f"; the nearest is {str(path.with_name(found))!r}"


def _may_be_meant(name: str, path: Path) -> bool:
    stem, dot, ending = name.rpartition(".")
    alike = f".{ending}".lower() == path.suffix.lower() if dot else not path.suffix
    return name[0] != "." and (alike or stem.lower() == path.stem.lower())

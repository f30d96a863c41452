"""Match classes by name between two lists."""

from __future__ import annotations

from collections.abc import Sequence

from ..spelling import nearest_name

SHOWN = 3  # names in a message
LONGEST = 40  # characters of a name in a picture


def match_classes(
    caller: str, wanted: Sequence[str], known: Sequence[str], place: str
) -> list[int]:
    """Find the index in `known` of each name in `wanted`; `place` says where `known` comes from.

    Raises: ValueError in the name of the function `caller` for missing names (listing those that
    differ only in case or spaces, or else the nearest one) and for names that occur more than once
    in `known`.
    """
    index = {name: i for i, name in enumerate(known)}
    missing = [name for name in wanted if name not in index]
    if missing:
        raise ValueError(f"{caller}: {place} {_lacks(missing, list(index))}")
    several = [name for name in wanted if known.count(name) > 1]
    if several:
        raise ValueError(f"{caller}: {place} has {some(several)} several times")
    return [index[name] for name in wanted]


def difference(before: Sequence[str], now: Sequence[str]) -> str:
    """Describe how a list of classes changed: the names that were removed and added."""
    gone = [name for name in before if name not in now]
    new = [name for name in now if name not in before]
    parts = [f"{some(names)} {word}" for names, word in ((gone, "gone"), (new, "new")) if names]
    return " and ".join(parts) or "they are in another order"


def some(names: Sequence[str]) -> str:
    """The first few names and the number of the others."""
    rest = len(names) - SHOWN
    return ", ".join(map(repr, names[:SHOWN])) + (f" and {rest} more" if rest > 0 else "")


def printable(name: str) -> str:
    """A name on one line, with unprintable characters such as a line break escaped: \\n."""
    return "".join(ch if ch.isprintable() else ascii(ch)[1:-1] for ch in name)


def caption(name: str) -> str:
    """The same for a picture, with the middle of a long name elided."""
    name = printable(name)
    half = LONGEST // 2
    return name if len(name) <= LONGEST else f"{name[:half]}\u2026{name[-half:]}"


def _lacks(missing: list[str], known: list[str]) -> str:
    alike = {_plain(name): name for name in known}
    close = [(name, alike[_plain(name)]) for name in missing if _plain(name) in alike]
    text = f"has no class {some(missing)}"
    if close:
        pairs = ", ".join(f"{have!r} for {name!r}" for name, have in close[:SHOWN])
        return f"{text}; these differ only in case or spaces: {pairs}"
    near = nearest_name(missing[0], known)
    return text + ("" if near is None else f"; the nearest to {missing[0]!r} is {near!r}")


def _plain(name: str) -> str:
    return "".join(ch for ch in name.casefold() if not ch.isspace() and ch not in "_-")

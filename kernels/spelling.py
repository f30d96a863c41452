"""The nearest of the known names, for errors about unknown ones."""

from collections.abc import Iterable


def nearest(name: object, known: Iterable[str]) -> str:
    """The end of an error about a name: the nearest known name, or "" if none is near.

    >>> nearest("nmpy", ["loops", "numpy"])
    "; the nearest is 'numpy'"
    """
    import difflib

    found = difflib.get_close_matches(str(name).lower(), list(known), n=1, cutoff=0.5)
    return f"; the nearest is {found[0]!r}" if found else ""

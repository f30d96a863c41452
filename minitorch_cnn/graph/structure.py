"""How the tensors of arguments and results are nested in tuples, lists and dictionaries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ..tensor import Tensor


class Structure(NamedTuple):
    """A nesting of tensors.

    kind: the type of a collection, Tensor for a tensor's place, None for anything else, which is
    kept as `given`. parts: those of a collection; keys: of a dictionary.
    """

    kind: type | None
    parts: tuple[Structure, ...] = ()
    keys: tuple[Any, ...] = ()
    given: Any = None

    def count(self) -> int:
        """The number of tensors."""
        return 1 if self.kind is Tensor else sum(part.count() for part in self.parts)


def flatten(nested: Any) -> tuple[list[Tensor], Structure]:
    """The tensors of nested collections, in order, and how they were nested."""
    tensors: list[Tensor] = []
    return tensors, _structure(nested, tensors)


def _structure(nested: Any, tensors: list[Tensor]) -> Structure:
    if isinstance(nested, Tensor):
        tensors.append(nested)
        return Structure(Tensor)
    if isinstance(nested, dict):
        parts = tuple(_structure(part, tensors) for part in nested.values())
        return Structure(type(nested), parts, tuple(nested))
    if isinstance(nested, (list, tuple)):
        return Structure(type(nested), tuple(_structure(part, tensors) for part in nested))
    return Structure(None, given=nested)


def unflatten(structure: Structure, tensors: Sequence[Any]) -> Any:
    """The collections of a structure with other tensors in their places."""
    return _rebuilt(structure, iter(tensors))


def _rebuilt(structure: Structure, tensors: Iterator[Any]) -> Any:
    kind = structure.kind
    if kind is None:
        return structure.given
    if kind is Tensor:
        return next(tensors)
    parts = [_rebuilt(part, tensors) for part in structure.parts]
    if issubclass(kind, dict):
        rebuilt = dict(zip(structure.keys, parts, strict=True))
        return rebuilt if kind is dict else kind(rebuilt)
    if hasattr(kind, "_fields"):  # a NamedTuple
        return kind(*parts)
    return kind(parts)


def placed(structure: Structure, nested: Any, name: str) -> list[Tensor]:
    """The tensors of `nested` in the order of a structure.

    Raises: TypeError, in the name `name`, unless it is nested that way and all else is equal.
    """
    if structure.kind is Tensor and isinstance(nested, Tensor):
        return [nested]
    if structure.kind is None and (nested is structure.given or _equal(nested, structure.given)):
        return []
    if isinstance(nested, dict) and set(nested) == set(structure.keys):
        parts = [nested[key] for key in structure.keys]
    elif isinstance(nested, (list, tuple)) and not structure.keys:
        parts = list(nested)
    else:
        parts = None
    if structure.kind in (None, Tensor) or parts is None or len(parts) != len(structure.parts):
        raise TypeError(f"{name}: the arguments must be nested as they were when it was captured")
    pairs = zip(structure.parts, parts, strict=True)
    return [tensor for part, given in pairs for tensor in placed(part, given, name)]


def _equal(a: Any, b: Any) -> bool:
    return type(a) is type(b) and not isinstance(a, Tensor) and bool(a == b)

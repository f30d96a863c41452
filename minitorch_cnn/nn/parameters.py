"""Containers of parameters: a list and a dict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, KeysView, Mapping
from typing import Any

from ..tensor.tensor import Tensor
from .module import Module, indent
from .parameter import Parameter


def _kept(value: Any) -> Any:
    """A Tensor as a Parameter, other values unchanged."""
    return Parameter(value) if isinstance(value, Tensor) and not _is_parameter(value) else value


def _is_parameter(value: Any) -> bool:
    return isinstance(value, Parameter)


def _described(value: Any) -> str:
    if not isinstance(value, Tensor):
        return f"Object of type: {type(value).__name__}"
    kind = "Parameter" if _is_parameter(value) else "Tensor"
    return f"{kind} containing: [{value.dtype} of size {'x'.join(map(str, value.shape))}]"


class ParameterList(Module):
    """A list of parameters, registered under "0", "1", ...; it has no forward of its own.

    Tensors become Parameters. Other values are kept unchanged, outside the state dict.
    """

    def __init__(self, values: Iterable[Any] | None = None):
        super().__init__()
        self._size = 0
        self.extend(values or ())

    def append(self, value: Any) -> ParameterList:
        """Add a value at the end."""
        self._size += 1
        self[self._size - 1] = value
        return self

    def extend(self, values: Iterable[Any]) -> ParameterList:
        """Add values at the end."""
        for value in list(values):
            self.append(value)
        return self

    def __iadd__(self, values: Iterable[Any]) -> ParameterList:
        return self.extend(values)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return ParameterList([self[i] for i in range(self._size)[index]])
        return getattr(self, self._position(index))

    def __setitem__(self, index: int, value: Any) -> None:
        setattr(self, self._position(index), _kept(value))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(self._size))

    def _position(self, index: int) -> str:
        if not -self._size <= index < self._size:
            raise IndexError(
                f"ParameterList: index {index} is out of range for {self._size} values"
            )
        return str(index % self._size)

    def __repr__(self) -> str:
        lines = [f"({i}): {_described(value)}" for i, value in enumerate(self)]
        return f"ParameterList({_block(lines)})"


class ParameterDict(Module):
    """A dict of parameters, registered under its keys; it has no forward of its own.

    Tensors become Parameters. Other values are kept unchanged, outside the state dict.
    """

    def __init__(self, parameters: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None):
        super().__init__()
        self._keys: dict[str, None] = {}
        self.update(parameters or {})

    def update(self, parameters: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> None:
        """Add or replace values, from a mapping or from pairs of name and value."""
        pairs = parameters.items() if isinstance(parameters, ParameterDict) else parameters
        for name, value in dict(pairs).items():
            self[name] = value

    def __getitem__(self, name: str) -> Any:
        if name not in self._keys:
            raise KeyError(
                f"ParameterDict: no value {name!r} among {', '.join(self._keys) or 'none'}"
            )
        return getattr(self, name)

    def __setitem__(self, name: str, value: Any) -> None:
        if name not in self._keys:
            self._check_new("ParameterDict", name, self._keys)
        self._keys[name] = None
        setattr(self, name, _kept(value))

    def __delitem__(self, name: str) -> None:
        self[name]  # raises KeyError for an unknown name
        del self._keys[name]
        delattr(self, name)

    def pop(self, name: str) -> Any:
        """Remove a value and return it."""
        value = self[name]
        del self[name]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove the last value and return (name, value). Raises: KeyError for an empty dict."""
        if not self._keys:
            raise KeyError("ParameterDict.popitem: there are no values")
        name = next(reversed(self._keys))
        return name, self.pop(name)

    def setdefault(self, name: str, default: Any = None) -> Any:
        """The value of that name; if absent, store `default` and return it."""
        if name not in self._keys:
            self[name] = default
        return self[name]

    def copy(self) -> ParameterDict:
        """A dict of the same parameters."""
        return ParameterDict(dict(self.items()))

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A dict with `default` under every name."""
        return ParameterDict({name: default for name in keys})

    def __or__(self, other: Mapping[str, Any]) -> ParameterDict:
        return ParameterDict({**dict(self.items()), **dict(other.items())})

    def __ior__(self, other: Mapping[str, Any]) -> ParameterDict:
        self.update(dict(other.items()))
        return self

    def __reversed__(self) -> Iterator[str]:
        return reversed(list(self._keys))

    def get(self, name: str, default: Any = None) -> Any:
        """The value of that name, or `default`."""
        return self[name] if name in self._keys else default

    def clear(self) -> None:
        """Remove all values."""
        for name in list(self._keys):
            del self[name]

    def __contains__(self, name: str) -> bool:
        return name in self._keys

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._keys.keys()

    def values(self) -> Iterator[Any]:
        """The values."""
        return (self[name] for name in self._keys)

    def items(self) -> Iterator[tuple[str, Any]]:
        """Pairs of name and value."""
        return ((name, self[name]) for name in self._keys)

    def __repr__(self) -> str:
        lines = [f"({name}): {_described(value)}" for name, value in self.items()]
        return f"ParameterDict({_block(lines)})"


def _block(lines: list[str]) -> str:
    return f"\n{indent(lines)}\n" if lines else ""

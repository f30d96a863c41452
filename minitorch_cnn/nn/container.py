"""Containers: modules made of other modules, in order or by name."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import TYPE_CHECKING, Any, overload

from ..functional.geometry import is_int
from ..tensor.tensor import Tensor
from .fusion import in_order
from .module import Module, indent

if TYPE_CHECKING:
    from typing_extensions import Self  # typing has it from Python 3.11


class _Numbered(Module):
    """Children named "0", "1", ...: the sequence protocol of Sequential and ModuleList."""

    def _position(self, index: int) -> str:
        n = len(self)
        if not -n <= index < n:
            raise IndexError(
                f"{type(self).__name__}: index {index} is out of range for {n} modules"
            )
        return str(index % n)

    def _renumber(self, modules: Iterable[Module]) -> None:
        self.__dict__["_modules"] = {}
        for module in modules:
            self.append(module)

    def append(self, module: Module) -> Self:
        """Add a module at the end."""
        number = len(self)
        while str(number) in self._modules:  # a slice of a Sequential keeps its names
            number += 1
        self.register_module(str(number), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end."""
        for module in list(modules):  # a copy: `modules` may be this container
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Insert a module before position `index`, as list.insert does; later ones move up."""
        if not isinstance(module, Module):
            raise TypeError(
                f"{type(self).__name__}.insert: module must be a Module, "
                f"got {type(module).__name__}"
            )
        modules = list(self)
        modules.insert(index, module)
        self._renumber(modules)
        return self

    def pop(self, index: int = -1) -> Module:
        """Remove a module and return it; later ones move down."""
        module = list(self)[int(self._position(index))]
        del self[index]
        return module

    def __iadd__(self, other: Iterable[Module]) -> Self:
        return self.extend(other)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        children: Any = self._modules.values()  # none of them is None
        return iter(children)

    def __delitem__(self, index: int | slice) -> None:
        modules = list(self)
        if isinstance(index, slice):
            del modules[index]
        else:
            del modules[int(self._position(index))]
        self._renumber(modules)


class Sequential(_Numbered):
    """Modules called one after the other: the output of each is the input of the next.

    Sequential(a, b, c) names them "0", "1", "2"; Sequential({"conv": a, "act": b}) takes the keys
    as names. A slice is a Sequential of the same modules under the same names.

    A ReLU directly after a batch norm or a convolution, and a ReLU6 after a batch norm, are fused
    with it if the fusion cannot be observed; see fusion.py.
    """

    @overload
    def __init__(self, *modules: Module) -> None: ...
    @overload
    def __init__(self, modules: Mapping[str, Module], /) -> None: ...

    def __init__(self, *modules: Any):
        super().__init__()
        named = len(modules) == 1 and isinstance(modules[0], Mapping)
        pairs: Any = modules[0].items() if named else enumerate(modules)
        for name, module in pairs:
            self.register_module(str(name), module)

    def forward(self, input: Tensor) -> Tensor:
        return in_order(list(self), input)

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...

    def __getitem__(self, index: int | slice) -> Module:
        if isinstance(index, slice):
            named: Any = list(self._modules.items())[index]
            return Sequential(dict(named))
        return list(self)[int(self._position(index))]

    def __setitem__(self, index: int, module: Module) -> None:
        name = list(self._modules)[int(self._position(index))]
        self.register_module(name, module)

    def __add__(self, other: Sequential) -> Sequential:
        return Sequential(*self, *other) if isinstance(other, Sequential) else NotImplemented

    def __mul__(self, count: int) -> Sequential:
        """A Sequential that repeats the same modules `count` times."""
        return Sequential(*list(self) * count) if is_int(count) else NotImplemented

    __rmul__ = __mul__

    def __imul__(self, count: int) -> Sequential:
        """Repeat the same modules `count` times, in place."""
        return self.extend(list(self) * (count - 1)) if is_int(count) else NotImplemented


class ModuleList(_Numbered):
    """A list of modules, registered under "0", "1", ...; it has no forward of its own."""

    def __init__(self, modules: Iterable[Module] | None = None):
        super().__init__()
        self.extend(modules or ())

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> ModuleList: ...

    def __getitem__(self, index: int | slice) -> Module:
        if isinstance(index, slice):
            return ModuleList(list(self)[index])
        child: Any = self._modules[self._position(index)]
        return child

    def __setitem__(self, index: int, module: Module) -> None:
        self.register_module(self._position(index), module)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __repr__(self) -> str:
        runs: list[Any] = []  # [first, last, repr] of neighbours with equal reprs
        for i, module in enumerate(self):
            text = repr(module)
            if runs and runs[-1][2] == text:
                runs[-1][1] = i
            else:
                runs.append([i, i, text])
        if not runs:
            return "ModuleList()"
        lines = [
            f"({a}): {text}" if a == b else f"({a}-{b}): {b - a + 1} x {text}"
            for a, b, text in runs
        ]
        return f"ModuleList(\n{indent(lines)}\n)"


class ModuleDict(Module):
    """A dict of modules, registered under its keys; it has no forward of its own."""

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None):
        super().__init__()
        self.update(modules or {})

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add or replace modules, from a mapping or from pairs of name and module."""
        pairs = modules.items() if isinstance(modules, ModuleDict) else modules
        for name, module in dict(pairs).items():
            self.register_module(name, module)

    def pop(self, name: str) -> Module:
        """Remove a module and return it."""
        module = self[name]
        del self[name]
        return module

    def clear(self) -> None:
        """Remove all modules."""
        self._modules.clear()

    def __getitem__(self, name: str) -> Module:
        if name not in self._modules:
            raise KeyError(
                f"ModuleDict: no module {name!r} among {', '.join(self._modules) or 'none'}"
            )
        child: Any = self._modules[name]
        return child

    def __setitem__(self, name: str, module: Module) -> None:
        self.register_module(name, module)

    def __delitem__(self, name: str) -> None:
        self[name]  # raises KeyError for an unknown name
        del self._modules[name]

    def __contains__(self, name: str) -> bool:
        return name in self._modules

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._modules.keys()

    def values(self) -> ValuesView[Any]:
        """The modules."""
        return self._modules.values()

    def items(self) -> ItemsView[str, Any]:
        """Pairs of name and module."""
        return self._modules.items()

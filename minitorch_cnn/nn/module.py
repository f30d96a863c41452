"""Module: a tree of layers with parameters, buffers and children."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import update_wrapper
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ..autograd.grad import forget_grads
from ..tensor.tensor import Tensor
from .conversion import Convertible
from .hooks import Hooked
from .parameter import Buffer, Parameter
from .state import find_member, find_module, join
from .state_hooks import Stateful

if TYPE_CHECKING:
    from typing_extensions import Self  # typing has it from Python 3.11


class Module(Hooked, Stateful, Convertible):
    """The base of all layers and models.

    A subclass calls `super().__init__()` first, assigns Parameters, buffers and other Modules to
    attributes and defines `forward`. A module or parameter with two names is shared: it is listed
    once, under its first name, except in `state_dict`, which has every name.
    """

    training: bool
    optional_state: tuple[str, ...] = ()  # names that a loaded state dict may lack
    _shown: tuple[str, ...] = ()  # the settings that `extra_repr` lists

    def __init_subclass__(cls, **settings: Any):
        """Make Python's errors about wrong arguments name the class, not its private base."""
        super().__init_subclass__(**settings)
        init = cls.__init__
        if init.__qualname__.startswith("_") and not cls.__name__.startswith("_"):
            named: Any = FunctionType(
                init.__code__, init.__globals__, "__init__", init.__defaults__, init.__closure__
            )
            named.__kwdefaults__ = init.__kwdefaults__
            cls.__init__ = update_wrapper(named, init)
            del named.__wrapped__
            named.__qualname__ = f"{cls.__name__}.__init__"

    def __init__(self):
        # Bypass our __setattr__, which needs these tables.
        self._make_hook_tables()
        self._make_state_hook_tables()
        self.__dict__.update(
            training=True, _parameters={}, _buffers={}, _non_persistent=set(), _modules={}
        )

    def forward(self, *inputs: Any, **settings: Any) -> Any:
        """Compute the module's output."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward")

    # ------------------------------------------------------------------------------- registering

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter as attribute `name`; None stands for an absent one.

        Raises: KeyError for a name that is taken or invalid, TypeError unless it is a Parameter.
        """
        self._check_new("register_parameter", name, self._parameters)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"register_parameter: {name!r} must be a Parameter or None, "
                f"got {type(param).__name__}"
            )
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a Tensor that belongs to the state but is not trained, such as a running mean.

        A buffer with persistent=False moves with the module but stays out of `state_dict`.

        Raises: KeyError for a name that is taken or invalid, TypeError unless it is a Tensor.
        """
        self._check_new("register_buffer", name, self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"register_buffer: {name!r} must be a Tensor or None, got {type(tensor).__name__}"
            )
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent.discard(name)
        else:
            self._non_persistent.add(name)

    def register_module(self, name: str, module: Module | None) -> None:
        """Add a child as attribute `name`.

        Raises: KeyError for a name that is taken or invalid, TypeError unless it is a Module.
        """
        self._check_new("register_module", name, self._modules)
        if module is not None and not isinstance(module, Module):
            raise TypeError(
                f"register_module: {name!r} must be a Module or None, got {type(module).__name__}"
            )
        self._modules[name] = module

    add_module = register_module  # PyTorch's older name

    def _check_new(self, function: str, name: str, table: Mapping[str, Any]) -> None:
        if not isinstance(name, str):
            raise TypeError(f"{function}: a name must be a str, got {type(name).__name__}")
        if not name or "." in name:
            raise KeyError(f"{function}: name {name!r} must not be empty nor contain a dot")
        if name not in table and hasattr(self, name):
            raise KeyError(f"{function}: {type(self).__name__} already has an attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        if "_modules" not in self.__dict__:
            if isinstance(value, Tensor | Module):
                raise AttributeError(
                    f"{type(self).__name__}: call super().__init__() before assigning {name!r}"
                )
            return object.__setattr__(self, name, value)
        tables: Any = self._parameters, self._buffers, self._modules
        if isinstance(value, Parameter | Module):
            is_parameter = isinstance(value, Parameter)
            own = self._parameters if is_parameter else self._modules
            for table in (self.__dict__, *tables):
                if table is not own:
                    table.pop(name, None)
            register: Any = self.register_parameter if is_parameter else self.register_module
            return register(name, value)
        if isinstance(value, Buffer):
            for table in (self.__dict__, self._parameters, self._modules):
                table.pop(name, None)
            return self.register_buffer(name, value, value.persistent)
        for table, kind in zip(tables, (Parameter, Tensor, Module), strict=True):
            if name in table:
                if value is not None and not isinstance(value, kind):
                    raise TypeError(
                        f"{type(self).__name__}: {name!r} must be a {kind.__name__} or None, "
                        f"got {type(value).__name__}"
                    )
                table[name] = value
                return None
        return object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        for table in ("_parameters", "_buffers", "_modules"):
            found = self.__dict__.get(table, {})  # unpickling asks before the tables exist
            if name in found:
                return found[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._parameters, *self._buffers, *self._modules]

    def __delattr__(self, name: str) -> None:
        for table in (self._parameters, self._buffers, self._modules):
            if name in table:
                del table[name]
                return
        object.__delattr__(self, name)

    # ---------------------------------------------------------------------------------- listing

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and its descendants, parents first, with dotted names after `prefix`; each
        once if remove_duplicate. memo: modules to skip; visited ones are added."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, child in self._modules.items():
            if child is not None:
                yield from child.named_modules(memo, join(prefix, name), remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and its descendants, parents first, each once if remove_duplicate."""
        return (module for _, module in self.named_modules(remove_duplicate=remove_duplicate))

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly below, each once."""
        seen: set[int] = set()
        for name, child in self._modules.items():
            if child is not None and id(child) not in seen:
                seen.add(id(child))
                yield name, child

    def children(self) -> Iterator[Module]:
        """The modules directly below, each once."""
        return (child for _, child in self.named_children())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Dotted names and parameters; without `recurse`, of this module alone."""
        return self._members("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters of this module and its descendants."""
        return (param for _, param in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Dotted names and buffers, persistent or not; without `recurse`, of this module alone."""
        return self._members("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers of this module and its descendants."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def _members(
        self, table: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        modules = (
            self.named_modules(None, prefix, remove_duplicate) if recurse else [(prefix, self)]
        )
        seen: set[int] = set()
        for path, module in modules:
            for name, member in module.__dict__[table].items():
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(member))
                yield join(path, name), member

    # ------------------------------------------------------------------------------- by their names

    def get_submodule(self, target: str) -> Module:
        """The descendant of that dotted name, or this module for "".

        Raises: AttributeError for an unknown name.
        """
        return find_module(self, "get_submodule", target)

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Set the module of a dotted name; strict: only replace an existing one.

        Raises: ValueError for "" or a value that is not a Module, AttributeError for an unknown
        name.
        """
        if not target or not isinstance(module, Module):
            raise ValueError(
                f"set_submodule: target={target!r} must not be empty and module must be a Module, "
                f"got {type(module).__name__}"
            )
        path, _, name = target.rpartition(".")
        parent = find_module(self, "set_submodule", path)
        if name not in parent._modules and (strict or hasattr(parent, name)):
            raise AttributeError(
                f"set_submodule: target={target!r} is not the name of a module of "
                f"{type(self).__name__}"
            )
        parent.register_module(name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter of that dotted name. Raises: AttributeError for an unknown name."""
        return find_member(self, "get_parameter", target, "_parameters")

    def get_buffer(self, target: str) -> Tensor:
        """The buffer of that dotted name. Raises: AttributeError for an unknown name."""
        return find_member(self, "get_buffer", target, "_buffers")

    # ------------------------------------------------------------------------ changes to the tree

    def train(self, mode: bool = True) -> Self:
        """Set training mode, recursively: dropout drops, batch norm uses the batch.

        It calls each child's own `train`, which a subclass may override.

        Raises: ValueError for a mode that is not a bool.
        """
        if not isinstance(mode, bool):
            raise ValueError(f"train: mode={mode!r} must be True or False")
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self) -> Self:
        """Set evaluation mode, recursively."""
        return self.train(False)

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call `fn(module)` for every descendant, then for this module."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Freeze (False) or unfreeze every parameter."""
        for param in self.parameters():
            param.requires_grad = requires_grad
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set the gradient of every parameter to None, or existing ones to zeros."""
        forget_grads(self.parameters(), set_to_none)

    # ------------------------------------------------------------------------------------- repr

    def _get_name(self) -> str:
        """The name that `repr` begins with."""
        return type(self).__name__

    def extra_repr(self) -> str:
        """The settings that `repr` shows in parentheses."""
        shown = ((name, getattr(self, name)) for name in self._shown)
        return ", ".join(f"{k}={v!r}" if isinstance(v, str) else f"{k}={v}" for k, v in shown)

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.splitlines()
        if not self._modules and len(lines) < 2:
            return f"{self._get_name()}({extra})"
        lines += [f"({name}): {child!r}" for name, child in self._modules.items()]
        return f"{self._get_name()}(\n{indent(lines)}\n)"


def indent(lines: list[str]) -> str:
    """The texts, each of one or more lines, indented by two columns."""
    return "\n".join("  " + line.replace("\n", "\n  ") for line in lines)

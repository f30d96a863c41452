"""Module: a tree of layers that knows its parameters, its buffers and its children."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from .. import backend, devices
from ..autograd.grad import forget_grads
from ..tensor.tensor import Tensor
from .hooks import Hooked
from .parameter import Parameter
from .state import LoadResult, join, load_state


class Module(Hooked):
    """The base of all layers and models.

    A subclass calls `super().__init__()` first, assigns Parameters, buffers and other Modules to
    attributes and defines `forward`. A module or parameter reachable under two names is shared: it
    is listed once, under its first name, except in `state_dict`, which has every name.
    """

    training: bool
    optional_state: tuple[str, ...] = ()  # names of own state that a loaded dict may lack

    def __init__(self):
        # Past our own __setattr__, which looks into these tables.
        self._make_tables()
        self.__dict__.update(
            training=True, _parameters={}, _buffers={}, _non_persistent=set(), _modules={}
        )

    def forward(self, *inputs):
        """What the module computes."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward")

    # ------------------------------------------------------------------------------- registering

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter as attribute `name`; None stands for one that is switched off.

        Raises: KeyError for a name that is taken or no attribute name, TypeError for what is not a
        Parameter.
        """
        self._check_new("register_parameter", name, self._parameters)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"register_parameter: {name!r} must be a Parameter or None, "
                f"got {type(param).__name__}"
            )
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a Tensor that is state but not learned, such as a running mean.

        A buffer with persistent=False moves with the module but stays out of `state_dict`.

        Raises: KeyError for a name that is taken or no attribute name, TypeError for what is not a
        Tensor.
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

        Raises: KeyError for a name that is taken or no attribute name, TypeError for what is not a
        Module.
        """
        self._check_new("register_module", name, self._modules)
        if module is not None and not isinstance(module, Module):
            raise TypeError(
                f"register_module: {name!r} must be a Module or None, got {type(module).__name__}"
            )
        self._modules[name] = module

    def _check_new(self, function: str, name: str, table: dict) -> None:
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
        tables = self._parameters, self._buffers, self._modules
        if isinstance(value, Parameter | Module):
            own = self._parameters if isinstance(value, Parameter) else self._modules
            for table in (self.__dict__, *tables):
                if table is not own:
                    table.pop(name, None)
            register = self.register_parameter if own is self._parameters else self.register_module
            return register(name, value)
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

    def __delattr__(self, name: str) -> None:
        for table in (self._parameters, self._buffers, self._modules):
            if name in table:
                del table[name]
                return
        object.__delattr__(self, name)

    # ---------------------------------------------------------------------------------- listing

    def named_modules(
        self, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and all below it, parents first, with dotted names behind `prefix`."""
        return self._walk(prefix, set() if remove_duplicate else None)

    def _walk(self, prefix: str, seen: set[int] | None) -> Iterator[tuple[str, Module]]:
        if seen is not None:
            if id(self) in seen:
                return
            seen.add(id(self))
        yield prefix, self
        for name, child in self._modules.items():
            if child is not None:
                yield from child._walk(join(prefix, name), seen)

    def modules(self) -> Iterator[Module]:
        """This module and all below it, parents first."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly below, each once."""
        seen = {id(None)}
        for name, child in self._modules.items():
            if id(child) not in seen:
                seen.add(id(child))
                yield name, child

    def children(self) -> Iterator[Module]:
        """The modules directly below, each once."""
        return (child for _, child in self.named_children())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Dotted names and parameters, of this module alone if not `recurse`."""
        return self._members("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters of this module and of all below it."""
        return (param for _, param in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Dotted names and buffers, persistent or not, of this module alone if not `recurse`."""
        return self._members("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers of this module and of all below it."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def _members(self, table: str, prefix: str, recurse: bool, remove_duplicate: bool):
        modules = self.named_modules(prefix, remove_duplicate) if recurse else [(prefix, self)]
        seen = set()
        for path, module in modules:
            for name, member in module.__dict__[table].items():
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(member))
                yield join(path, name), member

    # ------------------------------------------------------------------------------------ state

    def state_dict(self, prefix: str = "") -> dict[str, Tensor]:
        """Parameters and persistent buffers under dotted names, detached; memory is shared."""
        state = {}
        for path, module in self.named_modules(prefix.removesuffix("."), remove_duplicate=False):
            persistent = {
                k: v for k, v in module._buffers.items() if k not in module._non_persistent
            }
            for name, member in {**module._parameters, **persistent}.items():
                if member is not None:
                    state[join(path, name)] = member.detach()
        return state

    def load_state_dict(self, state_dict: dict[str, Any], strict: bool = True) -> LoadResult:
        """Copy Tensors or arrays into the parameters and buffers of the same names.

        Dtypes are converted. Everything is checked before anything is copied. With strict=False,
        missing and unexpected names are allowed; a wrong shape never is. Returns (missing_keys,
        unexpected_keys).

        Raises: RuntimeError naming every missing, unexpected and mis-shaped key.
        """
        return load_state(self, state_dict, strict)

    # ------------------------------------------------------------------------ changes to the tree

    def train(self, mode: bool = True) -> Module:
        """Set training mode here and below: dropout drops, batch norm uses the batch."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        """Set evaluation mode here and below."""
        return self.train(False)

    def apply(self, fn: Callable[[Module], Any]) -> Module:
        """Call `fn(module)` for every module below and then for this one."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def to(self, *args, dtype=None, device=None) -> Module:
        """Move to a device, and convert floating-point parameters and buffers to a dtype.

        to(dtype), to(device), to(device, dtype) and to(tensor), as of tensors. Parameters stay the
        same objects, so that an optimizer made before goes on with them.

        Raises: TypeError for a dtype that is not floating-point.
        """
        for arg in args:
            if isinstance(arg, Tensor):
                dtype, device = arg.dtype, arg.device
            elif devices.names_device(arg):
                device = arg
            else:
                dtype = arg
        if dtype is not None and backend.check_dtype(dtype, "to").kind != "f":
            raise TypeError(f"to: dtype={dtype} must be a floating-point type for a module")
        for tensor in itertools.chain(self.parameters(), self.buffers()):
            wanted = dtype if tensor.is_floating_point() else None
            for t in (tensor, tensor.grad):
                if t is not None:
                    t.data = t.detach().to(dtype=wanted, device=device).data
        return self

    def cpu(self) -> Module:
        """Move to main memory."""
        return self.to(device="cpu")

    def cuda(self) -> Module:
        """Move to the GPU "cuda:0"."""
        return self.to(device="cuda")

    def float(self) -> Module:
        """Convert floating-point parameters and buffers to float32."""
        return self.to(dtype=backend.float32)

    def double(self) -> Module:
        """Convert floating-point parameters and buffers to float64."""
        return self.to(dtype=backend.float64)

    def requires_grad_(self, requires_grad: bool = True) -> Module:
        """Freeze (False) or unfreeze every parameter."""
        for param in self.parameters():
            param.requires_grad = requires_grad
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set the gradient of every parameter to None, or to zeros where there is one."""
        forget_grads(self.parameters(), set_to_none)

    # ------------------------------------------------------------------------------------- repr

    def extra_repr(self) -> str:
        """The settings that `repr` shows between the parentheses."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.splitlines()
        if not self._modules and len(lines) < 2:
            return f"{type(self).__name__}({extra})"
        lines += [f"({name}): {child!r}" for name, child in self._modules.items()]
        return f"{type(self).__name__}(\n{indent(lines)}\n)"


def indent(lines: list[str]) -> str:
    """The lines, some of which may be several, moved in by two columns."""
    return "\n".join("  " + line.replace("\n", "\n  ") for line in lines)

"""Recorder: collects the nodes of a graph while a model is captured, and names them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np

from ..tensor import Tensor
from .inference import LARGEST, infer_node
from .ir import Node, Value
from .places import Place, Places
from .standin import Standin, View

if TYPE_CHECKING:
    from ..nn import Module

BEYOND = 2**63 - 1  # an end of a Slice that takes all there is


class CaptureError(RuntimeError):
    """A model cannot be captured. The message names the module and the operation."""


class ModuleCall(NamedTuple):
    """A call of a module: its path, and the names of its input and output values.

    began, ended: the recorder's clock then. Nodes recorded in between belong to this call.
    """

    path: str
    module: Module
    inputs: list[str]
    outputs: list[str]
    began: int
    ended: int


class Recorder:
    """The nodes, values and calls of modules that a capture has recorded so far."""

    def __init__(
        self, model: Module, device: str, limit: int | None = None, name: str = "capture"
    ) -> None:
        self.device, self.limit, self.name = device, limit, name
        self.nodes: list[Node] = []
        self.values: dict[str, Value] = {}
        self.numbers: dict[str, Any] = {}
        self.constants: dict[str, Tensor] = {}
        self.calls: list[ModuleCall] = []
        self.frames: list[tuple[str, Module]] = []
        self.optional: set[str] = set()  # nodes that are dropped if nothing reads their outputs
        self.clock = 0  # counts nodes, and the beginnings and ends of modules
        self.places: dict[str, Place] = {}  # of each node: its time and its caller
        self.finder = Places()
        self.tell_places = False
        self._counts: Counter[str] = Counter()
        self._model = model
        self._paths = {id(module): name for name, module in model.named_modules()}
        self._named: dict[int, tuple[str, Tensor]] = {}
        for name, tensor in (*model.named_parameters(), *model.named_buffers()):
            self._named[id(tensor.array)] = name, tensor
        self._taken = {name for name, _ in self._named.values()}  # names of nodes and values

    # ------------------------------------------------------------------------------------ names

    @property
    def path(self) -> str:
        """The path of the module that is running."""
        return self.frames[-1][0] if self.frames else ""

    def path_of(self, module: Module) -> str:
        """The path of a module in the model.

        A module that is not part of the model gets the path of its caller and its own type's name.
        """
        known = self._paths.get(id(module))
        if known is not None:
            return known
        return ".".join(filter(None, (self.path, type(module).__name__)))

    def unique(self, name: str) -> str:
        """The name itself, or with a number if another node or value, or the model's, has it."""
        while True:
            number = self._counts[name]
            self._counts[name] += 1
            found = name if not number else f"{name}_{number}"
            if found not in self._taken:
                self._taken.add(found)
                return found

    def refuse(self, reason: str) -> NoReturn:
        """Raise CaptureError, naming the module that is running."""
        kind = type(self.frames[-1][1] if self.frames else self._model).__name__
        where = f"{self.path} ({kind})" if self.path else kind
        raise CaptureError(f"{self.name}: {where} {reason}")

    def origin(self, value: Value) -> str:
        """The words of an error message for a value: the node that computes it, or the input."""
        for node in reversed(self.nodes):
            if value.name in node.outputs:
                return f"what {node.operator} ({node.name}) makes"
        return f"the input {value.name!r}"

    # ----------------------------------------------------------------------------------- inputs

    def symbolic(self, x: object) -> bool:
        """Whether operations on x are recorded: it is a Standin, a parameter or a buffer."""
        array = x.array if isinstance(x, Tensor) else x
        return isinstance(array, Standin) or id(array) in self._named

    def use(self, x: Any, role: str = "constant") -> str:
        """The name of x as an input of a node, "" for None.

        Numbers and arrays are added to the graph's constants, under a name made from `role`.
        """
        if x is None:
            return ""
        if isinstance(x, str):
            return x
        array = x.array if isinstance(x, Tensor) else x
        if isinstance(array, Standin):
            return array.value.name
        named = self._named.get(id(array))
        if named is not None:
            name, tensor = named
        else:
            name = self.unique(f"{self.path}.{role}" if self.path else role)
            tensor = x if isinstance(x, Tensor) else Tensor(_array(array))
            if not isinstance(x, Tensor) and self.device != "cpu":
                tensor = tensor.to(self.device)
        if name not in self.values:
            self.constants[name] = tensor
            self.values[name] = Value(name, tensor.dtype, tensor.shape)
            if tensor.numel() <= LARGEST and tensor.ndim <= 1:
                self.numbers[name] = tensor.detach().cpu().array
        return name

    def input(self, name: str, like: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Add an input to the graph, and return the Tensor with which the model is called."""
        value = Value(self.unique(name), like.dtype, shape)
        self.values[value.name] = value
        return Tensor(Standin(self, value))

    # ------------------------------------------------------------------------------------ nodes

    def emit(self, operator: str, *inputs: Any, outputs: int = 1, **attributes: Any) -> Any:
        """Record a node. Returns its output as a Standin, or a tuple if there are several.

        A list among the inputs becomes a constant of int64: axes, or a shape.
        """
        name = self.unique(f"{self.path}/{operator}" if self.path else operator)
        names = [self.use(x, operator.lower()) for x in inputs]
        while names and not names[-1]:
            names.pop()
        made = tuple(name if i == 0 else f"{name}:{i}" for i in range(outputs))
        given = {k: v for k, v in attributes.items() if v is not None}
        node = Node(operator, tuple(names), made, given, name, self.path)
        try:
            infer_node(node, self.values, self.numbers)
        except ValueError as error:
            self.refuse(f"calls {operator} as a graph cannot hold it: {error}")
        self.nodes.append(node)
        if self.limit is not None and len(self.nodes) > self.limit:
            self.refuse("records more than before")
        self.clock += 1
        if self.tell_places:
            self.places[name] = self.finder.at(self.clock)
        found = tuple(Standin(self, self.values[output]) for output in made)
        return found[0] if outputs == 1 else found

    # -------------------------------------------------------- what the methods of Standin record

    def reshaped(self, x: Standin, shape: Any) -> Standin:
        """A view of x in another shape."""
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        if -1 in shape:
            known = 1
            for n in shape:
                known *= n if n != -1 else 1
            shape = tuple(x.size // max(known, 1) if n == -1 else n for n in shape)
        y = self.emit("Reshape", x, list(shape))
        back = x.shape
        y.view = View(
            x,
            lambda base: self.emit("Reshape", base, list(shape)),
            lambda base, new: self.emit("Reshape", new, list(back)),
        )
        return y

    def permuted(self, x: Standin, dims: Sequence[int]) -> Standin:
        """A view of x with its axes in another order."""
        dims = tuple(d % x.ndim for d in dims)
        y = self.emit("Transpose", x, perm=dims)
        back = tuple(int(i) for i in np.argsort(dims))
        y.view = View(
            x,
            lambda base: self.emit("Transpose", base, perm=dims),
            lambda base, new: self.emit("Transpose", new, perm=back),
        )
        return y

    def indexed(self, x: Standin, key: Any) -> Standin:
        from .indexing import indexed

        return indexed(self, x, key)

    def assigned(self, x: Standin, key: Any, new: Any) -> Standin:
        from .indexing import assigned

        return assigned(self, x, key, new)

    def cast(self, x: Any, dtype: Any) -> Standin:
        return x if x.dtype == dtype else self.emit("Cast", x, to=np.dtype(dtype))

    def ufunc(self, x: Standin, ufunc: Any, method: str, inputs: Any, settings: Any) -> Any:
        from .numpy_rules import of_ufunc

        return of_ufunc(self, ufunc, method, inputs, settings)

    def numpy_function(self, x: Standin, function: Any, args: Any, settings: Any) -> Any:
        from .numpy_rules import of_function

        return of_function(self, function, args, settings)


def _array(x: Any) -> np.ndarray:
    """Numbers as an array; integers in int64."""
    array = np.asarray(x)
    return array.astype(np.int64) if isinstance(x, (list, tuple)) else array

"""graphed: a step that a GPU repeats without Python, captured as a CUDA graph."""

from __future__ import annotations

import linecache
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import devices, random
from ..devices import DeviceLike
from ..kernels.cuda.graph import Graph, GraphError
from ..tensor import Tensor

PACKAGE = Path(__file__).resolve().parent.parent
OURS = (str(PACKAGE), str(PACKAGE.parent / "kernels"), str(Path(linecache.__file__).parent))


def graphed(
    step: Callable[..., Any], *, warmup: int = 3, device: DeviceLike | None = None
) -> Graphed:
    """Make a function that repeats step(*args) on a GPU without its Python.

        def step(x, y):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        step = mt.cuda.graphed(step)
        for x, y in batches:
            loss = step(x, y)

    The first `warmup` calls run as usual, on a stream of their own. The next one is captured: its
    Python runs once, while nothing is computed. It and all later calls are replays: the tensors of
    the arguments are copied into fixed buffers, and the GPU repeats its work on them. Results are
    Tensors without history, which the next call overwrites; `clone()` keeps them. As many calls
    give the same numbers as so many steps; on a GPU matrix products may differ in rounding.

    A replay reads from the device what changes between steps: the settings of SGD, Adam, AdamW,
    RMSprop and LARS (set them in `param_groups`, or by a scheduler), their counts of steps, the
    scale of a GradScaler, and the keys of the random numbers of dropout, drop_path and rrelu. All
    other numbers and decisions of the Python code are those of the captured call.

    device: where the step works, if no argument is a Tensor; "cuda" by default.

    Raises: RuntimeError for tensors that are not on a GPU (or on the emulator), for a step that
    reads numbers of the device (item(), bool(tensor), a mask as an index), draws random numbers on
    the host, copies a tensor from the CPU or takes an optimizer's first step, with the call and its
    place, and then nothing is captured; for parameters or state that were replaced after the
    capture. ValueError or TypeError for arguments unlike those of the captured call: another shape,
    dtype or number. `reset()` forgets the graph.
    """
    if not callable(step):
        raise TypeError(f"graphed: step must be a function, got {type(step).__name__}")
    if isinstance(warmup, bool) or not isinstance(warmup, int) or warmup < 0:
        raise ValueError(f"graphed: warmup={warmup!r} must be an integer of at least 0")
    return Graphed(step, warmup, device)


class Slot(NamedTuple):
    """The place of a tensor in arguments or results."""

    number: int


class Graphed:
    """A step and its graph; see `graphed`."""

    def __init__(self, step: Callable[..., Any], warmup: int, device: DeviceLike | None):
        self.step, self.warmup, self.device = step, warmup, device
        self.calls = 0
        self.reset()

    def reset(self) -> None:
        """Forget the graph and its memory: the next call captures again."""
        self.graph: Graph | None = None
        self.captured = False
        self.inputs: list[Tensor] = []
        self.form: Any = None
        self.finishing: list[Callable[[], None]] = []
        self.result: Any = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        tensors: list[Tensor] = []
        form = _form((args, kwargs), tensors)
        self._check_devices(tensors)
        if self.graph is None:
            self.graph = Graph(tensors[0].array if tensors else _on(self.device))
        if self.calls < self.warmup:
            self.calls += 1
            with self.graph.warming():
                return self.step(*args, **kwargs)
        if not self.captured:
            self._capture(form, tensors)
        elif form != self.form:
            raise TypeError(f"graphed: arguments {form} must be those of the captured call")
        self._copy(tensors)
        self.graph.replay()
        for finish in self.finishing:
            finish()
        return self.result

    def _check_devices(self, tensors: list[Tensor]) -> None:
        for number, x in enumerate(tensors):
            if x.device == "cpu" or x.device != tensors[0].device:
                raise RuntimeError(
                    f"graphed: tensor {number} of the arguments is on {x.device}; all must be on "
                    "one GPU: move them there with .to('cuda'), or to the emulator"
                )
            if x.requires_grad:
                raise RuntimeError(
                    f"graphed: tensor {number} of the arguments requires grad, which would stay in "
                    "the graph: pass detach()"
                )

    def _capture(self, form: Any, tensors: list[Tensor]) -> None:
        """Run the step once, capturing what it asks of the device."""
        assert self.graph is not None
        inputs = [Tensor(x.array.copy()) for x in tensors]
        args, kwargs = _filled(form, inputs)
        outputs: list[Tensor] = []

        def captured() -> Any:
            with random.drawing_from(_refuse_draw):
                found = _form(self.step(*args, **kwargs), outputs)
            return found

        with _naming_the_call():
            found = self.graph.capture(captured)
        state = self.graph.state
        assert state is not None
        state.checks += [step.check for step in state.steps]
        leaves = [(leaf, leaf.grad) for leaf, _ in state.leaves.values()]
        self.finishing = [partial(_give_back, leaves), *(step.done for step in state.steps)]
        self.inputs, self.form, self.captured = inputs, form, True
        self.result = _filled(found, [y.detach() for y in outputs])

    def _copy(self, tensors: list[Tensor]) -> None:
        for number, (mine, x) in enumerate(zip(self.inputs, tensors, strict=True)):
            for what in ("device", "dtype", "shape"):
                now, then = getattr(x, what), getattr(mine, what)
                if now != then:
                    raise ValueError(
                        f"graphed: tensor {number} of the arguments has {what} {now}, but {then} "
                        "when the step was captured; reset() captures anew"
                    )
        for mine, x in zip(self.inputs, tensors, strict=True):
            mine.array[...] = x.array


def _on(device: DeviceLike | None) -> Any:
    """An array on the device on which a step without tensors works."""
    place = devices.check_device("cuda" if device is None else device, "graphed")
    if place == "cpu":
        raise RuntimeError("graphed: device='cpu' has no graphs; GPUs and the emulator have")
    return devices.moved(np.zeros(1, np.float32), place, "graphed")


def _give_back(leaves: list[tuple[Tensor, Tensor | None]]) -> None:
    """After a replay: leaves have the gradients that it computed."""
    for leaf, grad in leaves:
        if leaf.grad is not grad:
            leaf.grad = grad


def _form(x: Any, tensors: list[Tensor]) -> Any:
    """x with Slots in the place of its tensors, which are appended to a list."""
    if isinstance(x, Tensor):
        tensors.append(x)
        return Slot(len(tensors) - 1)
    if isinstance(x, dict):
        return {key: _form(part, tensors) for key, part in x.items()}
    if isinstance(x, (list, tuple)):
        parts = [_form(part, tensors) for part in x]
        return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    return x


def _filled(form: Any, tensors: list[Tensor]) -> Any:
    """What `_form` took apart, with these tensors."""
    if isinstance(form, Slot):
        return tensors[form.number]
    if isinstance(form, dict):
        return {key: _filled(part, tensors) for key, part in form.items()}
    if isinstance(form, (list, tuple)):
        parts = [_filled(part, tensors) for part in form]
        return type(form)(*parts) if hasattr(form, "_fields") else type(form)(parts)
    return form


def _refuse_draw() -> Any:
    raise GraphError("a random number drawn on the host")


@contextmanager
def _naming_the_call() -> Iterator[None]:
    """Turn errors of capturing into a RuntimeError that names the call and its place."""
    try:
        yield
    except GraphError as error:
        raise RuntimeError(f"graphed: {error} cannot be captured{_place(error)}") from None
    except Exception as error:
        if str(error).startswith("graphed: "):
            raise
        of_cupy = type(error).__module__.partition(".")[0] in ("cupy", "cupy_backends")
        if of_cupy or "captur" in str(error):
            what = f"what CuPy refuses ({error})"
            raise RuntimeError(f"graphed: {what} cannot be captured{_place(error)}") from error
        raise


def _place(error: Exception) -> str:
    """Where in the user's code an error arose, as the end of a sentence."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [f for f in frames if not f.filename.startswith(OURS)]
    theirs = [f for f in theirs if "site-packages" not in f.filename]
    if not theirs:
        return ""
    last, number = theirs[-1], theirs[-1].lineno or 0
    line = linecache.getline(last.filename, number).strip()
    return f", in {Path(last.filename).name}:{number}" + (f": {line}" if line else "")

"""ONNX files in place of models: FILE.onnx."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .parser import CommandError, file_path

if TYPE_CHECKING:
    from ..graph import Graph, Value
    from ..training.file_notes import Note
    from ..training.trained import Trained

OPTIONS = ("resize", "crop", "mean", "std")  # of images; see foreign.py


def is_onnx(name: str) -> bool:
    """Whether a name is that of an ONNX file."""
    return name.lower().endswith(".onnx")


def load_onnx(name: str, options, colours: bool = True) -> Trained:
    """The model of an ONNX file, with what the options and the file say of its images.

    colours: whether images of colours come, whose normalisation must then be known.
    Raises: CommandError for a file that does not take a batch of images and give a Tensor, and for
    what neither the options nor the file say; ValueError for what is no ONNX file.
    """
    from ..graph.layers import Layers, OneByOne
    from ..onnx.loading import contents_of
    from ..training import read_classes
    from ..training.file_notes import note_in
    from ..training.trained import Trained

    for option in ("weights", "set"):
        if getattr(options, option, None) is not None:
            raise CommandError(f"--{option} does not go with {name}: the file has its own")
    path = file_path(name)
    contents = contents_of(path)
    note = note_in(contents.metadata)
    value = image_input(name, contents.graph)
    channels, size = sizes_of(name, value, note, options)
    transform = transform_of(name, channels, size, note, options, colours)
    graph = without_softmax(contents.graph.but(name=path.name))
    model: Any = Layers(graph).eval()
    shape = tried(name, model, (channels, *size))
    assert value.shape is not None  # image_input has seen four axes
    if isinstance(value.shape[0], int) and not takes_two(model, (channels, *size)):
        model = OneByOne(model).eval()
    given = getattr(options, "classes", None)
    names = note.classes if given is None else read_classes(given)
    if names is not None and len(names) != shape[1]:
        raise CommandError(
            f"{name} has {shape[1]} outputs, but there are names of {len(names)} classes"
        )
    return Trained(
        path.name,
        model,
        [f"class {i}" for i in range(shape[1])] if names is None else names,
        channels,
        transform,
        len(shape) == 4,
        note.style,
    )


def image_input(name: str, graph: Graph) -> Value:
    """The file's only input. Raises: CommandError unless it is a batch of images."""
    values = graph.inputs
    if len(values) != 1 or len(graph.outputs) != 1:
        raise CommandError(
            f"{name} has {len(values)} inputs and {len(graph.outputs)} outputs; commands run files "
            "with one of each"
        )
    (value,) = values
    shape = value.shape or ()
    if len(shape) != 4 or value.dtype is None or value.dtype.kind != "f":
        raise CommandError(
            f"{name} takes {value.dtype} {shape}; commands run files that take images, floats "
            "(N, channels, height, width)"
        )
    return value


def sizes_of(name: str, value: Any, note: Note, options) -> tuple[int, tuple[int, int]]:
    """Channels, and height and width, of the images. Raises: CommandError if nobody tells."""
    given = getattr(options, "input_shape", None)
    _, *sizes = value.shape
    crop = getattr(options, "crop", None)
    noted = None if note.transform is None else noted_size(note.transform)
    shape: Any = given or (None, *((crop, crop) if crop else noted or (None, None)))
    found = []
    for what, size, wanted in zip(("channels", "height", "width"), sizes, shape, strict=True):
        if isinstance(size, int) and wanted not in (None, size):
            raise CommandError(f"{name} takes images of {what} {size}, not {wanted}")
        if isinstance(size, int):
            found.append(size)
            continue
        if wanted is None:
            option = "--input-shape" if hasattr(options, "input_shape") else "--crop"
            raise CommandError(
                f"{name} does not say the {what} of its images"
                + (f": {option} says it" if what != "channels" or "input" in option else "")
            )
        found.append(int(wanted))
    return found[0], (found[1], found[2])


def noted_size(transform: Any) -> tuple[int, int] | None:
    """The size of the images that a noted transform makes."""
    import numpy as np

    from ..data.transforms import CenterCrop

    for count in (3, 1):
        if any(isinstance(step, CenterCrop) for step in transform.transforms):
            try:
                return transform(np.zeros((count, 8, 8), np.float32)).shape[1:]
            except ValueError:  # of the other number of channels
                continue
    return None


def transform_of(
    name: str, channels: int, size: tuple[int, int], note: Note, options, colours: bool
) -> Any:
    """The transform of an image (C, H, W) of any size to the input."""
    from ..data.transforms import CenterCrop, Compose, Normalize, Resize

    given = {key: getattr(options, key, None) for key in OPTIONS}
    if note.transform is not None and all(value is None for value in given.values()):
        return note.transform
    mean, std = given["mean"], given["std"]
    if colours and (mean is None or std is None):
        raise CommandError(
            f"{name} does not say how images are normalised: --mean and --std do (0 and 1 for "
            "values from 0 to 1)"
        )
    for option, values in (("mean", mean), ("std", std)):
        if values is not None and len(values) not in (1, channels):
            raise CommandError(f"--{option} needs 1 or {channels} numbers, got {len(values)}")
    side = max(size)
    short = given["resize"] or (round(side * 8 / 7) if side > 64 else side)
    if size[0] != size[1]:
        steps: list[Any] = [Resize(size)]
    else:
        steps = [Resize(max(short, side)), CenterCrop(side)]
    if mean is not None and std is not None:
        wide = [list(v) * (channels // len(v)) for v in (mean, std)]
        steps.append(Normalize(wide[0], wide[1]))
    return Compose(steps)


def without_softmax(graph: Graph) -> Graph:
    """The graph whose output are logits, if a softmax makes it."""
    from ..graph import infer

    (output,) = graph.outputs
    node = graph.producers().get(output.name)
    if node is None or node.operator != "Softmax":
        return graph
    kept = [other for other in graph.nodes if other is not node]
    logits = output._replace(name=node.inputs[0])
    return infer(graph.but(nodes=kept, outputs=[logits]))


def tried(name: str, model: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that the model gives for one image. Raises: CommandError if it gives no classes."""
    from ..autograd import no_grad
    from ..tensor import Tensor, zeros

    with no_grad():
        y = model(zeros(1, *shape))
    if not isinstance(y, Tensor) or y.ndim not in (2, 4):
        kind = y.shape if isinstance(y, Tensor) else type(y).__name__
        raise CommandError(f"{name} gives {kind} for an image; it must be (N, classes) or maps")
    return y.shape


def takes_two(model: Any, shape: tuple[int, ...]) -> bool:
    """Whether a model whose file says one image takes more of them as well."""
    from ..autograd import no_grad
    from ..tensor import zeros

    try:
        with no_grad():
            return model(zeros(2, *shape)).shape[0] == 2
    except (ValueError, RuntimeError):
        return False


def refuse_onnx(name: str, command: str) -> None:
    """Refuse a file where a model is built anew."""
    if is_onnx(name):
        raise CommandError(f"{command} builds a model anew and takes no ONNX file, such as {name}")

"""minitorch-cnn models: the names of the models, with their sizes."""

from __future__ import annotations

from ..spelling import nearest
from .parser import CommandError, Parser

DESCRIPTION = """\
List the models by name, with their parameters and the image sizes of their publication.

examples:
  minitorch-cnn models
  minitorch-cnn models 'lenet*'     quoted, so that the shell does not expand the pattern"""


def add_parser(commands) -> None:
    parser: Parser = commands.add_parser(
        "models", help="list the models by name", description=DESCRIPTION
    )
    parser.add_argument(
        "pattern", nargs="?", default="*", metavar="PATTERN", help="of names, such as 'lenet*'"
    )
    parser.set_defaults(run=run)


def run(options) -> None:
    from ..models import list_models, model_entry

    names = list_models(options.pattern)
    if not names:
        raise CommandError(
            f"no model matches {options.pattern!r}{nearest(options.pattern, list_models())}; "
            "minitorch-cnn models lists all of them"
        )
    entries = [model_entry(name) for name in names]
    head = ("model", "parameters", "images", "")
    lines: list[tuple[str, ...]] = [head]
    for entry in entries:
        size = "x".join(map(str, entry.input_shape or ("any",)))
        lines.append((entry.name, parameters(entry), size, first_sentence(entry.build.__doc__)))
    name_width, params_width, size_width = (max(len(line[i]) for line in lines) for i in range(3))
    for name, params, size, text in lines:
        row = f"{name:{name_width}}  {params:>{params_width}}  {size:{size_width}}  {text}"
        print(row.rstrip())


def parameters(entry) -> str:
    """The number of parameters; those of a user's net are counted, if it can be built."""
    from ..models import create_model

    if entry.params is not None:
        return f"{entry.params:,}"
    try:
        return f"{sum(p.numel() for p in create_model(entry.name).parameters()):,}"
    except Exception:  # errors of the user's net; it may need arguments
        return "?"


def first_sentence(doc: str | None) -> str:
    text = (doc or "").strip().split("\n")[0].split(". ")[0].removesuffix(".")
    return text and f"{text}."

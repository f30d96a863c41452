"""minitorch-cnn summary: what each layer of a model costs."""

from __future__ import annotations

from .parser import CommandError, Parser, image_shape, model_name

DESCRIPTION = """\
Print each layer's output, memory, parameters, operations and receptive field for one image.

examples:
  minitorch-cnn summary lenet5
  minitorch-cnn summary lenet5_relu --input-shape 3x32x32     for colour images
  minitorch-cnn summary vgg16 --format latex                  for a paper"""


def add_parser(commands) -> None:
    parser: Parser = commands.add_parser(
        "summary", help="what each layer of a model costs", description=DESCRIPTION
    )
    parser.add_argument(
        "model", type=model_name, metavar="MODEL", help="a name that minitorch-cnn models lists"
    )
    parser.add_argument(
        "--format",
        choices=("table", "markdown", "csv", "latex"),
        default="table",
        help="how to print it (table); csv has all layers and full numbers",
    )
    add_input_shape(parser)
    parser.set_defaults(run=run)


def add_input_shape(parser: Parser) -> None:
    parser.add_argument(
        "--input-shape",
        type=image_shape,
        metavar="CxHxW",
        help="channels, height and width of the image (those the model was published for)",
    )


def run(options) -> None:
    print(summary_of_model(options.model, options.input_shape).format(options.format))


def summary_of_model(name: str, shape: tuple[int, int, int] | None):
    """The summary of a registered model; CommandError if it cannot take images of that shape."""
    from ..analysis import summary_of
    from ..models import model_entry

    try:
        return summary_of(name, shape)
    except (ValueError, RuntimeError) as error:
        size = "x".join(map(str, shape or model_entry(name).input_shape))
        raise CommandError(f"{name} cannot take images of {size}: {error}") from error

"""minitorch-cnn summary: what each layer of a model costs."""

from __future__ import annotations

from .parser import CommandError, Parser, image_shape, model_name

DESCRIPTION = """\
Print each layer's output, parameters, multiply-adds and memory for one image.

examples:
  minitorch-cnn summary lenet5
  minitorch-cnn summary lenet5_relu --input-shape 3x32x32     for colour images"""


def add_parser(commands) -> None:
    parser: Parser = commands.add_parser(
        "summary", help="what each layer of a model costs", description=DESCRIPTION
    )
    parser.add_argument(
        "model", type=model_name, metavar="MODEL", help="a name that minitorch-cnn models lists"
    )
    parser.add_argument(
        "--input-shape",
        type=image_shape,
        metavar="CxHxW",
        help="channels, height and width of the image (those the model was published for)",
    )
    parser.set_defaults(run=run)


def run(options) -> None:
    from ..analysis import summary
    from ..models import create_model, model_entry
    from ..nn import shapes_only

    shape = options.input_shape or model_entry(options.model).input_shape
    with shapes_only():
        model = create_model(options.model, in_channels=shape[0])
    try:
        table = summary(model, shape)
    except (ValueError, RuntimeError) as error:
        size = "x".join(map(str, shape))
        raise CommandError(f"{options.model} cannot take images of {size}: {error}") from error
    print(table)

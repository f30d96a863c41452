"""minitorch-cnn compare: the costs of models side by side."""

from __future__ import annotations

from .onnx_files import is_onnx
from .parser import Parser, check_ending, new_file
from .summary import add_input_shape, model_or_onnx, onnx_model, summary_of_model

DESCRIPTION = """\
Print the costs of models for one image. --plot draws memory, parameters and operations by layer,
and the error of trained models against their operations.

examples:
  minitorch-cnn compare alexnet vgg16 googlenet
  minitorch-cnn compare alexnet vgg16 googlenet --plot costs.png"""


def add_parser(commands) -> None:
    parser: Parser = commands.add_parser(
        "compare", help="compare the costs of models", description=DESCRIPTION
    )
    parser.add_argument(
        "models",
        nargs="+",
        type=model_or_onnx,
        metavar="MODEL",
        help="names that minitorch-cnn models lists, FILE.py:NAME, or FILE.onnx",
    )
    parser.add_argument(
        "--plot",
        type=new_file,
        metavar="FILE",
        help="draw them into FILE, in the format of its suffix, such as .pdf; beside a .png "
        "of lines or bars an .svg is written",
    )
    add_input_shape(parser)
    parser.set_defaults(run=run)


def run(options) -> None:
    from ..analysis import compare, format_totals
    from ..figures import endings, save_figure

    if options.plot is not None:
        check_ending(options.plot, endings())
    models = list(dict.fromkeys(options.models))
    print(format_totals({name: summary_of_model(name, options) for name in models}))
    if options.plot:
        settings = dict(options.set or ())
        drawn = [onnx_model(name, options)[0] if is_onnx(name) else name for name in models]
        save_figure(compare(drawn, options.input_shape, **settings), options.plot)

"""minitorch-cnn: parse the command, run it, and report an error in one sentence."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence

from . import (
    analyse,
    compare,
    course,
    evaluate,
    explore,
    export,
    models,
    predict,
    ranks,
    search,
    summary,
    train,
)
from .parser import CommandError, Parser, sentence

DESCRIPTION = """\
Train convolutional networks and analyse them.

examples:
  minitorch-cnn train lenet5                    learn handwritten digits, in about a minute
  minitorch-cnn evaluate runs/lenet5-digits     its accuracy on held-out images
  minitorch-cnn predict runs/lenet5-digits photo.png
  minitorch-cnn export runs/lenet5-digits lenet5.onnx
  minitorch-cnn models                          the models to train
  minitorch-cnn summary lenet5                  the costs of each layer
  minitorch-cnn compare lenet5 lenet5_relu      the costs of models
  minitorch-cnn analyse lesions runs/lenet5-digits     its error without each layer
  minitorch-cnn explore runs/lenet5-digits      an interactive page of the network
  minitorch-cnn search --space layers           search for a good network
  minitorch-cnn course new my-course            notebooks to learn from

Each command has its own --help, for example: minitorch-cnn train --help"""

# The errors for bad input, a missing file, a full disk or memory, or a loss that is not finite.
# Other exceptions are bugs of this program; their traceback belongs into a bug report.
FORESEEN = (CommandError, ValueError, OSError, ImportError, RuntimeError, MemoryError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, by default with the process's arguments, and return its exit code.

    0: success; 2: an error that the user can correct, in one sentence on stderr; 130: Ctrl-C.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    with spelling_out():
        try:
            try:
                return run(arguments)
            finally:
                sys.stdout.flush()
        except BrokenPipeError:  # the reader of our output, such as `head`, has ended
            return 0
        except KeyboardInterrupt as interrupt:
            if ranks.is_first():
                tell(str(interrupt) or "interrupted")
            return 130
        except FORESEEN as error:
            return ranks.fail(2, tell, sentence(error))
        finally:
            for stream in (sys.stdout, sys.stderr):
                give_up_if_closed(stream)


def run(arguments: Sequence[str]) -> int:
    parser = command_parser()
    if not arguments:
        parser.print_help()
        return 0
    options = parser.parse_args(arguments)
    return options.run(options) or 0


def tell(text: str) -> None:
    """Print a sentence on stderr, if it is open."""
    with contextlib.suppress(OSError):
        print(f"minitorch-cnn: {text}", file=sys.stderr)


@contextlib.contextmanager
def spelling_out() -> Iterator[None]:
    """Make stdout and stderr escape characters that the console lacks, such as \\u732b.

    Streams that were closed before the program began discard their output.
    """
    before = {name: getattr(sys, name) for name in ("stdout", "stderr")}
    handlers = {}
    with contextlib.ExitStack() as stack:
        for name, stream in before.items():
            if stream is None:
                nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
                setattr(sys, name, nowhere)
            elif hasattr(stream, "reconfigure"):
                handlers[name] = stream.errors
                stream.reconfigure(errors="backslashreplace")
        try:
            yield
        finally:
            for name, stream in before.items():
                setattr(sys, name, stream)
            for name, handler in handlers.items():
                with contextlib.suppress(OSError, ValueError):
                    before[name].reconfigure(errors=handler)


def give_up_if_closed(stream) -> None:
    """Discard a stream's buffer if it cannot be written, so that Python does not complain."""
    try:
        stream.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def command_parser() -> Parser:
    """The parser of all commands; each sets `run`, a function of the options."""
    from .. import __version__

    parser = Parser(prog="minitorch-cnn", description=DESCRIPTION)
    version = f"minitorch-cnn {__version__}"
    parser.add_argument("--version", action="version", version=version, help="print the version")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    looks = (models, summary, compare, analyse, explore)
    for command in (train, evaluate, predict, export, *looks, search, course):
        command.add_parser(commands)
    return parser

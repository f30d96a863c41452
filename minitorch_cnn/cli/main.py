"""minitorch-cnn: read the command, run it, say in one sentence what went wrong."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence

from . import analyse, compare, evaluate, explore, models, predict, search, summary, train
from .parser import CommandError, Parser

DESCRIPTION = """\
Train convolutional networks and look at what they learned.

examples:
  minitorch-cnn train lenet5                    learn handwritten digits, in about a minute
  minitorch-cnn evaluate runs/lenet5-digits     the accuracy on images it has not learned from
  minitorch-cnn predict runs/lenet5-digits photo.png
  minitorch-cnn models                          what there is to train
  minitorch-cnn summary lenet5                  what each layer costs
  minitorch-cnn compare lenet5 lenet5_relu      what models cost, side by side
  minitorch-cnn analyse lesions runs/lenet5-digits     what it does without a layer
  minitorch-cnn explore runs/lenet5-digits      a page to click through a network
  minitorch-cnn search --space layers           look for a good network

Each command has a --help of its own, for example: minitorch-cnn train --help"""

# What the library raises for bad input, a missing file, a full disk or a loss that is not finite.
# Other exceptions are faults of this program, and their traceback is what a report of them needs.
FORESEEN = (CommandError, ValueError, OSError, ImportError, RuntimeError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; `arguments` are those of the process by default. -> its exit code.

    0: done; 2: something has to be put right, and one sentence on stderr says what; 130: Ctrl-C.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = command_parser()
    if not arguments:
        parser.print_help()
        return 0
    try:
        options = parser.parse_args(arguments)
        options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads our output, such as `head`, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt as interrupt:
        print(f"minitorch-cnn: {str(interrupt) or 'interrupted'}", file=sys.stderr)
        return 130
    except FORESEEN as error:
        print(f"minitorch-cnn: {sentence(error)}", file=sys.stderr)
        return 2
    return 0


def command_parser() -> Parser:
    """The parser of all commands; each sets `run`, the function that takes the options."""
    parser = Parser(prog="minitorch-cnn", description=DESCRIPTION)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (train, evaluate, predict, models, summary, compare, analyse, explore, search):
        command.add_parser(commands)
    return parser


def sentence(error: Exception) -> str:
    """The message of an error on one line, without the name of the function that raised it."""
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    elif isinstance(error, CommandError):
        text = str(error)
    else:
        text = re.sub(r"^\w+: ", "", str(error))
    return " ".join(text.split()) or type(error).__name__

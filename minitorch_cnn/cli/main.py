"""minitorch-cnn: read the command, run it, say in one sentence what went wrong."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence

from . import analyse, compare, course, evaluate, explore, models, predict, search, summary, train
from .parser import CommandError, Parser, sentence

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
  minitorch-cnn course my-course                notebooks to learn from

Each command has a --help of its own, for example: minitorch-cnn train --help"""

# What the library raises for bad input, a missing file, a full disk or memory, or a loss that is
# not finite.
# Other exceptions are faults of this program, and their traceback is what a report of them needs.
FORESEEN = (CommandError, ValueError, OSError, ImportError, RuntimeError, MemoryError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; `arguments` are those of the process by default. -> its exit code.

    0: done; 2: something has to be put right, and one sentence on stderr says what; 130: Ctrl-C.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    with spelling_out():
        try:
            try:
                return run(arguments)
            finally:
                sys.stdout.flush()
        except BrokenPipeError:  # whoever reads our output, such as `head`, has had enough
            return 0
        except KeyboardInterrupt as interrupt:
            tell(str(interrupt) or "interrupted")
            return 130
        except FORESEEN as error:
            tell(sentence(error))
            return 2
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
    """A sentence on stderr, if anybody reads it."""
    with contextlib.suppress(OSError):
        print(f"minitorch-cnn: {text}", file=sys.stderr)


@contextlib.contextmanager
def spelling_out() -> Iterator[None]:
    """Let stdout and stderr write the numbers of letters that the console lacks, as \\u732b.

    Streams that were closed before the program began take what is written, to nowhere.
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
    """Let what a stream still holds go nowhere if it cannot be written, or Python says so again."""
    try:
        stream.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def command_parser() -> Parser:
    """The parser of all commands; each sets `run`, the function that takes the options."""
    from .. import __version__

    parser = Parser(prog="minitorch-cnn", description=DESCRIPTION)
    version = f"minitorch-cnn {__version__}"
    parser.add_argument("--version", action="version", version=version, help="say which this is")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    looks = (models, summary, compare, analyse, explore)
    for command in (train, evaluate, predict, *looks, search, course):
        command.add_parser(commands)
    return parser

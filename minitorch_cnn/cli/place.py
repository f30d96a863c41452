"""The folder of a run or a search: its creation, its contents, and how to resume."""

from __future__ import annotations

import contextlib
import itertools
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from .parser import CommandError


@contextlib.contextmanager
def own_folder(given: Path | None, usual: str, what: str, mark: str) -> Iterator[Path]:
    """The given folder, which must be new or empty, or else a new one for the block.

    The new one is runs/`usual`, or the first free one of runs/`usual`-2, -3, ...; it is removed if
    the block fails before it writes anything. what: "run" or "search"; mark: the file that
    identifies one, which a killed process may have left incomplete.
    """
    if given is not None:
        refuse_taken(given, what, mark)
        yield given
        return
    first = Path("runs", usual)
    others = (first.with_name(f"{usual}-{i}") for i in itertools.count(2))
    with contextlib.ExitStack() as stack:
        yield next(path for path in itertools.chain([first], others) if is_ours(path, stack))


def is_ours(path: Path, stack: contextlib.ExitStack) -> bool:
    """Create the folder; return whether this process, and no other, created it."""
    from ..training.lock import making

    try:
        stack.enter_context(making(path, fresh=True))
    except FileExistsError:
        return False
    return True


def refuse_taken(directory: Path, what: str, mark: str) -> None:
    left = {"lock", f"{mark}.tmp"}
    if directory.exists() and (
        not directory.is_dir() or any(path.name not in left for path in directory.iterdir())
    ):
        kept = (directory / mark).is_file()
        resume = f"; resume its {what} with --resume {shlex.quote(str(directory))}" if kept else ""
        raise CommandError(f"--out {directory} must be a new or empty folder{resume}")


def refuse_with_resume(options, what: str, names: Sequence[str]) -> None:
    """Refuse settings with --resume: a resumed run must end as if it had never stopped."""
    for name in names:
        if getattr(options, name) is not None:
            word = "MODEL" if name == "model" else "--" + name.replace("_", "-")
            raise CommandError(
                f"{word} cannot be given with --resume: the {what} keeps its own settings"
            )


@contextlib.contextmanager
def stoppable(directory: Path, command: str, what: str, mark: str) -> Iterator[None]:
    """Make Ctrl-C end in a sentence that says how to resume the run or search, if it began."""
    try:
        yield
    except KeyboardInterrupt:
        go_on = f"minitorch-cnn {command} --resume {shlex.quote(str(directory))}"
        begun = (directory / mark).is_file()
        said = f"stopped; resume the {what} with: {go_on}"
        raise KeyboardInterrupt(said if begun else f"stopped before the {what} began") from None


def list_files(directory: Path, texts: dict[str, str]) -> None:
    """List the existing files of a folder, with their descriptions."""
    print(f"In {directory}")
    for name, text in texts.items():
        if (directory / name).exists():
            print(f"  {name:22}  {text}")

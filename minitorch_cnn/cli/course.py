"""minitorch-cnn course: copy the notebooks."""

from __future__ import annotations

import importlib.util

from .parser import Parser, file_path

DESCRIPTION = """\
Copy the fourteen notebooks of the course into a folder. Each asks for a guess and for a few
functions, checks them, and shows their consequences.

examples:
  minitorch-cnn course my-course
  minitorch-cnn course my-course --solutions      also the solutions, in my-course/solutions"""


def add_parser(commands) -> None:
    parser: Parser = commands.add_parser(
        "course", help="copy the notebooks of the course", description=DESCRIPTION
    )
    parser.add_argument(
        "folder",
        type=file_path,
        metavar="FOLDER",
        help="where to copy them; existing files are never overwritten",
    )
    parser.add_argument(
        "--solutions",
        action="store_true",
        help="also copy the solved notebooks, into FOLDER/solutions",
    )
    parser.set_defaults(run=run)


def run(options) -> None:
    from ..course.copying import copy_notebooks, folder_of_notebooks

    copies = copy_notebooks(options.folder, options.solutions)
    exercises = sorted(path for path in copies if path.parent == options.folder)
    print(f"{options.folder}: {len(exercises)} notebooks; begin with {exercises[0].name}")
    if options.solutions:
        print(f"{options.folder / 'solutions'}: the solved notebooks")
    else:
        print(f"The solved notebooks are in {folder_of_notebooks() / 'solutions'}")
    if importlib.util.find_spec("jupyterlab") is None:
        print('JupyterLab is not installed: pip install "minitorch_cnn[notebooks]"')
    folder = str(options.folder)
    print(f"jupyter lab {folder!r}" if " " in folder else f"jupyter lab {folder}")

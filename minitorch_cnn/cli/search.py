"""minitorch-cnn search: search for networks, or resume a stopped search."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

from ..spelling import one_of
from . import ranks
from .parser import (
    CommandError,
    Parser,
    file_path,
    number,
    parse_data,
    progress_of,
    setting,
)
from .place import list_files, own_folder, refuse_with_resume, stoppable
from .sharing import search_and_report

DESCRIPTION = """\
Search for networks: a method proposes them, each is trained briefly, its accuracy on images held
out from the training data is the reward, and the method proposes better ones. The folder of the
search keeps all samples, the best network, and the state for --resume.

spaces (with settings for --space-set):
  cells      the two cells of a NASNet   nodes=5 operations=[...] cells=1 filters=8
  layers     convolutions in a row       layers=4 heights=[1,3,5,7] widths=[1,3,5,7]
                                         filters=[24,36,48,64] strides=[1,2,3]
  genetic    the bits of Genetic CNN     nodes=[3,4,5] filters=[8,16,32] units=64

methods (with settings for --method-set):
  reinforce  an LSTM by REINFORCE        batch=10 lr=0.01 entropy=0.01 decay=0.9 hidden_size=64
  random     uniform samples             batch=10
  evolution  a genetic algorithm         population=20 crossover=0.2 exchange=0.2 mutation=0.8
                                         change=0.05

examples:
  minitorch-cnn search --space layers --budget 100 --space-set layers=2 filters=[4,8]
  minitorch-cnn search --space genetic --method evolution --budget 100 --workers 2
  minitorch-cnn search --space cells --budget 50 --data shapes --images 500 --space-set nodes=3
  minitorch-cnn search --space layers --budget 100 --target-macs 100000    a cheap network
  minitorch-cnn search --space layers --share 20     one set of weights for all networks
  minitorch-cnn search --resume runs/search-cells    resume that search

On a cluster, MPI's processes train the networks; the first one controls them:
  mpiexec -n 3 minitorch-cnn search --space layers --budget 100"""

USAGE = """\
minitorch-cnn search [--space NAME] [--method NAME] [--budget N] [settings] [--out DIR]
       minitorch-cnn search --resume DIR [--workers N] [--plain]"""

FILES = {
    "best.json": "the best architecture",
    "best.py": "the best architecture as a net in a file",
    "log.jsonl": "one line per sample",
    "rewards.png": "the rewards over the search",
    "rewards.svg": "the same, without pixels",
    "pareto.png": "accuracy against multiply-adds",
    "pareto.svg": "the same",
    "normal.svg": "the best normal cell",
    "reduction.svg": "the best reduction cell",
    "plan.json": "the settings",
    "state.safetensors": "the state for --resume",
}
# The settings of a search, which --resume does not accept.
SETTINGS = (
    *("space", "method", "budget", "space_set", "method_set", "seed", "data", "size", "images"),
    *("target_macs", "power", "share"),
    *("epochs", "batch_size", "lr", "timeout", "out"),
)
SMALL_IMAGES = {"digits": 8}  # image sizes other than 32


def add_parser(commands) -> None:
    parser: Parser = commands.add_parser(
        "search", help="search for good networks, or resume a search", description=DESCRIPTION
    )
    parser.usage = USAGE
    search = parser.add_argument_group("the search")
    search.add_argument("--space", metavar="NAME", help="cells, layers or genetic (cells)")
    search.add_argument(
        "--method", metavar="NAME", help="reinforce, random or evolution (reinforce)"
    )
    search.add_argument(
        "--budget", type=number(int, 1), metavar="N", help="number of sampled networks (200)"
    )
    for what in ("space", "method"):
        search.add_argument(
            f"--{what}-set",
            nargs="+",
            type=setting,
            metavar="NAME=VALUE",
            help=f"settings of the {what}, see above",
        )
    search.add_argument(
        "--target-macs",
        type=number(int, 1),
        metavar="T",
        help="reward accuracy * (multiply-adds / T)^w instead of accuracy",
    )
    search.add_argument(
        "--power",
        type=number(float, -10),
        metavar="W",
        help="with --target-macs: w, at most 0 (-0.07, as MnasNet)",
    )
    search.add_argument(
        "--share",
        type=number(int, 1),
        metavar="ROUNDS",
        help="share one set of weights among all networks (ENAS), for so many rounds of training "
        "it and of reinforce; only the best network is trained alone",
    )
    search.add_argument(
        "--seed", type=number(int, 0), metavar="N", help="seed of the method and of training (0)"
    )
    children = parser.add_argument_group("training of each network")
    children.add_argument(
        "--data",
        nargs="+",
        metavar=("NAME", "PATH"),
        help="digits (the default) and shapes need no files; mnist, fashion-mnist, kmnist, emnist-"
        "balanced (or another split), cifar10, cifar100, cifar100-coarse and "
        "folder need the PATH to them",
    )
    children.add_argument(
        "--size", type=number(int, 1), metavar="N", help="image size (8 for digits, else 32)"
    )
    children.add_argument(
        "--images", type=number(int, 5), metavar="N", help="number of images, a fifth held out"
    )
    children.add_argument(
        "--epochs", type=number(int, 1), metavar="N", help="passes over the images (2)"
    )
    children.add_argument(
        "--batch-size", type=number(int, 1), metavar="N", help="images per step (32)"
    )
    children.add_argument(
        "--lr", type=number(float, 0, above=True), metavar="RATE", help="the highest rate (0.05)"
    )
    children.add_argument(
        "--timeout",
        type=number(float, 0, above=True),
        metavar="SECONDS",
        help="time limit of one network (600)",
    )
    place = parser.add_argument_group("the run")
    place.add_argument(
        "--workers", type=number(int, 1), metavar="N", help="parallel trainings (all cores)"
    )
    place.add_argument(
        "--out",
        type=file_path,
        metavar="DIR",
        help="its folder, new or empty (runs/search-SPACE, numbered if it exists)",
    )
    place.add_argument(
        "--resume",
        type=file_path,
        metavar="DIR",
        help="resume the stopped search in this folder",
    )
    place.add_argument(
        "--plain",
        action="store_true",
        help="print a line per round instead of a bar",
    )
    parser.set_defaults(run=run)


def run(options) -> None:
    with pool_of_ranks() as pool:
        if not ranks.is_first():
            return  # it has trained networks until the search ended
        run_first(options, pool)


def run_first(options, pool: tuple[Callable | None, int | None]) -> None:
    """Search with the processes of a pool, or (None, None) for local ones."""
    from ..nas import read_plan

    if options.resume is not None:
        refuse_with_resume(options, "search", SETTINGS)
        plan, place = read_plan(options.resume), nullcontext(options.resume)
    else:
        plan = make_plan(options)
        if options.share is not None:
            search_and_report(plan, options)
            return
        usual = f"search-{plan.space_name}"
        place = own_folder(options.out, usual, "search", "plan.json")
    with place as directory:
        search(plan, directory, options, pool)


def search(plan, directory: Path, options, pool: tuple[Callable | None, int | None]) -> None:
    """Begin a search in its folder, or resume the one there."""
    from ..nas import resume_search, run_search

    executor, others = pool
    workers = min(options.workers or others, others) if others else options.workers
    settings = {"workers": workers, "executor": executor}
    settings |= {"progress": progress_of(options), "on_start": partial(announce, directory)}
    with stoppable(directory, "search", "search", "plan.json"):
        if options.resume is None:
            samples = run_search(plan, directory, **settings)
        else:
            samples = resume_search(directory, **settings)
    report(plan, samples, directory)


def announce(directory: Path, plan) -> None:
    """Print the space, the data and the folder of the search."""
    print(
        f"Searching {plan.space_name} by {plan.method} on {plan.training.data}: "
        f"{plan.budget} samples, seed {plan.seed}\nThe folder of the search: {directory}",
        flush=True,
    )


def make_plan(options):
    """The plan from the given options and the defaults."""
    from ..nas import METHODS, SPACES, Plan, Training
    from ..nas.spaces import make_space

    if options.share is not None:
        if options.method not in (None, "reinforce"):
            raise CommandError(f"--share needs --method reinforce, not {options.method}")
        for name in ("budget", "target_macs", "power"):
            if getattr(options, name) is not None:
                raise CommandError(f"--{name.replace('_', '-')} has no meaning with --share")
    for name, known in (("space", SPACES), ("method", METHODS)):
        value = getattr(options, name)
        if value is not None and value not in known:
            raise CommandError(f"--{name} {value} {one_of(value, known)}")
    data, path = parse_data(options.data)
    training = given(options, "images", "epochs", "batch_size", "lr", "seed")
    training["size"] = options.size or SMALL_IMAGES.get(data, 32)
    made = make_space(options.space or "cells", dict(options.space_set or ()))
    return Plan(
        made,
        training=Training(data=data, path=path, **training),
        settings=dict(options.method_set or ()),
        **given(options, "method", "budget", "seed", "timeout", "target_macs", "power"),
    )


def given(options, *names: str) -> dict:
    """The given options."""
    values = {name: getattr(options, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


@contextmanager
def pool_of_ranks() -> Iterator[tuple[Callable | None, int | None]]:
    """A factory of the pool of MPI's other processes and their number, (None, None) without MPI.

    In the other processes the block runs when the first one has left its own.
    """
    if ranks.count() == 1:
        yield None, None
        return
    from mpi4py import MPI
    from mpi4py.futures import MPICommExecutor
    from threadpoolctl import threadpool_limits

    if not ranks.is_first():
        threadpool_limits(1)  # each network is trained in one thread
    with MPICommExecutor(MPI.COMM_WORLD) as pool:
        yield (lambda: pool), ranks.count() - 1


def report(plan, samples, directory: Path) -> None:
    """Print the best network and how to train it, and draw the figures."""
    from ..nas import best
    from ..nas.plots import plot_pareto, plot_rewards

    try:
        plot_rewards(samples, directory / "rewards.png")
        plot_pareto(samples, directory / "pareto.png")
    except ImportError as error:
        print(f"search: no figures were drawn: {error}", file=sys.stderr)
    found = best(samples, plan.value)
    failed = sum(sample.score.failed is not None for sample in samples)
    trained = sum(not sample.known for sample in samples)
    print(f"\n{len(samples)} samples, {trained} networks trained, {failed} samples failed")
    print(
        f"The best: {found.score.reward:.2%} of held-out images, {found.score.params:,} "
        f"parameters, {found.score.macs:,} multiply-adds"
    )
    draw_cells(plan, found.architecture, directory)
    train = how_to_train(plan, found.architecture, directory)
    list_files(directory, FILES)
    print(f"To train it:\n  {train}")


def draw_cells(plan, architecture, directory: Path) -> None:
    """Draw the two cells of the best network, if it has cells."""
    from ..analysis import cell_drawing
    from ..models import Genotype

    if plan.space_name == "cells":
        genotype = Genotype.from_dict(architecture)
        for kind in ("normal", "reduction"):
            cell_drawing(getattr(genotype, kind)).save(directory / f"{kind}.svg")


def how_to_train(plan, architecture, directory: Path) -> str:
    """The command that trains the best network; an unregistered one is written to best.py.

    architecture: the content of best.json.
    """
    from ..interop import write_atomically

    space, training = plan.space, plan.training
    data = shlex.join(filter(None, [training.data, training.path]))
    if space.model is None:
        path = directory / "best.py"
        write_atomically(path, space.source(architecture))
        net = shlex.quote(f"{path}:best")
        return f"minitorch-cnn train {net} --data {data} --size {training.size}"
    settings = shlex.join(f"{name}={json.dumps(v)}" for name, v in space.settings.items())
    path = shlex.quote(str(directory / "best.json"))
    return (
        f"minitorch-cnn train {space.model} --data {data} --size {training.size} "
        f'--set {settings} "{space.argument}=$(cat {path})"'
    )

"""minitorch-cnn search --share: a search by weight sharing, with its folder."""

from __future__ import annotations

import json
from pathlib import Path

from .place import list_files, own_folder


def search_and_report(plan, options) -> None:
    """Search by shared weights, train the best network alone, and fill a folder."""
    from ..interop import write_atomically
    from ..nas import Child, search_shared, train_child
    from .search import FILES, draw_cells, how_to_train

    usual = f"search-{plan.space_name}-shared"
    with own_folder(options.out, usual, "search", "best.json") as directory:
        print(f"Searching {plan.space_name} by shared weights on {plan.training.data}", flush=True)
        settings = {**plan.settings, "rounds": options.share, "seed": plan.seed}
        found = search_shared(plan.space, plan.training, **settings)
        first = found.samples[0]
        score = train_child(Child(plan.space, first.architecture, plan.training))
        Path(directory).mkdir(parents=True, exist_ok=True)
        write_atomically(Path(directory) / "best.json", json.dumps(first.architecture) + "\n")
        print(
            f"{found.steps:,} steps of the shared weights, {found.evaluations:,} networks measured "
            f"with them; their mean accuracy: {found.rewards[0]:.1%} in the first round, "
            f"{found.rewards[-1]:.1%} in the last"
        )
        print(
            f"The best: {first.reward:.2%} of held-out images with the shared weights, "
            f"{score.reward:.2%} trained alone, {score.params:,} parameters, {score.macs:,} "
            "multiply-adds"
        )
        draw_cells(plan, first.architecture, directory)
        train = how_to_train(plan, first.architecture, directory)
        list_files(directory, FILES)
        print(f"To train it:\n  {train}")

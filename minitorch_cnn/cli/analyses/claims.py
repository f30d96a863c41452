"""The claims of the lectures, tested by training small nets."""

from __future__ import annotations

from ..parser import CommandError
from .found import Found, drawn


def of_claims(name, options) -> Found:
    """name: that of a claim; None for the list of all."""
    from ...analysis import CLAIMS, measure_claim
    from ...spelling import nearest

    if name is None:
        if options.plot is not None:
            raise CommandError("claims needs the NAME of one to draw it")
        rows = [f"{known:24} {claim.says}" for known, claim in CLAIMS.items()]
        return "\n".join(rows), lambda path: []
    if name not in CLAIMS:
        raise CommandError(f"there is no claim {name!r}{nearest(name, CLAIMS)}")
    claim = CLAIMS[name]
    seeds = range(options.seed, options.seed + claim.seeds)
    found = measure_claim(name, seeds, epochs=options.epochs)
    rows = [f"{panel}, {what}: {numbers}" for panel, what, numbers in found.rows()]
    head = [claim.says, f"{found.answer}: {found.why}", claim.setup]
    note = f"at the end, mean and standard deviation over the seeds {', '.join(map(str, seeds))}:"
    return drawn("\n".join([*head, note, *rows]), found)

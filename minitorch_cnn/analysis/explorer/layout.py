"""Where the boxes of a network stand: one row below another, branches side by side."""

from __future__ import annotations


def layout(sources: list[list[int]]) -> list[tuple[float, int]]:
    """The place (column, row) of each box; sources[k]: the boxes before k that arrows to k leave.

    A row is one more than the last of its sources'. A box stands below the middle of its sources;
    those of a row that come too close are moved apart, to a distance of 1 at least.
    """
    rows: list[int] = []
    for before in sources:
        rows.append(max((rows[s] for s in before), default=-1) + 1)
    columns = [0.0] * len(sources)
    for row in range(max(rows, default=-1) + 1):
        members = [k for k, r in enumerate(rows) if r == row]
        wishes = [sum(columns[s] for s in sources[k]) / max(len(sources[k]), 1) for k in members]
        order = sorted(range(len(members)), key=lambda i: (wishes[i], members[i]))
        given: list[float] = []
        for i in order:
            given.append(max(wishes[i], given[-1] + 1) if given else wishes[i])
        excess = (sum(given) - sum(wishes)) / len(members)
        for i, column in zip(order, given, strict=True):
            columns[members[i]] = column - excess
    return list(zip(columns, rows, strict=True))

"""Place the boxes of a network: one row below another, branches side by side."""

from __future__ import annotations


def layout(sources: list[list[int]]) -> list[tuple[float, int]]:
    """The position (column, row) of each box; sources[k]: the boxes before k with arrows to k.

    A row is one more than the largest of its sources' rows. A box is centred below its sources;
    boxes of a row that are too close are moved to a distance of at least 1.
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

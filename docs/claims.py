"""Measure the claims of the lectures, and write docs/claims.md:    python docs/claims.py NAME ...

The numbers of each NAME are measured anew, and stored in docs/claims/results.json; without NAME,
the page and all figures are made from the stored numbers.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from minitorch_cnn.analysis import CLAIMS, Finding, measure_claim

DOCS = Path(__file__).resolve().parent
RESULTS = DOCS / "claims" / "results.json"

HEAD = """\
# Claims of the lectures, measured

Each claim is tested by training small nets on the bundled data: handwritten digits and geometric
shapes. A study runs in about a minute on two cores. The answer is *yes* if every seed bears the
claim out, *partly* if only the mean does or only a part of the claim holds, and otherwise *no*. The
nets and the data are small: an answer says what these runs show, and a *no* does not refute what
larger nets show on larger data. Numbers are means over seeds \u00b1 their standard deviation.

```sh
minitorch-cnn analyse claims                             # their list
minitorch-cnn analyse claims label-smoothing --plot label-smoothing.png
```

`mt.analysis.measure_claim(name)` returns the numbers of all seeds, the answer and the figure, and
`python docs/claims.py NAME` writes this page. Larger analyses of trained nets are in
[Analyses](analysis.md).

| claim | answer |
|---|---|
"""


def entry_of(found: Finding, seconds: float) -> dict[str, object]:
    values = {
        panel: {name: rounded(numbers) for name, numbers in by_name.items()}
        for panel, by_name in found.values.items()
    }
    return {
        "answer": found.answer,
        "why": found.why,
        "seeds": found.seeds,
        "seconds": round(seconds),
        "rows": found.rows(),
        "values": values,
    }


def rounded(numbers: np.ndarray) -> list:
    """Nested lists of numbers of four digits; null for NaN and infinity, which JSON has not."""
    if numbers.ndim:
        return [rounded(part) for part in numbers]
    return float(f"{numbers:.4g}") if np.isfinite(numbers) else None  # pyright: ignore


def stored(name: str, entry: dict) -> Finding:
    """The finding of a claim from its stored numbers."""
    values = {
        panel: {what: np.array(numbers, float) for what, numbers in by_name.items()}
        for panel, by_name in entry["values"].items()
    }
    return Finding(CLAIMS[name], tuple(entry["seeds"]), values, entry["answer"], entry["why"])


def draw(found: Finding) -> None:
    figure = found.plot()
    stem = RESULTS.with_name(found.claim.name)
    figure.savefig(stem.with_suffix(".png"), dpi=90)
    figure.savefig(stem.with_suffix(".svg"), metadata={"Date": None})
    lines = stem.with_suffix(".svg").read_text(encoding="utf-8").splitlines()
    text = "\n".join(line.rstrip() for line in lines) + "\n"
    stem.with_suffix(".svg").write_text(text, encoding="utf-8")


def section(name: str, entry: dict) -> str:
    claim = CLAIMS[name]
    units = {panel: p.y for panel, p in claim.panels.items()}
    rows = "".join(
        f"| {panel}: {units[panel]} | {what} | {numbers} |\n"
        for panel, what, numbers in entry["rows"]
    )
    seeds = len(entry["seeds"])
    table = f"\n| at the end | | mean |\n|---|---|---|\n{rows}" if rows else ""
    return (
        f"## {name}\n\n*{claim.says}* ({claim.source})\n\n"
        f"**{entry['answer'].capitalize()}**: {entry['why']}\n\n"
        f"{claim.setup} Command: `minitorch-cnn analyse claims {name}`, {seeds} "
        f"seed{'s' * (seeds > 1)}.\n\n"
        f"![{claim.says}](claims/{name}.png)\n\n[The figure as SVG](claims/{name}.svg)\n{table}"
    )


def page(results: dict[str, dict]) -> str:
    known = [name for name in CLAIMS if name in results]
    rows = [
        f"| [{CLAIMS[name].says}](#{name}) | **{found['answer']}**: {found['why']} |\n"
        for name, found in ((name, results[name]) for name in known)
    ]
    return HEAD + "".join(rows) + "\n" + "\n".join(section(name, results[name]) for name in known)


def main(names: list[str]) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    for name, entry in ({} if names else results).items():
        if entry["values"]:
            draw(stored(name, entry))
    for name in names:
        start = time.perf_counter()
        found = measure_claim(name)
        results[name] = entry_of(found, time.perf_counter() - start)
        draw(found)
        print(f"{name}: {found.answer}: {found.why} ({results[name]['seconds']} s)")
        write(results)
    write(results)


def write(results: dict[str, dict]) -> None:
    ordered = {known: results[known] for known in CLAIMS if known in results}
    lines = (f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in ordered.items())
    RESULTS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    (DOCS / "claims.md").write_text(page(ordered), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

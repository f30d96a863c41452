"""write_report: tables (CSV) and pages (HTML) of the results of a class.

grades.csv has a row for each student and notebook, NN_name.csv a column for each exercise;
index.html shows how the points of each exercise are distributed, and leads to a page for each
student. Texts of students are escaped, and a cell that a spreadsheet would take as a formula
begins with an apostrophe.
"""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from .classroom import file_name
from .results import Mark, Result, from_json, write_whole

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { border-bottom: 1px solid #8886; padding: .3rem .7rem; text-align: left;
         vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; font-size: .9rem; }
meter { width: 10rem; }
.none { color: #b00020; } .all { color: #1a7f37; }
@media (prefers-color-scheme: dark) { .none { color: #ff8a80; } .all { color: #7ee787; } }
"""
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>{style}</style></head>
<body><h1>{title}</h1>
{body}</body></html>
"""


def write_report(reports: str | Path) -> list[Path]:
    """Write the tables and pages of all results in REPORTS/results; return the files.

    Raises: FileNotFoundError if there are no results.
    """
    reports = Path(reports)
    paths = sorted((reports / "results").glob("*.json"))
    results = [from_json(path.read_text(encoding="utf-8")) for path in paths]
    if not results:
        raise FileNotFoundError(f"write_report: no results in {reports / 'results'}")
    results.sort(key=lambda result: (result.student, result.notebook))
    files = {"grades.csv": grades(results), "index.html": overview(results)}
    for name in notebooks_of(results):
        of_one = [result for result in results if result.notebook == name]
        files[f"{name}.csv"] = exercises_table(of_one)
    for student in dict.fromkeys(result.student for result in results):
        mine = [result for result in results if result.student == student]
        files[page_of(student)] = student_page(student, mine)
    (reports / "students").mkdir(exist_ok=True)
    for name, text in files.items():
        write_whole(reports / name, text)
    return [reports / name for name in files]


def page_of(student: str) -> str:
    return f"students/{file_name(student)}.html"


def notebooks_of(results: Iterable[Result]) -> list[str]:
    return sorted({result.notebook for result in results})


# -------------------------------------------------------------------------------------- tables


def grades(results: list[Result]) -> str:
    """A row for each student and notebook."""
    rows: list[list] = [
        ["student", "notebook", "points", "bonus", "possible", "to mark by hand", "line"]
    ]
    for r in results:
        rows.append([r.student, r.notebook, r.points, r.bonus, r.possible, r.by_hand, r.line])
    return table(rows)


def exercises_table(results: list[Result]) -> str:
    """A row for each student, a column for each exercise of one notebook."""
    first = results[0]
    names = [mark.name for mark in first.marks]
    hand = [answer.name for answer in first.manual]
    rows: list[list] = [
        ["student", "file", *names, "points", "bonus", "possible", "seconds", *hand]
    ]
    for result in results:
        marks = {mark.name: mark.points for mark in result.marks}
        points = [marks.get(name, "") for name in names]
        total = [result.points, result.bonus, result.possible, result.seconds]
        rows.append([result.student, result.file, *points, *total, *[""] * len(hand)])
    return table(rows)


def table(rows: list[list]) -> str:
    """Rows as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(
        [harmless(cell) for cell in row] for row in rows
    )
    return text.getvalue()


def harmless(value):
    """A cell that no spreadsheet takes as a formula."""
    if not isinstance(value, str):
        return value
    text = re.sub(r"[\x00-\x1f\x7f]+", " ", value)
    return f"'{text}" if text.lstrip().startswith(("=", "+", "-", "@", "|", "%")) else text


# --------------------------------------------------------------------------------------- pages


def escaped(text: object) -> str:
    """Text for HTML, without characters that cannot be shown."""
    return html.escape(re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "\N{REPLACEMENT CHARACTER}", str(text)))


def page(title: str, body: str) -> str:
    return PAGE.format(title=escaped(title), style=STYLE, body=body)


def student_page(student: str, results: list[Result]) -> str:
    """The page of one student: each exercise's points, what the check said, and the time."""
    return page(student, "\n".join(section(result) for result in results))


def section(result: Result) -> str:
    bonus = f" and {result.bonus} of optional pieces" if result.bonus else ""
    parts = [
        f"<h2>{escaped(result.notebook)}</h2>",
        f"<p>{result.points} of {result.possible} points{bonus}"
        + (f"; {result.by_hand} more are marked by hand" if result.by_hand else "")
        + "</p>",
    ]
    if result.line:
        parts.append(f"<p class=none>{escaped(result.line)}</p>")
    rows = "".join(row(mark) for mark in result.marks)
    head = "<tr><th>exercise<th>points<th>what the check says<th>time (s)</tr>"
    parts.append(f"<table>{head}{rows}</table>")
    for answer in result.manual:
        text = answer.text or "(not answered)"
        parts.append(
            f"<h3>{escaped(answer.name)} ({answer.possible} points, by hand)</h3>"
            f"<pre>{escaped(text)}</pre>"
        )
    if result.notes:
        notes = "; ".join(result.notes)
        parts.append(f"<p>The process that ran this was not kept from {escaped(notes)}.</p>")
    return "\n".join(parts)


def row(mark: Mark) -> str:
    kind = "all" if mark.points == mark.possible else "none"
    optional = " (optional)" if mark.optional else ""
    return (
        f"<tr><td>{escaped(mark.name)}{optional}"
        f"<td class='number {kind}'>{mark.points} of {mark.possible}"
        f"<td><pre>{escaped(mark.line)}</pre><td class=number>{mark.seconds:.1f}</tr>"
    )


def overview(results: list[Result]) -> str:
    """The page of the class."""
    parts = []
    for name in notebooks_of(results):
        mine = [result for result in results if result.notebook == name]
        handed = [result for result in mine if not result.line]
        parts += [
            f"<h2>{escaped(name)}</h2>",
            f"<p>{len(handed)} of {len(mine)} students handed in a file that was graded.</p>",
            distribution(mine),
            students_table(mine),
        ]
        notes = sorted({note for result in mine for note in result.notes})
        if notes:
            parts.append(f"<p>Submissions were not kept from {escaped('; '.join(notes))}.</p>")
    return page("The class", "\n".join(parts))


def distribution(results: list[Result]) -> str:
    """How many students have how many points, for each exercise."""
    rows = ""
    for number, mark in enumerate(results[0].marks):
        points = [r.marks[number].points for r in results if number < len(r.marks)]
        counts = "; ".join(
            f"{points.count(value)} with {value}" for value in sorted(set(points), reverse=True)
        )
        full = sum(value == mark.possible for value in points)
        rows += (
            f"<tr><td>{escaped(mark.name)}<td class=number>{mark.possible}"
            f"<td><meter min=0 max={len(points)} value={full}></meter>"
            f"<td class=number>{100 * full / len(points):.0f} %<td>{counts}</tr>"
        )
    head = "<tr><th>exercise<th>points<th colspan=2>students with all of them<th>students</tr>"
    return f"<table>{head}{rows}</table>"


def students_table(results: list[Result]) -> str:
    rows = "".join(
        f"<tr><td><a href='{quote(page_of(result.student))}'>{escaped(result.student)}</a>"
        f"<td class=number>{result.points} of {result.possible}"
        f"<td class=number>{result.bonus}<td>{escaped(result.line)}</tr>"
        for result in results
    )
    head = "<tr><th>student<th>points<th>bonus<th></tr>"
    return f"<table>{head}{rows}</table>"

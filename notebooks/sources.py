"""The sources of the notebooks: Python with cells, and the notebooks that they become.

`# %%` begins code, `# %% [markdown]` text whose lines are comments. Students fill in the code
between two marks, here a hole with its first hint and, for who asks, two more:

    # begin solution: one loop over the taps
    # hint: which pixels does one tap read for all outputs?
    # hint: slice them with the stride, reshape them to a matrix
    ...
    # end solution

In the exercise it is `raise NotImplementedError("your turn: one loop over the taps")`, and a cell
of collapsed hints follows. Optional code follows `# begin optional: ` and raises "optional: ...".
A line `guess = 3  # guess: your number` loses its number. The solved form keeps everything.

A cell with a hole is the student's alone. Its checks are the next cell, which counts:

    # %% check 3
    check.convolution(loops)

`# %% check 2 optional` counts as a bonus. `# %% [manual 2]` is a question to be answered in words
and marked by hand; its lines from "Rubric:" on are for teachers and stand in no notebook.
"""

from __future__ import annotations

import dataclasses
import json
import re

import nbformat

BEGIN, OPTIONAL, END = "# begin solution: ", "# begin optional: ", "# end solution"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
YOUR_ANSWER = "*Your answer:*"


@dataclasses.dataclass
class Cell:
    """A cell of a source.

    role: "hole", "check", "manual" or "hints", "" for all others. A hole's name is that of its
    function; its check is "check-NAME", its hints are "hints-NAME".
    """

    kind: str  # "code" or "markdown"
    text: str
    role: str = ""
    name: str = ""
    points: int = 0
    optional: bool = False
    rubric: str = ""

    @property
    def metadata(self) -> dict:
        """What nbgrader (schema 3) and our own grading read."""
        graded = self.role in ("check", "manual")
        if not graded and self.role != "hole":
            return {}
        marks = {
            "schema_version": 3,
            "grade": graded,
            "grade_id": self.name,
            "locked": self.role == "check",
            "solution": self.role != "check",
            "task": False,
        }
        found: dict = {"nbgrader": {**marks, "points": self.points} if graded else marks}
        if self.optional:
            found["minitorch_cnn"] = {"optional": True}
        return found


def cells(source: str) -> list[Cell]:
    """All cells of a source, with names that other sections do not change.

    Raises: ValueError for an unknown kind of cell, or for a check without a hole before it.
    """
    found: list[Cell] = []
    section, counts, hole, answers = "top", {}, "", 0
    for part in re.split(r"^# %%", source, flags=re.MULTILINE)[1:]:
        head, _, body = part.partition("\n")
        cell = parsed(head.strip(), body)
        headings = re.findall(r"^## (.*)$", cell.text, re.MULTILINE)
        if cell.kind == "markdown" and headings and cell.text.startswith("## "):
            section = headings.pop(0)
        if cell.role == "hole":
            cell.name = hole = function_of(cell.text)
        elif cell.role == "check":
            if not hole:
                raise ValueError(f"cells: no hole before the check {cell.text!r}")
            cell.name, hole = f"check-{hole}", ""
        elif cell.role == "manual":
            answers += 1
            cell.name = f"answer-{answers}"
        else:
            slug = re.sub(r"\W+", "-", section.lower())
            counts[slug] = counts.get(slug, 0) + 1
            cell.name = f"{slug}-{counts[slug]}"
        if cell.kind == "markdown" and headings:
            section = headings[-1]
        found.append(cell)
        if cell.role == "hole" and (text := hints(cell)):
            found.append(Cell("markdown", text, "hints", f"hints-{cell.name}"))
    return found


def parsed(head: str, body: str) -> Cell:
    """A cell without a name. Raises: ValueError for an unknown head."""
    if manual := re.fullmatch(r"\[manual (\d+)\]", head):
        text, _, rubric = uncommented(body).partition("\n\nRubric:")
        return Cell("markdown", text, "manual", points=int(manual[1]), rubric=rubric.strip())
    if head == "[markdown]":
        return Cell("markdown", uncommented(body))
    code = body.strip("\n")
    if graded := re.fullmatch(r"check (\d+)( optional)?", head):
        return Cell("code", code, "check", points=int(graded[1]), optional=bool(graded[2]))
    if head:
        raise ValueError(f"cells: {head!r} is no kind of cell")
    return Cell("code", code, "hole" if BEGIN in code or OPTIONAL in code else "")


def uncommented(body: str) -> str:
    """The text of lines of comments."""
    return "\n".join(re.sub(r"^# ?", "", line) for line in body.strip("\n").split("\n")).strip()


def function_of(code: str) -> str:
    """The function that has the first hole of a cell."""
    before = re.split(f"{BEGIN}|{OPTIONAL}", code)[0]
    return re.findall(r"^(?:def|class) (\w+)", before, re.MULTILINE)[-1]


def steps(code: str) -> list[str]:
    """The second and third hint in a hole; a longer one goes on in lines of "#    "."""
    found = re.findall(r"^ *# hint: (.*(?:\n *#   .*)*)", code, re.MULTILINE)
    return [re.sub(r"\n *# +", " ", text) for text in found]


def hints(hole: Cell) -> str:
    """The hints of a hole as collapsed text, or ""."""
    form = "<details><summary>Hint {} for <code>{}</code></summary>\n\n{}\n\n</details>"
    parts = [form.format(n, hole.name, text) for n, text in enumerate(steps(hole.text), 2)]
    return "\n\n".join(parts)


def without_hints(code: str) -> str:
    """A cell's code without the hints that have a cell of their own."""
    return re.sub(r"^ *# hint: .*\n(?: *#   .*\n)*", "", code, flags=re.MULTILINE)


def without_solutions(code: str) -> str:
    """A code cell with holes instead of the students' code.

    Raises: ValueError for a hole without an end.
    """
    kept, inside = [], False
    for line in code.split("\n"):
        mark = next((mark for mark in (BEGIN, OPTIONAL) if line.strip().startswith(mark)), None)
        if mark:
            indent, hint = line.split(mark)
            kind = "your turn" if mark == BEGIN else "optional"
            text = json.dumps(f"{kind}: {hint}", ensure_ascii=False)
            kept.append(f"{indent}raise NotImplementedError({text})")
            inside = True
        elif line.strip() == END:
            inside = False
        elif not inside:
            kept.append(re.sub(r"^(\w+) = .*(  # guess: )", r"\1 = None\2", line))
    if inside:
        raise ValueError(f"without_solutions: a hole does not end with {END!r}: {code}")
    return "\n".join(kept)


def shown(cell: Cell, solved: bool) -> str:
    """The text of a cell in a notebook."""
    if cell.role == "manual":
        return f"{cell.text}\n\n{YOUR_ANSWER}"
    if cell.kind == "markdown":
        return cell.text
    return without_hints(cell.text) if solved else without_solutions(cell.text)


def notebook(source: str, solved: bool) -> nbformat.NotebookNode:
    """The notebook of a source, not executed, with its solutions or with holes."""
    return book_of(cells(source), [shown(cell, solved) for cell in cells(source)])


def book_of(found: list[Cell], texts: list[str]) -> nbformat.NotebookNode:
    """A notebook of these cells, with other texts."""
    made = []
    for cell, text in zip(found, texts, strict=True):
        make = nbformat.v4.new_code_cell if cell.kind == "code" else nbformat.v4.new_markdown_cell
        made.append(make(text, id=cell.name, metadata=cell.metadata))
    return nbformat.v4.new_notebook(cells=made, metadata=METADATA)


def plain(source: str) -> str:
    """The exercise as a Python file, with the names of its cells; all hints stand at its end."""
    parts, last = [], ["Hints, each more than the one in the hole. Read one, and try again."]
    for cell in cells(source):
        text = shown(cell, solved=False)
        if cell.role == "hole":
            last += [f"{cell.name}: {hint}" for hint in steps(cell.text)]
        if cell.role == "hints":
            continue
        if cell.kind == "markdown":
            parts.append(f"# %% {cell.name} [markdown]\n{commented(text)}")
        else:
            parts.append(f"# %% {cell.name}\n{text}")
    if len(last) > 1:
        text = commented("\n\n".join(last))
        parts.append(f"# %% hints [markdown]\n{text}")
    return "\n\n".join(parts) + "\n"


def commented(text: str) -> str:
    """A text as lines of comments."""
    return "\n".join(f"# {line}".rstrip() for line in text.split("\n"))

"""Docstrings as reStructuredText: they are plain text, with formulas that keep their lines.

A docstring here has prose, shape lines and formulas, lists of arguments (`name: description`),
examples after `>>>`, and indented tables. Each is converted to markup that keeps its layout. All
characters with a meaning in reStructuredText are escaped, so no docstring can break a page.
"""

import re
from collections.abc import Collection

NAMES = r"[*a-z]\w*(?:, [*\w]+)*"
ARGUMENT = re.compile(rf"{NAMES}: \S.*")
RAISES = re.compile(r"(?P<word>Raises|Sources?|Returns):? (?P<text>\S.*)")
COLUMNS = re.compile(r"(?<=\S) {3,}(?=\S)")  # a table, or a shape after a sentence
MARKER = re.compile(r"[-+.=~^#:>]|\w{1,3}[.)] |\(\w+\) ")  # of a list, as in "A. Author"
FORMULA = re.compile(r"->| = |^[*\w]+\[|\bsum over\b")


def render(docstring: str, parameters: Collection[str] = ()) -> list[str]:
    """The lines of a docstring, with its indentation removed, as lines of reStructuredText.

    parameters: names that may also begin an item of a list in the middle of a line.
    """
    lines = []
    for paragraph in re.split(r"\n[ \t]*\n", docstring.strip("\n")):
        lines += [*rendered_paragraph(paragraph.rstrip().splitlines(), parameters), ""]
    return lines


def rendered_paragraph(paragraph: list[str], parameters: Collection[str]) -> list[str]:
    """Render a paragraph: an example, or prose with indented lines."""
    if not paragraph:
        return []
    if paragraph[0].lstrip().startswith(">>>"):
        return literal(paragraph, "python")
    if sum(COLUMNS.search(line) is not None for line in paragraph) > 1:
        return literal(paragraph, "text")
    bullets = next((at for at, line in enumerate(paragraph) if line.startswith("- ")), None)
    if bullets is not None and all(line.startswith(("- ", "  ")) for line in paragraph[bullets:]):
        before = rendered_paragraph(paragraph[:bullets], parameters)
        entries = "\n".join(paragraph[bullets:]).removeprefix("- ").split("\n- ")
        return [*before, "", *(f"- {escaped(' '.join(entry.split()))}" for entry in entries)]
    paragraph = [part for line in paragraph for part in COLUMNS.sub("\n", line).split("\n")]
    lines: list[str] = []
    for indented, part in runs(paragraph):
        lines += ["", *(literal(part, "text") if indented else flowing(part, parameters))]
    return lines[1:]


def runs(paragraph: list[str]) -> list[tuple[bool, list[str]]]:
    """Runs of lines that are all indented, or all not indented."""
    found: list[tuple[bool, list[str]]] = []
    for line in paragraph:
        indented = line.startswith("  ")
        if not found or found[-1][0] != indented:
            found.append((indented, []))
        found[-1][1].append(line)
    return found


def flowing(lines: list[str], parameters: Collection[str]) -> list[str]:
    """Render prose, formulas or a list of arguments, with the errors in a separate paragraph."""
    at = next((at for at, line in enumerate(lines) if RAISES.fullmatch(line)), len(lines))
    if at == 0:
        raised = RAISES.fullmatch(" ".join(lines))
        return [f"**{raised['word']}**: {escaped(raised['text'])}"]
    if at < len(lines) and lines[at - 1].endswith((".", ")", ":", ";")):
        return [*flowing(lines[:at], parameters), "", *flowing(lines[at:], parameters)]
    pieces = items(lines, parameters)
    if pieces:
        return pieces
    if any(map(FORMULA.search, lines)):
        return with_formulas(lines)
    text = escaped(" ".join(lines))
    return [rf"\{text}" if MARKER.match(text) else text]


def items(lines: list[str], parameters: Collection[str]) -> list[str]:
    """A list of arguments, after the text before it; nothing if there is no list.

    An item begins at a line, or after `; ` or `. ` if the name is one of the parameters.
    """
    text = "\n".join(lines)
    known = "|".join(map(re.escape, parameters)) or r"(?!)"
    inline = rf"(?<=[;.][ \n])(?:{known})(?:, (?:{known}))*(?: \([^()]*\))?(?=: )"
    first = rf"^(?:{known})(?: \([^()]*\))?(?=: )"
    starts = {match.start(): match.end() for match in re.finditer(f"{inline}|{first}", text)}
    if ARGUMENT.fullmatch(lines[0]):
        starts |= {m.start(): m.end() for m in re.finditer(rf"^{NAMES}(?=: \S)", text, re.M)}
    if not starts:
        return []
    places = sorted(starts)
    before = text[: places[0]].strip()
    found = [*flowing(before.splitlines(), ()), ""] if before else []
    for place, end in zip(places, [*places[1:], len(text)], strict=True):
        names, rest = text[place : starts[place]], text[starts[place] + 2 : end]
        rest = " ".join(rest.split()).rstrip(";")
        found.append(f"- **{escaped(names)}**: {escaped(rest)}")
    return found


def with_formulas(lines: list[str]) -> list[str]:
    """Lines in which each formula begins a new line, and prose continues after it."""
    kept: list[str] = []
    for line in lines:
        if not kept or FORMULA.search(line):
            kept.append(line)
        else:
            kept[-1] += f" {line}"
    return [f"| {escaped(line)}" for line in kept]


def literal(lines: list[str], language: str) -> list[str]:
    indent = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return [f".. code-block:: {language}", "", *(f"   {line[indent:]}" for line in lines)]


def escaped(text: str) -> str:
    """Escape all markup of a line, except that names between backticks become code."""
    parts = re.split(r"`([^`]+)`", text)
    prose = [re.sub(r"([\\*`|_])", r"\\\1", part) for part in parts[::2]]
    code = [f"``{part.strip()}``" for part in parts[1::2]]
    joined = [prose[0]]
    for at, part in enumerate(code):
        joined += [r"\ " * bool(prose[at] and prose[at][-1].isalnum()), part]
        after = prose[at + 1]
        joined += [r"\ " * bool(after and not after[0].isspace()), after]
    return "".join(joined).strip()

"""Docstrings as reStructuredText: they are plain text, with formulas that keep their lines.

A docstring here has prose, shape lines and formulas, lists of arguments (`name: what it is`),
examples after `>>>`, and indented tables. Each becomes what shows it as it was written; characters
that mean something in reStructuredText are escaped, so no docstring can break a page.
"""

import re

ARGUMENT = re.compile(r"(?P<names>[*\w][\w*]*(?:, [\w*]+)*): (?P<text>\S.*)")
RAISES = re.compile(r"(?P<names>Raises:?|Source:|Sources:|Returns:) ?(?P<text>\S.*)")
COLUMNS = re.compile(r"(?<=\S) {3,}(?=\S)")  # a table, or a shape behind a sentence
FORMULA = re.compile(r"->| = |^[*\w]+\[|\bsum over\b")


def render(docstring: str) -> list[str]:
    """The lines of a docstring, with its indentation removed, as lines of reStructuredText."""
    lines = []
    for paragraph in re.split(r"\n[ \t]*\n", docstring.strip("\n")):
        lines += [*rendered_paragraph(paragraph.rstrip().splitlines()), ""]
    return lines


def rendered_paragraph(paragraph: list[str]) -> list[str]:
    """A paragraph: an example, prose and the indented lines in it, each in its own form."""
    if not paragraph:
        return []
    if paragraph[0].lstrip().startswith(">>>"):
        return literal(paragraph, "python")
    if sum(COLUMNS.search(line) is not None for line in paragraph) > 1:
        return literal(paragraph, "text")
    paragraph = [part for line in paragraph for part in COLUMNS.sub("\n", line).split("\n")]
    lines: list[str] = []
    for indented, part in runs(paragraph):
        lines += ["", *(literal(part, "text") if indented else flowing(part))]
    return lines[1:]


def runs(paragraph: list[str]) -> list[tuple[bool, list[str]]]:
    """Neighbouring lines that are all indented, or all not."""
    found: list[tuple[bool, list[str]]] = []
    for line in paragraph:
        indented = line.startswith("  ")
        if not found or found[-1][0] != indented:
            found.append((indented, []))
        found[-1][1].append(line)
    return found


def flowing(lines: list[str]) -> list[str]:
    """Prose, or a list of arguments; where formulas stand in it, lines are kept as they are."""
    starts = [ARGUMENT.fullmatch(line) or RAISES.fullmatch(line) for line in lines]
    if starts[0]:
        if len([start for start in starts if start]) == 1 and RAISES.fullmatch(lines[0]):
            first, *rest = lines
            return [
                f"**{starts[0]['names'].rstrip(':')}**: {escaped(starts[0]['text'])}",
                *map(escaped, rest),
            ]
        items: list[str] = []
        for line, start in zip(lines, starts, strict=True):
            if start:
                names = start["names"].rstrip(":")
                items.append(f"- **{escaped(names)}**: {escaped(start['text'])}")
            else:
                items.append(f"  {escaped(line)}")
        return items
    if any(map(FORMULA.search, lines)):
        return [f"| {escaped(line)}" for line in lines]
    first = next((at for at, start in enumerate(starts) if start), len(lines))
    if first < len(lines) and lines[first - 1].endswith((".", ")", ":")):
        return [*flowing(lines[:first]), "", *flowing(lines[first:])]
    text = [escaped(line) for line in lines]
    return [rf"\{text[0]}" if text[0][0] in "-+.=~^#:>" else text[0], *text[1:]]


def literal(lines: list[str], language: str) -> list[str]:
    indent = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return [f".. code-block:: {language}", "", *(f"   {line[indent:]}" for line in lines)]


def escaped(text: str) -> str:
    """A line in which nothing is markup, but names between backticks are code."""
    parts = re.split(r"`([^`]+)`", text)
    prose = [re.sub(r"([\\*`|_])", r"\\\1", part) for part in parts[::2]]
    code = [f"``{part.strip()}``" for part in parts[1::2]]
    joined = [prose[0]]
    for at, part in enumerate(code):
        joined += [r"\ " * bool(prose[at] and prose[at][-1].isalnum()), part]
        after = prose[at + 1]
        joined += [r"\ " * bool(after and not after[0].isspace()), after]
    return "".join(joined).strip()

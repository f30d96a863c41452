"""One HTML file of a template, styles, scripts and data, which loads nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any


def assembled(
    template: str,
    styles: Sequence[str],
    scripts: Sequence[str],
    data: Any,
    words: Mapping[str, str],
) -> str:
    """The page of a template. Files are named from the folder analysis on: "explorer/page.css".

    In the template <!--FILE name--> stands for another file, <!--STYLE-->, <!--SCRIPT--> and
    <!--DATA--> for what is given here, <!--WORD--> for one of `words`.
    """
    html = re.sub(r"<!--FILE (\S+)-->", lambda found: _text(found[1]), _text(template))
    # In HTML "</script>" ends a script, within a string too.
    content = json.dumps(data, separators=(",", ":")).replace("</", "<\\/")
    parts = {
        "STYLE": "\n".join(map(_text, styles)),
        **words,
        "DATA": content,
        "SCRIPT": "\n".join(map(_text, scripts)),
    }
    for key, value in parts.items():
        html = html.replace(f"<!--{key}-->", value)
    return html


def _text(name: str) -> str:
    return resources.files("minitorch_cnn.analysis").joinpath(*name.split("/")).read_text("utf-8")

"""The names of weights in efficientnet_pytorch's files (Luke Melas-Kyriazi), as timm has them.

That library numbers the blocks of all stages in one row, and the batch norms of a block by their
place in the widest kind of block: `_blocks.3._bn2` is timm's `blocks.2.0.bn3`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

OUTSIDE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2"}
OUTSIDE |= {"_fc": "classifier"}
EXPANDED = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2"}
EXPANDED |= {"_project_conv": "conv_pwl", "_bn2": "bn3"}
PLAIN = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
BLOCK = re.compile(r"(.*\bblocks\.\d+\.\d+)\.conv_pwl?\.weight")


def timms_names(names: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Each of `names` -> timm's; the same where a model with the names `known` has none like it."""
    blocks: dict[str, dict[str, str]] = {}
    for name in known:
        found = BLOCK.fullmatch(name)
        if found:
            blocks[found[1]] = EXPANDED if "conv_pwl" in name else PLAIN
    return {name: _timms_name(name, list(blocks.items())) for name in names}


def _timms_name(name: str, blocks: list[tuple[str, dict[str, str]]]) -> str:
    found = re.fullmatch(r"(.*?)(_blocks\.(\d+)\.)?(_\w+)\.(\w+)", name)
    if not blocks or found is None:
        return name
    prefix, inside, number, layer, weight = found.groups()
    if not inside:
        return f"{prefix}{OUTSIDE[layer]}.{weight}" if layer in OUTSIDE else name
    if int(number) >= len(blocks):
        return name
    block, layers = blocks[int(number)]
    return f"{prefix}{block}.{layers[layer]}.{weight}" if layer in layers else name

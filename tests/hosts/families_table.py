"""The table of docs/families.md, made of both hosts' registries and our two tables.

`python -m tests.hosts.families_table` writes it anew.
"""

from pathlib import Path
from typing import Final

from llamafactory.data.template import TEMPLATES

from tag_plugin.data.box_frames import FAMILIES
from tag_plugin.hosts.llamafactory.templates import PREFIX, TAG_TEMPLATES, host_template
from tag_plugin.hosts.lmms_eval.checkpoints import ARCHITECTURES, ONE_AT_A_TIME

FILE: Final = Path(__file__).parents[2] / "docs/families.md"
NOT_RUN: Final = ("qwen3_5",)
"""Wrappers for models that the locked transformers cannot load; `make test-matrix` runs them."""

HEAD: Final = (
    "| template | copies | box frame | source | wrapper of lmms-eval |",
    "|---|---|---|---|---|",
)
UNDECLARED: Final = "`box_frame:` in the recipe"
SERVED: Final = "none: through a server"


def _wrapper(family: str) -> str:
    names = dict.fromkeys(a.wrapper for a in ARCHITECTURES.values() if a.family == family)
    limits = {
        **dict.fromkeys(ONE_AT_A_TIME, " (`--batch_size 1`)"),
        **dict.fromkeys(NOT_RUN, " (`max_pixels=200704`; transformers 5)"),
    }
    return ", ".join(f"`{name}`{limits.get(name, '')}" for name in names) or SERVED


def row(name: str) -> str:
    """One line of the table."""
    declared = TAG_TEMPLATES.get(name)
    frame, source, wrapper = UNDECLARED, "not established", SERVED
    if declared:
        family = FAMILIES[declared.family]
        frame, source, wrapper = str(family.frame), family.source, _wrapper(declared.family)
    return f"| `{name}` | `{host_template(name)}` | {frame} | {source} | {wrapper} |"


def table() -> str:
    """The whole table: families with a frame first, then the others by name."""
    others = sorted({name for name in TEMPLATES if name.startswith(PREFIX)} - set(TAG_TEMPLATES))
    return "\n".join((*HEAD, *map(row, (*TAG_TEMPLATES, *others))))


def written() -> str:
    """The file with the table as it is now; what stands around it stays."""
    text = FILE.read_text(encoding="utf-8")
    before, _, rest = text.partition(HEAD[0])
    after = rest[rest.index("\n\n") :] if "\n\n" in rest else "\n"
    return before + table() + after


if __name__ == "__main__":
    FILE.write_text(written(), encoding="utf-8")

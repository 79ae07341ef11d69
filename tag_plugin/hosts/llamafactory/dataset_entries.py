"""TAG datasets that a recipe names and dataset_info.json does not have: one message instead."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tag_plugin.data.benchmarks import BENCHMARKS
from tag_plugin.data.data_dir import in_words
from tag_plugin.data.text_file import TextFileError, read_json_object
from tag_plugin.hosts.llamafactory.reading import TagDatasetError
from tag_plugin.hosts.llamafactory.templates import PREFIX

_ENTRIES: Final = "dataset_info.json"
_ELSEWHERE: Final = ("REMOTE:", "ONLINE")
"""Values of dataset_dir that are no folder."""
_PART: Final = re.compile(r"_(train|dev|test|detected|sft|rl)(_label_only)?$")


def require_entries(names: Sequence[str], dataset_dir: object) -> None:
    """That a local dataset_info.json has these TAG datasets.

    Raises:
        TagDatasetError: names what is missing and where, what is there, and the next commands.
    """
    if not names or not isinstance(dataset_dir, str) or dataset_dir.startswith(_ELSEWHERE):
        return
    root = Path(dataset_dir).absolute()
    try:
        entries = read_json_object(root / _ENTRIES)
    except (OSError, TextFileError):
        entries = {}
    missing = [name for name in names if name not in entries]
    if not missing:
        return
    ours = sorted(name for name in entries if name.startswith(PREFIX))
    raise TagDatasetError(
        f"no dataset {', '.join(missing)} in dataset_dir {in_words(root)}; "
        f"there: {', '.join(ours) or 'no TAG dataset'}; next: {_commands(missing[0], root)}"
    )


def _commands(name: str, root: Path) -> str:
    """What makes a dataset of this name."""
    dataset = _PART.sub("", name.removeprefix(PREFIX))
    known = BENCHMARKS.get(dataset)
    prepare = known.command if known else f"tag-plugin prepare ... --name {dataset}"
    place = shlex.quote(str(root))
    steps = [f"{prepare} --out {place}"]
    steps += [f"tag-plugin {step} {place}/{dataset}" for step in ("detect", "build")]
    if name.endswith(("_sft", "_rl")):
        steps.append(f"tag-plugin data make {place}/{dataset}")
    return ", ".join(steps)

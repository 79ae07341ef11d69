"""Options and words that several commands share."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tag_plugin.data.terminal import echo

if TYPE_CHECKING:
    from tag_plugin.pipeline.manifest import Manifest
    from tag_plugin.pipeline.shards import Shard

DataDir = Annotated[Path, typer.Option("--out", help="The data directory (TAG_DATA_DIR).")]
Dataset = Annotated[Path, typer.Argument(help="A dataset in the data directory: data/ferplus.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes.")]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many entries of each split.")]
Restart = Annotated[bool, typer.Option(help="Make it anew instead of going on.")]
ShardOption = Annotated[
    str | None,
    typer.Option("--shard", help="2/4: the second of four parts, each on a machine of its own."),
]

DetectorName = Annotated[
    str, typer.Option(help="mediapipe, yolo, pyfeat, ensemble, cached or synthetic.")
]
DetectorOption = Annotated[
    list[str] | None, typer.Option("--option", help="NAME=VALUE for the detector: weights=FOLDER.")
]

CORES: Final = os.cpu_count() or 1


def print_summary(manifest: "Manifest", next_command: str) -> None:
    """What a stage kept and dropped, and the next command."""
    for split, summary in manifest.splits.items():
        dropped = {reason: found["count"] for reason, found in summary["dropped"].items()}
        echo(f"{split}: {summary['rows']} rows {summary['counts']}, dropped {dropped or 0}")
    if manifest.waiting_for:
        waiting = ", ".join(manifest.waiting_for)
        echo(f"The last shard to finish joins them; not finished: {waiting}")
        return
    echo(f"All of it in {manifest.path}; next: {next_command}")


def parse_shard(text: str | None) -> "Shard | None":
    """What --shard says."""
    from tag_plugin.pipeline.shards import Shard

    return None if text is None else Shard.parse(text)


def named_values(option: str, texts: list[str] | None) -> dict[str, str]:
    """NAME=VALUE options as a mapping.

    Raises:
        ValueError: one has no `=`; the message names the option.
    """
    pairs = [text.partition("=") for text in texts or ()]
    for name, found, _ in pairs:
        if not found:
            raise ValueError(f"{option} {name!r} is not NAME=VALUE")
    return {name: value for name, _, value in pairs}

"""Options and words that several commands share."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from tag_plugin.data.terminal import echo, one_line

if TYPE_CHECKING:
    from tag_plugin.pipeline.manifest import Manifest


# What these are the names of takes long to import; tests/test_cli.py holds them against it.
Detectors = Literal["mediapipe", "yolo", "pyfeat", "ensemble", "cached", "table", "synthetic"]
LabelSets = Literal["rafdb", "ferplus", "affectnet7", "affectnet8", "basic7", "basic8", "synth"]
Frames = Literal[
    "relative", "absolute", "fraction", "relative_yxyx", "absolute_yxyx", "fraction_yxyx"
]
Styles = Literal["grounded", "direct", "cot"]

DataDir = Annotated[Path, typer.Option("--out", help="The data directory (TAG_DATA_DIR).")]
Dataset = Annotated[Path, typer.Argument(help="A dataset in the data directory: data/ferplus.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes.")]
StageWorkers = Annotated[
    int | None, typer.Option(min=1, help="Processes: all cores, or all CPUs of the Ray cluster.")
]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many entries of each split.")]
Restart = Annotated[bool, typer.Option(help="Make it anew instead of going on.")]
BoxFrameName = Annotated[
    Frames | None,
    typer.Option(
        "--box-frame",
        help="As in the recipe, for a template without a frame of its own.",
    ),
]
Parts = Annotated[
    str | None, typer.Option(help="2/4: every fourth part from the second on, for job arrays.")
]
Ray = Annotated[
    str | None, typer.Option(help="The address of a Ray cluster: its workers make the parts.")
]

DetectorName = Annotated[Detectors, typer.Option(help="What measures the Action Units.")]
LabelSetName = Annotated[LabelSets, typer.Option(help="The emotions to choose from.")]
DetectorOption = Annotated[
    list[str] | None, typer.Option("--option", help="NAME=VALUE for the detector: weights=FOLDER.")
]

CORES: Final = os.cpu_count() or 1


LOUD: Final = 0.3
"""A larger share of dropped entries is said in colour, with the first causes."""


def print_summary(manifest: "Manifest", next_command: str) -> None:
    """What a stage kept and dropped, and the next command."""
    from tag_plugin.data.rows import NO_FACE
    from tag_plugin.pipeline.stage import first_causes

    for split, summary in manifest.splits.items():
        dropped = {reason: found["count"] for reason, found in summary["dropped"].items()}
        echo(f"{split}: {summary['rows']} rows {summary['counts']}, dropped {dropped or 0}")
    for split, summary in manifest.splits.items():
        without = summary["counts"].get(NO_FACE, 0)  # of detect: kept, and of no use later
        causes = [f"{NO_FACE} {without}"] if without else []
        shown = "; ".join(filter(None, (*causes, first_causes([summary]))))
        warn_of_loss(split, summary["rows"] - without, summary["inputs"], shown)
    if manifest.waiting_for:
        waiting = ", ".join(manifest.waiting_for)
        echo(f"Whoever makes the last part joins them all; --parts not finished: {waiting}")
    else:
        echo(f"All of it in {manifest.path}; next: {next_command}")


def warn_of_loss(what: str, kept: int, inputs: int, causes: str) -> None:
    """Say it loudly where more than LOUD of the inputs are lost, or all of them."""
    lost = inputs - kept
    if inputs and lost > LOUD * inputs:
        share = f"{100 * lost / inputs:.0f} %"
        warn_in_colour(f"{what}: {lost} of {inputs} are lost ({share}): {causes}")


def warn_in_colour(text: str) -> None:
    """Say on stderr, in colour, what the user has to know."""
    typer.secho(one_line(f"WARNING {text}"), fg=typer.colors.YELLOW, err=True)


def execution(
    workers: int | None, restart: bool, parts: str | None, ray: str | None, gpus: float = 0.0
) -> dict[str, Any]:
    """What the options say about how a stage is run, for its settings."""
    from tag_plugin.pipeline.parts import ALL_PARTS, Share

    return {
        "workers": workers or (CORES if ray is None else 0),
        "restart": restart,
        "parts": ALL_PARTS if parts is None else Share.parse(parts),
        "ray": ray,
        "gpus": gpus,
    }


def named_values(option: str, texts: list[str] | None) -> dict[str, str]:
    """NAME=VALUE options as a mapping.

    Raises:
        ValueError: one has no `=`; the message names the option.
    """
    wrong = next((text for text in texts or () if "=" not in text), None)
    if wrong is not None:
        raise ValueError(f"{option} {wrong!r} is not NAME=VALUE")
    return dict(text.split("=", 1) for text in texts or ())

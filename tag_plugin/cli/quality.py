"""`tag-plugin quality`: face frames -> the ones that are good enough, and a sheet to look at."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tag_plugin.cli.options import (
    Dataset,
    Parts,
    Ray,
    Restart,
    StageWorkers,
    execution,
    named_values,
    print_summary,
)
from tag_plugin.data.terminal import echo, one_line

if TYPE_CHECKING:
    from tag_plugin.pipeline.quality.limits import Limits


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(quality)


def quality(
    dataset: Dataset,
    limits: Annotated[Path | None, typer.Option(help="YAML with limits over the preset's.")] = None,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=VALUE of one limit: sharpness_min=40; null switches off."),
    ] = None,
    keep_duplicates: Annotated[
        bool, typer.Option(help="Report pictures that are in two splits, but keep them.")
    ] = False,
    workers: StageWorkers = None,
    restart: Restart = False,
    parts: Parts = None,
    ray: Ray = None,
) -> None:
    """Drop frames that are blurred, dark, turned away or in two splits; the test split stays whole.

    Limits: sharpness_min, face_size_min, brightness_min, brightness_max, contrast_min, yaw_max,
    pitch_max, roll_max, mirror_error_max, face.
    """
    from tag_plugin.pipeline.quality.check import DUPLICATES, QualitySettings, check
    from tag_plugin.pipeline.quality.limits import limits_for, preset_of

    chosen = limits_for(preset_of(dataset), limits, named_values("--set", change))
    how = execution(workers, restart, parts, ray)
    manifest = check(QualitySettings(dataset, chosen, keep_duplicates, **how))
    if not manifest.waiting_for:
        copies = dataset / DUPLICATES
        listed = f"; duplicates in {copies}" if copies.is_file() else ""
        echo(f"Look at {_draw(dataset, chosen)}{listed}")
    _warn_of_two_labels(dataset)
    print_summary(manifest, f"tag-plugin detect {dataset}")


def _warn_of_two_labels(dataset: Path) -> None:
    from tag_plugin.pipeline.quality.check import prepared_files
    from tag_plugin.pipeline.two_labels import TWO_LABELS, in_words, two_labels

    pairs = two_labels(dataset, prepared_files(dataset))
    if pairs:
        text = f"WARNING {in_words(pairs)}; all of them in {dataset / TWO_LABELS}"
        typer.secho(one_line(text), fg=typer.colors.YELLOW, err=True)


def _draw(dataset: Path, limits: "Limits") -> Path:
    from tag_plugin.pipeline.quality.examples import examples
    from tag_plugin.report.contact_sheet import sheet, write_sheet

    path = dataset / "quality.png"
    write_sheet(sheet(examples(dataset, limits), f"{dataset.name}: quality check"), path)
    return path

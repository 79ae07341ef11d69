"""`tag-plugin data ...`: make a dataset of built rows, check it, look at it."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from tag_plugin.cli.options import CORES, Dataset, Workers, warn_of_loss
from tag_plugin.data.terminal import echo

data = typer.Typer(
    name="data",
    no_args_is_help=True,
    help="After build: set RL rows apart, check and look at a dataset.",
)


@data.command("make")
def make_dataset(
    dataset: Dataset,
    rl_percent: Annotated[
        int, typer.Option(min=0, max=100, help="Share of the train split that RL gets.")
    ] = 20,
    per_class: Annotated[
        int | None, typer.Option(min=1, help="At most so many rows of a class.")
    ] = None,
    rows_per_file: Annotated[
        int, typer.Option(min=1, help="A part with more rows becomes a folder of files.")
    ] = 100_000,
) -> None:
    """Built rows -> SFT, RL and dev without a person or picture in common, and the card.

    `build` alone is enough for SFT; this sets faces apart for GRPO.
    """
    from tag_plugin.pipeline.dataset.make import MakeSettings, make

    made = make(MakeSettings(dataset, rl_percent, per_class, rows_per_file))
    for part, counts in made.counts.items():
        echo(f"{part}: {sum(counts.values())} rows {counts}")
    kept = sum(sum(counts.values()) for counts in made.counts.values())
    warn_of_loss("data make", kept, kept + sum(made.left_out.values()), str(made.left_out))
    echo(f"left out: {made.left_out or 0}; the card: {dataset / 'dataset' / 'README.md'}")
    echo(f"next: tag-plugin data validate {dataset}; train with these lines in the recipe:")
    echo(made.recipe)


@data.command("validate")
def validate_dataset(
    dataset: Dataset,
    pixels: Annotated[bool, typer.Option("--pixels", help="Decode every picture.")] = False,
    workers: Workers = CORES,
) -> None:
    """Check rows, pictures, boxes, traces and splits; every bad row is named."""
    from tag_plugin.pipeline.validate import REPORT, ValidateSettings, validate

    report = validate(ValidateSettings(dataset, workers, pixels))
    for part, count in report.rows.items():
        echo(f"{part}: {count} rows {dict(report.labels.get(part, {}))}")
    for warning in report.warnings:
        echo(f"warning: {warning}")
    for named in report.named[:20]:
        echo(f"error: {named}", err=True)
    verdict = "sound" if report.sound else f"errors: {dict(report.errors)}"
    echo(f"{verdict}; all of it in {dataset / REPORT}")
    raise typer.Exit(0 if report.sound else 1)


@data.command("show")
def show_dataset(
    dataset: Dataset,
    part: Annotated[Literal["sft", "rl", "train", "dev", "test"], typer.Option()] = "train",
    dropped: Annotated[
        bool, typer.Option("--dropped", help="Rows that build left out, each with the reason.")
    ] = False,
    per_label: Annotated[int, typer.Option(min=1, help="Faces of each label.")] = 8,
    seed: Annotated[int, typer.Option(help="Draws others.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="The picture; in the dataset if left out.")
    ] = None,
) -> None:
    """Draw a contact sheet: faces by label, each with its AUs, its id and its trace."""
    from tag_plugin.data.rows import read_rows
    from tag_plugin.pipeline.inputs import files_of_dataset
    from tag_plugin.report.contact_sheet import write_sheet
    from tag_plugin.report.dataset_sheet import faces_sheet

    if dropped:
        _show_dropped(dataset, part, per_label, seed, out)
        return
    files = files_of_dataset(dataset)
    chosen = "sft" if part == "train" and "sft" in files else part
    if chosen not in files:
        raise ValueError(f"{dataset} has no rows of {part!r}, only {', '.join(files) or 'none'}")
    title = f"{dataset.name}: {chosen}, {files[chosen].parent.name}"
    page = faces_sheet(read_rows(files[chosen]), dataset, title, per_label, seed)
    echo(f"Look at {write_sheet(page, out or dataset / f'show-{chosen}.png')}")


def _show_dropped(dataset: Path, split: str, per_label: int, seed: int, out: Path | None) -> None:
    from tag_plugin.data.rows import read_rows
    from tag_plugin.pipeline.stage import dropped_inputs
    from tag_plugin.report.contact_sheet import write_sheet
    from tag_plugin.report.dataset_sheet import faces_sheet

    reasons = {
        each.id: ": ".join(filter(None, (each.reason, each.detail)))
        for each in dropped_inputs(dataset, "built", split)
    }
    if not reasons:
        raise ValueError(f"build dropped nothing of {split!r} in {dataset}")
    detected = read_rows(dataset / "detected" / f"{split}.jsonl")
    rows = (row for row in detected if row.id in reasons)
    title = f"{dataset.name}: {split}, dropped by build"
    page = faces_sheet(rows, dataset, title, per_label, seed, reasons)
    echo(f"Look at {write_sheet(page, out or dataset / f'show-{split}-dropped.png')}")


@data.command("upgrade")
def upgrade_rows(
    path: Annotated[Path, typer.Argument(help="A dataset's folder, or one file of rows.")],
) -> None:
    """Write rows of an older tag-plugin as today's; the old files stay beside the new ones."""
    from tag_plugin.data.upgrade import KEPT, upgrade

    done = upgrade(path)
    for each in done:
        kept = f"; the old file is {each.file.name}{KEPT}" if each.changed else ""
        echo(f"{each.file}: {each.changed} of {each.rows} rows written anew{kept}")
    rows, left_out = sum(each.rows for each in done), sum(each.left_out for each in done)
    warn_of_loss("data upgrade", rows, rows + left_out, "not a row")

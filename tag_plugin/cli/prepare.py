"""`tag-plugin prepare DATASET`: a dataset in its own layout -> face frames."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from tag_plugin.cli.options import (
    CORES,
    DataDir,
    Limit,
    Parts,
    Ray,
    Restart,
    StageWorkers,
    Workers,
    execution,
    named_values,
    print_summary,
)
from tag_plugin.data.terminal import echo

if TYPE_CHECKING:
    from tag_plugin.data.source import Source

prepare = typer.Typer(
    name="prepare", no_args_is_help=True, help="A dataset in its own layout -> face frames."
)

Root = Annotated[Path, typer.Option(help="The dataset in its official layout.")]
Frame = Annotated[
    Literal["auto", "find", "whole"],
    typer.Option(
        help="find: look for every face; whole: pictures as they are.",
    ),
]
Margin = Annotated[float, typer.Option(min=0, max=2, help="Kept around a face that is found.")]
Align = Annotated[bool, typer.Option("--align", help="Turn pictures until the eyes are level.")]
Name = Annotated[str, typer.Option(help="What the dataset is called from now on.")]
Labels = Annotated[
    Literal["basic7", "basic8"],
    typer.Option(help="Its classes; basic8 has contempt."),
]
Class = Annotated[
    list[str] | None,
    typer.Option("--class", help="NAME=EMOTION for a class that does not say it; NAME= skips it."),
]


@prepare.command("synth")
def prepare_synth(
    out: DataDir = Path("data"),
    train: Annotated[int, typer.Option(min=0)] = 4000,
    dev: Annotated[int, typer.Option(min=0)] = 200,
    test: Annotated[int, typer.Option(min=0)] = 300,
    seed: int = 0,
    workers: Workers = CORES,
    name: Name = "synth",
) -> None:
    """Draw procedural faces whose AUs and boxes are known exactly."""
    from tag_plugin.data.synthetic.prepare import prepare_synth as draw_faces

    counts = draw_faces(out, {"train": train, "dev": dev, "test": test}, seed, workers, name)
    echo(f"{out / name}: {counts}; next: tag-plugin detect {out / name}")


@prepare.command("synth_redrawn")
def prepare_redrawn(
    out: DataDir = Path("data"),
    test: Annotated[int, typer.Option(min=1, help="So many test faces are tried.")] = 300,
    seed: int = 0,
    workers: Workers = CORES,
) -> None:
    """The test faces of `synth` again, each with one AU less and one more: for evaluation only."""
    from tag_plugin.data.synthetic.prepare import REDRAWN, prepare_synth

    rows = prepare_synth(out, {"test": test}, seed, workers, REDRAWN, again=True)["test"]
    echo(
        f"{out / REDRAWN}: {rows} drawings of {test} faces; next: tag-plugin detect "
        f"{out / REDRAWN} --detector synthetic"
    )


@prepare.command("ferplus")
def prepare_ferplus(
    root: Root,
    out: DataDir = Path("data"),
    rule: Annotated[
        Literal["majority", "argmax"], typer.Option(help="majority is official.")
    ] = "majority",
    frame: Frame = "auto",
    margin: Margin = 0.25,
    align: Align = False,
    limit: Limit = None,
    workers: StageWorkers = None,
    restart: Restart = False,
    parts: Parts = None,
    ray: Ray = None,
) -> None:
    """FERPlus: FER2013Train, FER2013Valid and FER2013Test with a label.csv in each."""
    from tag_plugin.data import ferplus, file_names

    chosen = ferplus.VoteRule(rule)  # another one makes another benchmark, with its own folder
    name = "ferplus" if chosen is ferplus.VoteRule.MAJORITY else f"ferplus_{chosen}"
    _prepare(
        ferplus.FerPlus(file_names.unpacked(root, ferplus.holds_ferplus), chosen, dataset=name),
        out,
        limit,
        (frame, margin, align),
        execution(workers, restart, parts, ray),
    )


@prepare.command("rafdb")
def prepare_rafdb(
    root: Root,
    out: DataDir = Path("data"),
    images: Annotated[
        Literal["aligned", "original"], typer.Option(help="Which of its pictures.")
    ] = "aligned",
    frame: Frame = "auto",
    margin: Margin = 0.25,
    align: Align = False,
    limit: Limit = None,
    workers: StageWorkers = None,
    restart: Restart = False,
    parts: Parts = None,
    ray: Ray = None,
) -> None:
    """RAF-DB basic: EmoLabel and Image, or DATASET/{train,test}/{1..7}."""
    from tag_plugin.data import file_names, rafdb

    _prepare(
        rafdb.RafDb(file_names.unpacked(root, rafdb.holds_rafdb), rafdb.RafDbImages(images)),
        out,
        limit,
        (frame, margin, align),
        execution(workers, restart, parts, ray),
    )


@prepare.command("affectnet")
def prepare_affectnet(
    root: Root,
    out: DataDir = Path("data"),
    classes: Annotated[int, typer.Option(help="7 or 8.")] = 7,
    frame: Frame = "auto",
    margin: Margin = 0.25,
    align: Align = False,
    limit: Limit = None,
    workers: StageWorkers = None,
    restart: Restart = False,
    parts: Parts = None,
    ray: Ray = None,
) -> None:
    """AffectNet: the full CSV release or the 8-label release."""
    from tag_plugin.data import affectnet, file_names

    _prepare(
        affectnet.AffectNet(file_names.unpacked(root, affectnet.holds_affectnet), classes),
        out,
        limit,
        (frame, margin, align),
        execution(workers, restart, parts, ray),
    )


@prepare.command("folder")
def prepare_folder(
    root: Annotated[Path, typer.Option(help="ROOT/happy, ... or ROOT/{train,dev,test}/happy, ...")],
    name: Name,
    out: DataDir = Path("data"),
    labels: Labels = "basic7",
    classes: Class = None,
    identity: Annotated[
        str | None,
        typer.Option(help="A regular expression whose (group) finds the person in a file's path."),
    ] = None,
    frame: Frame = "auto",
    margin: Margin = 0.25,
    align: Align = False,
    limit: Limit = None,
    workers: StageWorkers = None,
    restart: Restart = False,
    parts: Parts = None,
    ray: Ray = None,
) -> None:
    """Your own pictures, in folders that are named like their classes."""
    from tag_plugin.data.folder import ImageFolder

    _prepare(
        ImageFolder(root, name, labels, named_values("--class", classes), identity),
        out,
        limit,
        (frame, margin, align),
        execution(workers, restart, parts, ray),
    )


@prepare.command("hf")
def prepare_hf(
    source_name: Annotated[str, typer.Argument(help="A set on the hub, or its folder.")],
    name: Name,
    out: DataDir = Path("data"),
    labels: Labels = "basic7",
    classes: Class = None,
    config: Annotated[str | None, typer.Option(help="Of a set that has several.")] = None,
    image_column: Annotated[str | None, typer.Option()] = None,
    label_column: Annotated[str | None, typer.Option()] = None,
    identity_column: Annotated[str | None, typer.Option(help="Who it is.")] = None,
    split: Annotated[
        list[str] | None, typer.Option(help="OURS=THEIRS: dev=validation; may be repeated.")
    ] = None,
    frame: Frame = "auto",
    margin: Margin = 0.25,
    align: Align = False,
    limit: Limit = None,
    workers: StageWorkers = None,
    restart: Restart = False,
    parts: Parts = None,
    ray: Ray = None,
) -> None:
    """Any image-classification set of the datasets library; classes go by name."""
    from tag_plugin.data.hub import HubDataset, parse_splits

    source = HubDataset(
        source_name,
        name,
        labels,
        named_values("--class", classes),
        config,
        image_column,
        label_column,
        identity_column,
        parse_splits(named_values("--split", split)),
    )
    _prepare(source, out, limit, (frame, margin, align), execution(workers, restart, parts, ray))


def _prepare(
    source: "Source",
    out: Path,
    limit: int | None,
    framing: tuple[str, float, bool],
    how: dict[str, Any],
) -> None:
    from tag_plugin.pipeline.framing import Frame, Framing
    from tag_plugin.pipeline.prepare import PrepareSettings, prepare

    frame, margin, align = framing
    framed = Framing(Frame(frame), margin, align)
    for name, text in source.settings.items():
        if name.startswith("counts of ") and text != "as published":
            echo(f"{source.dataset}, {name}: {text}", err=True)
    manifest = prepare(source, PrepareSettings(out, limit, framed, **how))
    print_summary(manifest, f"tag-plugin quality {out / source.dataset}")

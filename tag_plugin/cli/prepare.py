"""`tag-plugin prepare DATASET`: a dataset in its own layout -> face frames."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tag_plugin.cli.options import (
    CORES,
    DataDir,
    Limit,
    Restart,
    ShardOption,
    Workers,
    parse_shard,
    print_summary,
)

if TYPE_CHECKING:
    from tag_plugin.data.source import Source

prepare = typer.Typer(no_args_is_help=True, help="A dataset in its own layout -> face frames.")

Root = Annotated[Path, typer.Option(help="The dataset in its official layout.")]


@prepare.command("synth")
def prepare_synth(
    out: DataDir = Path("data"),
    train: Annotated[int, typer.Option(min=0)] = 4000,
    dev: Annotated[int, typer.Option(min=0)] = 200,
    test: Annotated[int, typer.Option(min=0)] = 300,
    seed: int = 0,
    workers: Workers = CORES,
) -> None:
    """Draw procedural faces whose AUs and boxes are known exactly."""
    from tag_plugin.data.synthetic.prepare import prepare_synth as draw_faces

    counts = draw_faces(out, {"train": train, "dev": dev, "test": test}, seed, workers)
    typer.echo(f"{out / 'synth'}: {counts}; next: tag-plugin detect {out / 'synth'}")


@prepare.command("ferplus")
def prepare_ferplus(
    root: Root,
    out: DataDir = Path("data"),
    rule: Annotated[str, typer.Option(help="majority (official) or argmax.")] = "majority",
    limit: Limit = None,
    workers: Workers = CORES,
    restart: Restart = False,
    shard: ShardOption = None,
) -> None:
    """FERPlus: FER2013Train, FER2013Valid and FER2013Test with a label.csv in each."""
    from tag_plugin.data.ferplus import FerPlus, VoteRule

    _prepare(FerPlus(root, VoteRule(rule)), out, limit, workers, restart, shard)


@prepare.command("rafdb")
def prepare_rafdb(
    root: Root,
    out: DataDir = Path("data"),
    images: Annotated[str, typer.Option(help="aligned or original.")] = "aligned",
    limit: Limit = None,
    workers: Workers = CORES,
    restart: Restart = False,
    shard: ShardOption = None,
) -> None:
    """RAF-DB basic: EmoLabel and Image, or DATASET/{train,test}/{1..7}."""
    from tag_plugin.data.rafdb import RafDb, RafDbImages

    _prepare(RafDb(root, RafDbImages(images)), out, limit, workers, restart, shard)


@prepare.command("affectnet")
def prepare_affectnet(
    root: Root,
    out: DataDir = Path("data"),
    classes: Annotated[int, typer.Option(help="7 or 8.")] = 7,
    limit: Limit = None,
    workers: Workers = CORES,
    restart: Restart = False,
    shard: ShardOption = None,
) -> None:
    """AffectNet: the full CSV release or the 8-label release."""
    from tag_plugin.data.affectnet import AffectNet

    _prepare(AffectNet(root, classes), out, limit, workers, restart, shard)


def _prepare(
    source: "Source", out: Path, limit: int | None, workers: int, restart: bool, shard: str | None
) -> None:
    from tag_plugin.pipeline.prepare import PrepareSettings, prepare

    settings = PrepareSettings(out, limit, workers, restart, parse_shard(shard))
    print_summary(prepare(source, settings), f"tag-plugin detect {out / source.dataset}")

"""`tag-plugin`: a thin layer over the modules; every command is one call.

Imports happen inside the commands, so that `tag-plugin --help` loads nothing heavy.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tag_plugin.data.source import Source
    from tag_plugin.pipeline.manifest import Manifest

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
prepare = typer.Typer(no_args_is_help=True, help="A dataset in its own layout -> face frames.")
tiny = typer.Typer(no_args_is_help=True, help="The embedded tiny model.")
app.add_typer(prepare, name="prepare")
app.add_typer(tiny, name="tiny")

Root = Annotated[Path, typer.Option(help="The dataset in its official layout.")]
DataDir = Annotated[Path, typer.Option("--out", help="The data directory (TAG_DATA_DIR).")]
Dataset = Annotated[Path, typer.Argument(help="A dataset in the data directory: data/ferplus.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes.")]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many entries of each split.")]
Restart = Annotated[bool, typer.Option(help="Make it anew instead of going on.")]

_CORES = os.cpu_count() or 1


@prepare.command("synth")
def prepare_synth(
    out: DataDir = Path("data"),
    train: Annotated[int, typer.Option(min=0)] = 4000,
    dev: Annotated[int, typer.Option(min=0)] = 200,
    test: Annotated[int, typer.Option(min=0)] = 300,
    seed: int = 0,
    workers: Workers = _CORES,
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
    workers: Workers = _CORES,
    restart: Restart = False,
) -> None:
    """FERPlus: FER2013Train, FER2013Valid and FER2013Test with a label.csv in each."""
    from tag_plugin.data.ferplus import FerPlus, VoteRule

    _prepare(FerPlus(root, VoteRule(rule)), out, limit, workers, restart)


@prepare.command("rafdb")
def prepare_rafdb(
    root: Root,
    out: DataDir = Path("data"),
    images: Annotated[str, typer.Option(help="aligned or original.")] = "aligned",
    limit: Limit = None,
    workers: Workers = _CORES,
    restart: Restart = False,
) -> None:
    """RAF-DB basic: EmoLabel and Image, or DATASET/{train,test}/{1..7}."""
    from tag_plugin.data.rafdb import RafDb, RafDbImages

    _prepare(RafDb(root, RafDbImages(images)), out, limit, workers, restart)


@prepare.command("affectnet")
def prepare_affectnet(
    root: Root,
    out: DataDir = Path("data"),
    classes: Annotated[int, typer.Option(help="7 or 8.")] = 7,
    limit: Limit = None,
    workers: Workers = _CORES,
    restart: Restart = False,
) -> None:
    """AffectNet: the full CSV release or the 8-label release."""
    from tag_plugin.data.affectnet import AffectNet

    _prepare(AffectNet(root, classes), out, limit, workers, restart)


def _prepare(source: "Source", out: Path, limit: int | None, workers: int, restart: bool) -> None:
    from tag_plugin.pipeline.prepare import PrepareSettings, prepare

    manifest = prepare(source, PrepareSettings(out, limit, workers, restart))
    _summary(manifest, f"tag-plugin detect {out / source.dataset}")


@app.command()
def detect(
    dataset: Dataset,
    detector: Annotated[str, typer.Option(help="mediapipe, cached or synthetic.")] = "mediapipe",
    option: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE for the detector: model=FILE.")
    ] = None,
    workers: Workers = _CORES,
    restart: Restart = False,
) -> None:
    """Face frames -> Action Units and their boxes."""
    from tag_plugin.pipeline.detect import DetectSettings, detect

    options = dict(_pair(text) for text in option or ())
    manifest = detect(DetectSettings(dataset, detector, options, workers, restart))
    _summary(manifest, f"tag-plugin build {dataset}")


@app.command()
def build(
    dataset: Dataset,
    writer: Annotated[str, typer.Option(help="rules.")] = "rules",
    seed: Annotated[int, typer.Option(help="Varies the wording.")] = 0,
    workers: Workers = _CORES,
    restart: Restart = False,
) -> None:
    """Detected rows -> rows with a verified trace, and LLaMA-Factory's entry for them."""
    from tag_plugin.pipeline.build import BuildSettings, build

    built = build(BuildSettings(dataset, writer, seed, workers, restart))
    _summary(built.manifest, "train with these lines in the recipe:")
    typer.echo(built.recipe)


def _pair(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found:
        raise ValueError(f"--option {text!r} is not NAME=VALUE")
    return name, value


def _summary(manifest: "Manifest", next_command: str) -> None:
    for split, summary in manifest.splits.items():
        dropped = {reason: found["count"] for reason, found in summary["dropped"].items()}
        typer.echo(f"{split}: {summary['rows']} rows {summary['counts']}, dropped {dropped or 0}")
    typer.echo(f"All of it in {manifest.path}; next: {next_command}")


@tiny.command("base")
def tiny_base(out: Annotated[Path, typer.Option()] = Path("runs/tiny_base")) -> None:
    """Write the tiny base model that ships with the package, ready to train."""
    from tag_plugin.tiny import write_base

    typer.echo(f"The tiny base model in {write_base(out)}")


@tiny.command("pretrain")
def tiny_pretrain(
    out: Annotated[Path, typer.Option()] = Path("runs/pretrained"), seed: int = 0
) -> None:
    """Train that base model again, from nothing; about half an hour on two cores."""
    from tag_plugin.tiny.pretrain import pretrain

    pretrain(out, seed=seed)


@app.command()
def draw(
    results: Annotated[Path, typer.Argument(help="lmms-eval's output folder, or a samples file.")],
    out: Annotated[Path, typer.Option(help="Where the pictures go.")] = Path("pictures"),
    count: Annotated[int, typer.Option(min=1, help="Pictures a task.")] = 24,
) -> None:
    """Draw what a model pointed at: reference and predicted boxes, the trace beside them."""
    from tag_plugin.report.samples import draw_samples, sample_files

    for path in sample_files(results):
        folder = out / path.stem.rpartition("samples_")[2]
        typer.echo(f"{len(draw_samples(path, folder, count))} pictures in {folder}")


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """What is armed and registered, found or missing, and the next command."""
    from tag_plugin.doctor import collect, render

    report = collect()
    if as_json:
        typer.echo(report.model_dump_json(indent=2))
    else:
        render(report)
    raise typer.Exit(0 if report.healthy else 1)


@app.command()
def demo(out: Annotated[Path, typer.Option()] = Path("runs/demo")) -> None:
    """Faces, SFT, evaluation before and after, a table and pictures: all on one CPU."""
    from tag_plugin.demo import run_demo

    run_demo(out)


@app.command()
def recipes(out: Annotated[Path, typer.Option()] = Path("recipes")) -> None:
    """Copy the LLaMA-Factory recipes here."""
    from tag_plugin.hosts.paths import copy_recipes

    typer.echo(f"Recipes in {copy_recipes(out)}")


def main() -> None:
    """Run a command; a known kind of error becomes one line and exit code 1.

    TAG_PLUGIN_DEBUG=1 shows its traceback instead.
    """
    try:
        app()
    except (ValueError, RuntimeError, OSError) as error:
        if os.environ.get("TAG_PLUGIN_DEBUG"):
            raise
        sys.exit(f"tag-plugin: {error}")

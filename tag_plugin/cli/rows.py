"""`tag-plugin detect` and `tag-plugin build`: face frames -> detections -> rows."""

from typing import Annotated

import typer

from tag_plugin.cli.options import CORES, Dataset, Restart, Workers, print_summary


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(detect)
    app.command()(build)


def detect(
    dataset: Dataset,
    detector: Annotated[str, typer.Option(help="mediapipe, cached or synthetic.")] = "mediapipe",
    option: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE for the detector: model=FILE.")
    ] = None,
    workers: Workers = CORES,
    restart: Restart = False,
) -> None:
    """Face frames -> Action Units and their boxes."""
    from tag_plugin.pipeline.detect import DetectSettings, detect

    options = dict(_pair(text) for text in option or ())
    manifest = detect(DetectSettings(dataset, detector, options, workers, restart))
    print_summary(manifest, f"tag-plugin build {dataset}")


def build(
    dataset: Dataset,
    writer: Annotated[str, typer.Option(help="rules.")] = "rules",
    seed: Annotated[int, typer.Option(help="Varies the wording.")] = 0,
    workers: Workers = CORES,
    restart: Restart = False,
) -> None:
    """Detected rows -> rows with a verified trace, and LLaMA-Factory's entry for them."""
    from tag_plugin.pipeline.build import BuildSettings, build

    built = build(BuildSettings(dataset, writer, seed, workers, restart))
    print_summary(built.manifest, "train with these lines in the recipe:")
    typer.echo(built.recipe)


def _pair(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found:
        raise ValueError(f"--option {text!r} is not NAME=VALUE")
    return name, value

"""`tag-plugin detect` and `tag-plugin build`: face frames -> detections -> rows."""

from typing import Annotated

import typer

from tag_plugin.cli.options import (
    CORES,
    Dataset,
    DetectorName,
    DetectorOption,
    Restart,
    ShardOption,
    Workers,
    named_values,
    parse_shard,
    print_summary,
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(detect)
    app.command()(build)


def detect(
    dataset: Dataset,
    detector: DetectorName = "mediapipe",
    option: DetectorOption = None,
    workers: Workers = CORES,
    restart: Restart = False,
    shard: ShardOption = None,
) -> None:
    """Face frames -> Action Units and their boxes."""
    from tag_plugin.pipeline.detect import DetectSettings, detect

    options = named_values("--option", option)
    part = parse_shard(shard)
    manifest = detect(DetectSettings(dataset, detector, options, workers, restart, part))
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

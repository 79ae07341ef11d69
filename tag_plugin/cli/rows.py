"""`tag-plugin detect` and `tag-plugin build`: face frames -> detections -> rows."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tag_plugin.cli.options import (
    Dataset,
    DetectorName,
    DetectorOption,
    Parts,
    Ray,
    Restart,
    StageWorkers,
    execution,
    named_values,
    print_summary,
)
from tag_plugin.data.terminal import echo

if TYPE_CHECKING:
    from tag_plugin.pipeline.manifest import Manifest
    from tag_plugin.pipeline.write.settings import WriterSettings


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(detect)
    app.command()(build)


def detect(
    dataset: Dataset,
    detector: DetectorName = "mediapipe",
    option: DetectorOption = None,
    workers: StageWorkers = None,
    restart: Restart = False,
    parts: Parts = None,
    ray: Ray = None,
    gpus: Annotated[
        float, typer.Option(min=0, help="GPUs of each worker on Ray: 1, or a share of one.")
    ] = 0.0,
) -> None:
    """Face frames -> Action Units and their boxes."""
    from tag_plugin.pipeline.detect import DetectSettings, detect

    options = named_values("--option", option)
    how = execution(workers, restart, parts, ray, gpus)
    manifest = detect(DetectSettings(dataset, detector, options, **how))
    print_summary(manifest, f"tag-plugin build {dataset}")


def build(
    dataset: Dataset,
    writer: Annotated[
        str | None, typer.Option(help="rules (the default) or openai: see docs/writers.md.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Varies the wording.")] = 0,
    on: Annotated[
        float | None,
        typer.Option(
            help="Traces name AUs from this probability on (0.5); weaker ones stay undecided."
        ),
    ] = None,
    top_k: Annotated[
        int | None,
        typer.Option(min=1, help="Traces name so many AUs at most (6), the most probable ones."),
    ] = None,
    workers: StageWorkers = None,
    restart: Restart = False,
    parts: Parts = None,
    ray: Ray = None,
    writer_config: Annotated[
        Path | None, typer.Option(help="YAML: everything that a model can be told.")
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="openai: the address, http://HOST:PORT/v1.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="openai: the name it is served under.")] = None,
    mode: Annotated[
        str | None, typer.Option(help="insert (the detector's boxes) or verify (the writer's).")
    ] = None,
    box_frame: Annotated[
        str | None, typer.Option(help="relative or absolute: how the model writes boxes.")
    ] = None,
    concurrency: Annotated[int | None, typer.Option(help="Requests in flight.")] = None,
    budget: Annotated[
        float | None, typer.Option(help="The most that all replies may cost; needs a price.")
    ] = None,
    budget_requests: Annotated[int | None, typer.Option(help="The most replies.")] = None,
) -> None:
    """Detected rows -> rows with a verified trace, and LLaMA-Factory's entry for them."""
    from tag_plugin.facs.detections import Thresholds
    from tag_plugin.pipeline.build import BuildSettings, build
    from tag_plugin.scoring.score import DEFAULT_JUDGE, JudgeConfig

    flags = {
        "writer": writer,
        "base_url": endpoint,
        "model": model,
        "mode": mode,
        "box_frame": box_frame,
        "concurrency": concurrency,
        "budget": _given(cost=budget, requests=budget_requests),
    }
    asked = _model_settings(writer_config, flags)
    name = writer or "rules"
    judge = JudgeConfig(
        thresholds=DEFAULT_JUDGE.thresholds if on is None else Thresholds(on=on),
        top_k=top_k or DEFAULT_JUDGE.top_k,
    )
    how = execution(workers, restart, parts, ray)
    built = build(BuildSettings(dataset, name, seed, judge, asked, **how))
    _print_statistics(built.manifest)
    print_summary(built.manifest, "train with these lines in the recipe:")
    if not built.manifest.waiting_for:
        echo(built.recipe)


def _model_settings(config: Path | None, flags: dict[str, Any]) -> "WriterSettings | None":
    """None without a file when the writer is none of the models."""
    if config is None and flags["writer"] not in ("openai", "local"):
        given = [name for name, value in flags.items() if value and name != "writer"]
        if given:
            raise ValueError(f"{', '.join(given)}: only for --writer openai")
        return None
    from tag_plugin.pipeline.write.settings import load_settings

    return load_settings(config, flags)


def _print_statistics(manifest: "Manifest") -> None:
    from tag_plugin.data.console import console
    from tag_plugin.pipeline.write.statistics import STATISTICS, table

    for split, summary in manifest.splits.items():
        if STATISTICS in summary:
            console().print(table(split, summary[STATISTICS]))


def _given(**values: float | None) -> dict[str, float]:
    return {name: value for name, value in values.items() if value is not None}

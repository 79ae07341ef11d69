"""`tag-plugin quality`, `detect` and `build`: face frames -> good ones -> detections -> rows."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

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
    warn_in_colour,
)
from tag_plugin.data.terminal import echo, warn

if TYPE_CHECKING:
    from tag_plugin.pipeline.write.settings import WriterSettings


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
    from tag_plugin.pipeline.duplicates import TWO_LABELS, in_words, two_labels
    from tag_plugin.pipeline.inputs import prepared_files
    from tag_plugin.pipeline.quality.check import DUPLICATES, QualitySettings, check
    from tag_plugin.pipeline.quality.examples import examples
    from tag_plugin.pipeline.quality.limits import limits_for, preset_of
    from tag_plugin.report.contact_sheet import TILE_COLUMNS, captioned, sheet, write_sheet

    chosen = limits_for(preset_of(dataset), limits, named_values("--set", change))
    how = execution(workers, restart, parts, ray)
    manifest = check(QualitySettings(dataset, chosen, keep_duplicates, **how))
    if not manifest.waiting_for:
        copies = dataset / DUPLICATES
        listed = f"; duplicates in {copies}" if copies.is_file() else ""
        cards = {
            group.title: [partial(captioned, each.image, each.caption) for each in group.examples]
            for group in examples(dataset, chosen)
        }
        page = sheet(cards, f"{dataset.name}: quality check", TILE_COLUMNS)
        echo(f"Look at {write_sheet(page, dataset / 'quality.png')}{listed}")
    if pairs := two_labels(dataset, prepared_files(dataset)):
        warn_in_colour(f"{in_words(pairs)}; all of them in {dataset / TWO_LABELS}")
    print_summary(manifest, f"tag-plugin detect {dataset}")


def detect(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="DATASET|IMAGE...",
            help="A dataset in the data directory: data/ferplus; with --show any pictures.",
        ),
    ],
    detector: DetectorName = "mediapipe",
    option: DetectorOption = None,
    show: Annotated[
        bool, typer.Option("--show", help="Draw what the detector sees on single pictures.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="With --show: where the drawings go (pictures).")
    ] = None,
    workers: StageWorkers = None,
    restart: Restart = False,
    parts: Parts = None,
    ray: Ray = None,
    gpus: Annotated[
        float, typer.Option(min=0, help="GPUs of each worker on Ray: 1, or a share of one.")
    ] = 0.0,
) -> None:
    """Face frames -> Action Units and their boxes; with --show, what is seen on any picture."""
    options = named_values("--option", option)
    if show:
        if workers or restart or parts or ray or gpus:
            raise ValueError("--show takes --detector, --option and --out; the rest is of datasets")
        _show_pictures(paths, detector, options, out or Path("pictures"))
        return
    if len(paths) > 1 or out is not None:
        raise ValueError("detect takes one dataset; next: --show before --out or several pictures")
    from tag_plugin.pipeline.detect import DetectSettings, detect

    how = execution(workers, restart, parts, ray, gpus)
    settings = DetectSettings(paths[0], detector, options, **how)
    print_summary(detect(settings), f"tag-plugin build {paths[0]}")


def _show_pictures(paths: list[Path], name: str, options: dict[str, str], out: Path) -> None:
    """Draw each picture and print its table; exit code 1 where one could not be drawn."""
    from tag_plugin.data.console import console
    from tag_plugin.detectors.registry import detector as open_detector
    from tag_plugin.pipeline.outcomes import Dropped
    from tag_plugin.pipeline.single_pictures import drawing_names, look_at
    from tag_plugin.report.contact_sheet import write_sheet
    from tag_plugin.report.detected_picture import (
        detected_picture,
        detection_table,
        framed_as,
    )

    if out.exists() and not out.is_dir():
        raise ValueError(f"--out {out} is a file; next: name a folder for the drawings")
    drawn = 0
    with open_detector(name, **options) as opened:
        for seen, file_name in zip(look_at(paths, opened), drawing_names(paths), strict=True):
            if isinstance(seen, Dropped):
                warn(f"{seen.id}: {seen.reason}: {seen.detail}")
                continue
            echo(f"{seen.path}: {framed_as(seen.info)}")
            console().print(detection_table(seen.detections, opened.info.thresholds))
            page = detected_picture(
                seen.path.name, seen.frame, seen.info, seen.detections, opened.info
            )
            echo(f"Look at {write_sheet(page, out / file_name)}")
            drawn += 1
    if drawn < len(paths):
        raise typer.Exit(1)


def build(
    dataset: Dataset,
    writer: Annotated[
        Literal["rules", "openai"] | None,
        typer.Option(
            help="rules is the default; openai: any such server, see docs/writers.md.",
        ),
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
    support: Annotated[
        Literal["own", "any"],
        typer.Option(
            help="own: SFT rows only where AUs of the label's own are on; any: every row.",
        ),
    ] = "own",
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
        Literal["insert", "verify"] | None,
        typer.Option(
            help="insert: the detector's boxes; verify: the writer's.",
        ),
    ] = None,
    box_frame: Annotated[
        str | None, typer.Option(help="relative, absolute or fraction: how the model writes boxes.")
    ] = None,
    concurrency: Annotated[int | None, typer.Option(help="Requests in flight.")] = None,
    budget: Annotated[
        float | None, typer.Option(help="The most that all replies may cost; needs a price.")
    ] = None,
    budget_requests: Annotated[int | None, typer.Option(help="The most replies.")] = None,
) -> None:
    """Detected rows -> rows with a verified trace, and LLaMA-Factory's entry for them."""
    from tag_plugin.data.console import console
    from tag_plugin.facs.detections import Thresholds
    from tag_plugin.pipeline.build import BuildSettings, build
    from tag_plugin.pipeline.support import SupportRule, table
    from tag_plugin.pipeline.write.statistics import STATISTICS
    from tag_plugin.pipeline.write.statistics import table as writer_table
    from tag_plugin.scoring.score import DEFAULT_JUDGE, JudgeConfig

    budgets = {"cost": budget, "requests": budget_requests}
    flags = {
        "writer": writer,
        "base_url": endpoint,
        "model": model,
        "mode": mode,
        "box_frame": box_frame,
        "concurrency": concurrency,
        "budget": {name: value for name, value in budgets.items() if value is not None},
    }
    asked = _model_settings(writer_config, flags)
    judge = JudgeConfig(
        thresholds=DEFAULT_JUDGE.thresholds if on is None else Thresholds(on=on),
        top_k=top_k or DEFAULT_JUDGE.top_k,
    )
    how = execution(workers, restart, parts, ray)
    rule = SupportRule(support)
    built = build(BuildSettings(dataset, writer or "rules", seed, judge, rule, asked, **how))
    for split, summary in built.manifest.splits.items():
        if STATISTICS in summary:
            console().print(writer_table(split, summary[STATISTICS]))
        if split == "train" and "by_class" in summary:
            console().print(table(split, summary["by_class"]))
    print_summary(built.manifest, "train with these lines in the recipe:")
    if built.longest_trace:
        echo(
            f"the longest trace has about {built.longest_trace} tokens: max_completion_length of a "
            "GRPO recipe must take it"
        )
    if not built.manifest.waiting_for:
        echo(built.recipe)


def _model_settings(config: Path | None, flags: dict[str, Any]) -> "WriterSettings | None":
    """None without a file when the writer is none of the models."""
    if config is None and flags["writer"] not in ("openai", "local"):
        if given := [name for name, value in flags.items() if value and name != "writer"]:
            raise ValueError(f"{', '.join(given)}: only for --writer openai")
        return None
    from tag_plugin.pipeline.write.settings import load_settings

    return load_settings(config, flags)

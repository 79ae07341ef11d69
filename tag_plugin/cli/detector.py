"""`tag-plugin detector`: train one, compare two."""

from pathlib import Path
from typing import Annotated

import typer

from tag_plugin.cli.options import Dataset

detector = typer.Typer(no_args_is_help=True, help="AU detectors: train one, compare two.")


@detector.command("train")
def detector_train(
    dataset: Dataset,
    out: Annotated[Path, typer.Option(help="The detector's folder; must not exist.")],
    model: Annotated[str, typer.Option(help="A definition of ultralytics, or a YAML file.")] = (
        "yolo11n.yaml"
    ),
    start: Annotated[Path | None, typer.Option(help="A .pt file to start from.")] = None,
    image_size: Annotated[int, typer.Option(min=32, help="Input side, a multiple of 32.")] = 448,
    epochs: Annotated[int, typer.Option(min=1)] = 50,
    minutes: Annotated[float | None, typer.Option(min=0.1, help="Stop after so long.")] = None,
    batch: Annotated[int, typer.Option(min=1)] = 32,
    workers: Annotated[int, typer.Option(min=0, help="Processes that read images.")] = 2,
    device: Annotated[str | None, typer.Option(help="cpu, 0, or 0,1; its own choice.")] = None,
    seed: int = 0,
    min_faces: Annotated[int, typer.Option(min=1, help="Rarer AUs are left out.")] = 20,
    copy: Annotated[bool, typer.Option(help="Copy the images instead of linking.")] = False,
) -> None:
    """Train a YOLO on a dataset's detected rows; needs the extra `yolo` (AGPL-3.0)."""
    from tag_plugin.detectors.yolo.card import CARD, MARKDOWN
    from tag_plugin.detectors.yolo.train import TrainSettings, train

    card = train(
        TrainSettings(
            directory=dataset,
            out=out,
            model=model,
            start=start,
            image_size=image_size,
            epochs=epochs,
            minutes=minutes,
            batch=batch,
            workers=workers,
            device=device,
            seed=seed,
            min_faces=min_faces,
            copy=copy,
        )
    )
    for split, score in card.scores.items():
        typer.echo(f"{split}: mAP50 {score.map50:.3f}, mAP50-95 {score.map:.3f}")
    typer.echo(f"Card in {out / MARKDOWN} and {out / CARD}; next: tag-plugin detect DATASET ")
    typer.echo(f"  --detector yolo --option weights={out}")

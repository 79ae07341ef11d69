"""`tag-plugin detector`: fit the heads, train one, compare two."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from tag_plugin.cli.options import Dataset, named_values
from tag_plugin.data.terminal import echo

detector = typer.Typer(
    name="detector", no_args_is_help=True, help="AU detectors: fit, train, compare."
)


@detector.command("fit")
def detector_fit(
    dataset: Dataset,
    out: Annotated[
        Path | None, typer.Option(help="The file to write; DATA_DIR/<dataset>/heads.json.")
    ] = None,
) -> None:
    """Fit the heads of the default detector on a dataset's train rows, as `detect` left them."""
    from tag_plugin.data.atomic_write import write_text
    from tag_plugin.data.console import console
    from tag_plugin.detectors.fit import auc_table, fit
    from tag_plugin.detectors.kept_meshes import kept_faces

    faces = kept_faces(dataset, "train")
    heads = fit(faces, {"fitted_on": f"{dataset.name}, train, {len(faces.labels)} faces"})
    target = out or dataset / "heads.json"
    write_text(target, heads.model_dump_json(indent=None) + "\n")
    console().print(auc_table(heads))
    echo(f"Heads in {target}; next: tag-plugin detect {dataset} --restart --option heads={target}")


@detector.command("train")
def detector_train(
    dataset: Dataset,
    out: Annotated[Path, typer.Option(help="The detector's folder; must not exist.")],
    model: Annotated[str, typer.Option(help="A definition of ultralytics, or a YAML file.")] = (
        "yolo11n.yaml"
    ),
    width: Annotated[float, typer.Option(min=0.1, max=4, help="Channels; 0.5 halves them.")] = 1.0,
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
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=VALUE for ultralytics: lr0=0.002.")
    ] = None,
) -> None:
    """Train a YOLO on a dataset's detected rows; needs the extra `yolo` (AGPL-3.0)."""
    import yaml

    from tag_plugin.detectors.yolo.card import CARD, MARKDOWN
    from tag_plugin.detectors.yolo.train import TrainSettings, train

    card = train(
        TrainSettings(
            directory=dataset,
            out=out,
            model=model,
            width=width,
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
            more={k: yaml.safe_load(v) for k, v in named_values("--set", setting).items()},
        )
    )
    for split, score in card.scores.items():
        echo(f"{split}: mAP50 {score.map50:.3f}, mAP50-95 {score.map:.3f}")
    echo(f"Card in {out / MARKDOWN} and {out / CARD}; next: tag-plugin detect DATASET ")
    echo(f"  --detector yolo --option weights={out}")


@detector.command("compare")
def detector_compare(
    first: Annotated[str, typer.Argument(help="Detected rows (file, folder), or a detector.")],
    second: Annotated[str, typer.Argument(help="Likewise.")],
    dataset: Annotated[
        Path | None, typer.Option(help="The faces that a detector by name runs over.")
    ] = None,
    option_a: Annotated[list[str] | None, typer.Option(help="NAME=VALUE for the first.")] = None,
    option_b: Annotated[list[str] | None, typer.Option(help="NAME=VALUE for the second.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many rows.")] = None,
    out: Annotated[Path, typer.Option(help="The picture.")] = Path("compare.png"),
) -> None:
    """How far two detectors agree, AU by AU: a table and a picture."""
    from tag_plugin.data.console import console
    from tag_plugin.detectors import agreement, au_arrays
    from tag_plugin.report.agreement import agreement_table, draw_agreement

    compared = agreement.compare(
        au_arrays.read(first, dataset, named_values("--option-a", option_a), limit),
        au_arrays.read(second, dataset, named_values("--option-b", option_b), limit),
    )
    console(width=None if sys.stdout.isatty() else 160).print(agreement_table(compared))
    draw_agreement(compared, out)
    echo(f"The picture: {out}")

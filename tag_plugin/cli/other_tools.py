"""For other tools: `tag-plugin prompt`, a TAG model's question, and `export-rl`, rows for RL."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from tag_plugin.cli.options import BoxFrameName, Dataset, LabelSetName, Styles
from tag_plugin.data.terminal import echo


def prompt(
    template: Annotated[str, typer.Option(help="The model's tag_ template (tag_plugin.json).")],
    label_set: LabelSetName = "basic7",
    style: Annotated[Styles, typer.Option(help="As it was trained.")] = "grounded",
    box_frame: BoxFrameName = None,
    image: Annotated[
        Path | None,
        typer.Option(help="A 448x448 face frame: print the messages of a chat request as JSON."),
    ] = None,
) -> None:
    """The system text and the user's text, exactly as training sends them."""
    from tag_plugin.facs.emotions import label_set as labels_named
    from tag_plugin.hosts.llamafactory.question import training_question
    from tag_plugin.hosts.llamafactory.templates import read_box_frame
    from tag_plugin.trace.prompt import Style

    question = training_question(
        template, labels_named(label_set), Style(style), read_box_frame(box_frame)
    )
    if image is not None:
        echo(json.dumps(question.messages(image), ensure_ascii=False))
        return
    echo(f"system:\n{question.system}\n" if question.system else "system: none\n")
    echo(f"user, after the picture, a 448x448 face frame in RGB:\n{question.user}")


def export_rl(
    host: Annotated[Literal["easyr1", "verl", "swift"], typer.Argument(help="Whose format.")],
    dataset: Dataset,
    template: Annotated[
        str, typer.Option(help="The model's tag_ template: says in which frame boxes are.")
    ],
    box_frame: BoxFrameName = None,
    out: Annotated[
        Path | None, typer.Option(help="Where the files go; DATASET/rl_HOST when not given.")
    ] = None,
    undetected: Annotated[
        bool, typer.Option(help="Keep rows without detections; grounding does not apply to them.")
    ] = False,
) -> None:
    """Detected rows -> the host's own format, and the lines that start a run with TAG's rewards."""
    from tag_plugin.hosts.llamafactory.templates import frame_of, read_box_frame
    from tag_plugin.hosts.rl_rows import export, rl_host

    adapter, frame = rl_host(host), frame_of(template, read_box_frame(box_frame))
    folder = (out or dataset / f"rl_{host}").resolve()
    exported = export(adapter, dataset, folder, frame, undetected=undetected)
    for split, path in exported.files.items():
        echo(f"{split}: {exported.rows[split]} rows in {path}")
    for reason, count in exported.left_out.items():
        echo(f"left out: {count} rows ({reason})")
    echo(f"boxes: {frame}; next, in {host}'s own environment with tag-plugin installed:")
    echo(adapter.command(exported.files))

"""`tag-plugin prompt`: the question that a TAG model was trained on."""

import json
from pathlib import Path
from typing import Annotated, Final

import typer

from tag_plugin.data.terminal import echo

STYLES: Final = ("grounded", "direct", "cot")  # of trace.prompt.Style, which takes long to import


def prompt(
    template: Annotated[str, typer.Option(help="The model's tag_ template (tag_plugin.json).")],
    label_set: Annotated[str, typer.Option(help="The emotions to choose from.")] = "basic7",
    style: Annotated[str, typer.Option(help=f"As it was trained: {', '.join(STYLES)}.")] = STYLES[
        0
    ],
    image: Annotated[
        Path | None,
        typer.Option(help="A 448x448 face frame: print the messages of a chat request as JSON."),
    ] = None,
) -> None:
    """The system text and the user's text, exactly as training sends them."""
    from tag_plugin.facs.emotions import label_set as labels_named
    from tag_plugin.hosts.llamafactory.question import training_question
    from tag_plugin.trace.prompt import Style

    if style not in STYLES:
        raise ValueError(f"--style {style!r} is none of {', '.join(STYLES)}")
    question = training_question(template, labels_named(label_set), Style(style))
    if image is not None:
        echo(json.dumps(question.messages(image), ensure_ascii=False))
        return
    echo(f"system:\n{question.system}\n" if question.system else "system: none\n")
    echo(f"user, after the picture, a 448x448 face frame in RGB:\n{question.user}")

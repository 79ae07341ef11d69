"""`tag-plugin look`: from a photograph to an answer that one can check."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tag_plugin.cli.options import (
    BoxFrameName,
    DetectorName,
    DetectorOption,
    LabelSetName,
    named_values,
)
from tag_plugin.data.terminal import echo, warn

if TYPE_CHECKING:
    from tag_plugin.data.rows import DetectorInfo
    from tag_plugin.facs.boxes import BoxFrame
    from tag_plugin.facs.emotions import LabelSet
    from tag_plugin.look.models import Model
    from tag_plugin.look.run import FoundFace, LookedFace


def look(
    photographs: Annotated[
        list[Path], typer.Argument(metavar="PHOTO...", help="Photographs, or folders of them.")
    ],
    model: Annotated[
        str | None,
        typer.Option(help="A TAG checkpoint; with --endpoint the name that it is served under."),
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="An OpenAI-compatible server: http://127.0.0.1:8000/v1.")
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(help="The model's tag_ template, where no tag_plugin.json says it."),
    ] = None,
    box_frame: BoxFrameName = None,
    label_set: LabelSetName = "basic7",
    detector: DetectorName = "mediapipe",
    option: DetectorOption = None,
    out: Annotated[Path, typer.Option(help="Where pictures, JSON and the page go.")] = Path("look"),
) -> None:
    """Ask a model about photographs, and see what the detector says of each claim.

    Every face is found, asked about and checked: claims are confirmed, contradicted or not
    measurable. Writes OUT/look.html, look.json, and a picture a face.
    """
    from tag_plugin.detectors.registry import detector as open_detector
    from tag_plugin.facs.emotions import label_set as labels_named
    from tag_plugin.hosts.llamafactory.templates import read_box_frame
    from tag_plugin.look.page import write_look_page
    from tag_plugin.look.run import Look, write_look
    from tag_plugin.look.run import look as look_at
    from tag_plugin.look.run import photographs as files_of

    if out.exists() and not out.is_dir():
        raise ValueError(f"--out {out} is a file; next: name a folder")
    labels, files = labels_named(label_set), files_of(photographs)
    with open_detector(detector, **named_values("--option", option)) as opened:
        asked = _asked(model, endpoint, template, labels, read_box_frame(box_frame))
        seen: list[LookedFace | str] = []
        for each in look_at(files, asked, opened, labels, out):
            if isinstance(each, str):
                warn(each)
                seen.append(each)
            else:
                _show(*each, opened.info, out)
                seen.append(each[1])
        found = Look.of(asked, labels, opened.info, seen)
    echo(f"All of it in {write_look(found, out)}; look at {write_look_page(found, out)}")
    if found.left_out:
        raise typer.Exit(1)


def app(
    model: Annotated[list[Path], typer.Option(help="A TAG checkpoint; twice: two side by side.")],
    template: Annotated[
        str | None,
        typer.Option(help="The models' tag_ template, where no tag_plugin.json says it."),
    ] = None,
    box_frame: BoxFrameName = None,
    detector: DetectorName = "mediapipe",
    option: DetectorOption = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of 127.0.0.1.")] = 7860,
) -> None:
    """The same in a browser page of this machine: drop a picture, see trace and boxes together."""
    from tag_plugin.detectors.base import library
    from tag_plugin.detectors.registry import detector as open_detector
    from tag_plugin.facs.emotions import label_set
    from tag_plugin.hosts.llamafactory.templates import read_box_frame
    from tag_plugin.look.app import HOST, serve, uploads
    from tag_plugin.look.models import Checkpoint

    if len(model) > 2:
        raise ValueError("--model: one, or two side by side")
    with uploads() as folder:
        library("gradio", "app")
        frame = read_box_frame(box_frame)
        models = [Checkpoint(each, label_set("basic7"), template, frame) for each in model]
        with open_detector(detector, **named_values("--option", option)) as opened:
            echo(f"Open http://{HOST}:{port} on this machine; Ctrl-C ends it and removes its files")
            serve(models, opened, folder, port)


def _asked(
    model: str | None,
    endpoint: str | None,
    template: str | None,
    labels: "LabelSet",
    frame: "BoxFrame | None",
) -> "Model":
    from tag_plugin.look.models import Checkpoint, Server, question_of

    if endpoint is None:
        if model is None:
            raise ValueError("--model is missing; next: --model OUTPUT_DIR of a training")
        return Checkpoint(Path(model), labels, template, frame)
    from tag_plugin.asking.settings import EndpointSettings

    question = question_of(Path(model or "."), template, labels, frame)
    return Server(EndpointSettings(model=model or "tag", base_url=endpoint), question)


def _show(found: "FoundFace", looked: "LookedFace", detector: "DetectorInfo", out: Path) -> None:
    """The face's table, and the place of its picture."""
    from rich.table import Table

    from tag_plugin.data.console import console
    from tag_plugin.look.run import draw, headline

    title = f"{looked.name}: {headline(looked.checked)}"
    table = Table("AU", "the detector says", "why", title=title)
    for claim in looked.checked.claims:
        table.add_row(str(claim.au or "?"), claim.standing, claim.reason)
    for each in looked.checked.overlooked:
        table.add_row(str(each.au), "not named", f"seen ({each.probability:.2f})")
    console().print(table)
    echo(f"Look at {draw(found, looked, detector, out)}")

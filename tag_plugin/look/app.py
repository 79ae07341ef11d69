"""`tag-plugin app`: the same look in a browser page of this machine, and nowhere else."""

import os
import re
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, cast

from tag_plugin.detectors.base import Detector
from tag_plugin.facs.emotions import LABEL_SETS, label_set
from tag_plugin.look.models import Checkpoint
from tag_plugin.look.page import faces_html
from tag_plugin.look.run import Look, look
from tag_plugin.report.html.document import asset

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST: Final = "127.0.0.1"
POLICY: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' data: blob:; worker-src 'self' blob:; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'self'"
)
"""Gradio's page names a script and fonts of other hosts; a browser that obeys asks for none."""
_FOREIGN: Final = re.compile(
    rb'<script[^>]*src="https://[^>]*></script>|<link[^>]*(?:href|content)="https://[^>]*>'
)
RESPONSIBLE: Final = (
    "An Action Unit is a movement of the face. Model and detector can err, and are less sure on "
    "faces unlike those they were made from. What a face shows is not what a person feels: do not "
    "decide anything about anybody by it. Look only at pictures of people who agree. "
    "Nothing leaves this machine, and what is dropped here is deleted when the program ends."
)
_HELLO: Final = "Drop a picture, or choose one; each face is asked about."


@contextmanager
def uploads() -> "Iterator[Path]":
    """A folder for pictures and results that goes when the program ends."""
    with TemporaryDirectory(prefix="tag-plugin-app-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = str(Path(folder) / "uploads")
        os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
        yield Path(folder)


def answers(
    picture: str | None, labels: str, models: Sequence[Checkpoint], detector: Detector, folder: Path
) -> list[str]:
    """What each model says about a picture, as HTML."""
    if picture is None:
        return [f'<p class="tag-look">{_HELLO}</p>' for _ in models]
    pages = []
    for number, model in enumerate(models):
        emotions, out = label_set(labels), folder / f"model-{number}"
        model.ask_for(emotions)
        seen = (
            each.removeprefix(f"{picture}: ") if isinstance(each, str) else each[1]
            for each in look([Path(picture)], model, detector, emotions, out)
        )
        found = Look.of(model, emotions, detector.info, seen)
        pages.append(f'<div class="tag-look">{faces_html(found, out, f"m{number}-")}</div>')
    return pages


def page(models: Sequence[Checkpoint], detector: Detector, folder: Path) -> Any:  # noqa: ANN401 - gradio
    """The page: a picture, the emotions to choose from, and an answer a model."""
    import gradio

    styles = asset("colours.css", "marks.css", "look.css", "app.css")
    theme = gradio.themes.Default(font=["system-ui", "sans-serif"], font_mono=["monospace"])
    with gradio.Blocks(
        title="tag-plugin: look at a photograph",
        css=str(styles),
        js=f"() => {{ {asset('look.js')} }}",
        theme=theme,
        analytics_enabled=False,
    ) as blocks:
        gradio.Markdown("# Look at a photograph")
        gradio.Markdown(RESPONSIBLE)
        with gradio.Row():
            picture = gradio.Image(
                type="filepath", sources=["upload", "clipboard"], label="Photograph", height=260
            )
            with gradio.Column():
                labels = gradio.Radio([*LABEL_SETS], value="basic7", label="Emotions")
                button = gradio.Button("Look")  # gradio's primary one has too little contrast
        with gradio.Row(equal_height=False):
            shown = []
            for model in models:
                with gradio.Column():
                    gradio.Markdown(f"## {model.name}")
                    shown.append(gradio.HTML(f'<p class="tag-look">{_HELLO}</p>'))

        def ask(chosen: str | None, emotions: str) -> list[str]:
            return answers(chosen, emotions, models, detector, folder)

        for event in (button.click, picture.upload):
            event(ask, [picture, labels], shown, api_name=False, concurrency_limit=1)
    return blocks


def serve(models: Sequence[Checkpoint], detector: Detector, folder: Path, port: int) -> None:
    """Serve the page on this machine until Ctrl-C.

    Args:
        models: one, or two side by side.
        detector: an opened one.
        folder: of `uploads`.
        port: of 127.0.0.1.
    """
    import gradio
    import uvicorn
    from fastapi import FastAPI, Request, Response
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    server = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    # Another site's page must not talk to this one under a name that it made point here.
    server.add_middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])

    @server.middleware("http")
    async def _with_policy(request: Request, call_next: Any) -> Response:  # noqa: ANN401 - starlette
        answer = await call_next(request)
        if answer.headers.get("content-type", "").startswith("text/html"):
            whole = b"".join([part async for part in answer.body_iterator])
            answer = Response(_FOREIGN.sub(b"", whole), answer.status_code, media_type="text/html")
        answer.headers["Content-Security-Policy"] = POLICY
        return cast("Response", answer)

    mounted = gradio.mount_gradio_app(
        server, page(models, detector, folder), path="/", show_api=False, ssr_mode=False
    )
    uvicorn.run(mounted, host=HOST, port=port, log_level="warning")

"""`tag-plugin report`: what a run left behind, as one page."""

from pathlib import Path
from typing import Annotated

import typer

from tag_plugin.data.terminal import echo


def report(
    sources: Annotated[
        list[Path],
        typer.Argument(help="A GRPO run's directory, or output folders of lmms-eval."),
    ],
    out: Annotated[
        Path | None, typer.Option(help="The HTML file; by default report.html in the first.")
    ] = None,
) -> None:
    """One offline HTML file: numbers, curves, and every face with what was said about it."""
    from tag_plugin.report.write import write_report

    first = sources[0]
    target = out or (first if first.is_dir() else first.parent) / "report.html"
    write_report(sources, target)
    echo(f"{target} ({target.stat().st_size / 1e6:.1f} MB); next: open it in a browser")

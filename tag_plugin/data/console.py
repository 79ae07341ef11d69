"""Tables and bars for the terminal: text that came out of a file neither steers nor breaks them."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    track,
)
from rich.segment import Segment

from tag_plugin.data.terminal import one_line, plain

_Value = TypeVar("_Value")


class _PlainConsole(Console):
    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterator[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(plain(segment.text), segment.style)


def console(*, stderr: bool = False, width: int | None = None) -> Console:
    """A console for tables whose cells are plain text: `[bold]` stands as it is written."""
    return _PlainConsole(stderr=stderr, width=width, markup=False, emoji=False)


def progress(values: Iterable[_Value], what: str, total: int | None = None) -> Iterable[_Value]:
    """The values, with a bar on stderr that goes away at the end."""
    return track(
        values, escape(one_line(what)), total, console=Console(stderr=True), transient=True
    )


def bars(*more: ProgressColumn, stderr: bool = False) -> Progress:
    """Bars of several tasks: what is done, how much of it, and how long the rest will take."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        *more,
        console=Console(stderr=stderr),
    )

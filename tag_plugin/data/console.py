"""Tables and bars for the terminal: text that came out of a file neither steers nor breaks them."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook
from rich.markup import escape
from rich.measure import Measurement
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


def console(*, stderr: bool = False, width: int | None = None) -> Console:
    """A console for tables whose cells are plain text: `[bold]` stands as it is written."""
    made = Console(stderr=stderr, width=width, markup=False, emoji=False)
    made.push_render_hook(_Plainly())
    return made


def progress(values: Iterable[_Value], what: str, total: int | None = None) -> Iterable[_Value]:
    """The values, with a bar on stderr that goes away at the end."""
    return track(
        values, escape(one_line(what)), total, console=Console(stderr=True), transient=True
    )


def bars(*more: ProgressColumn, stderr: bool = False) -> Progress:
    """Bars of several tasks: what is done, how much of it, and how long the rest will take."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeRemainingColumn(), *more, console=Console(stderr=stderr))


class _Plainly(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Plain(each) for each in renderables]


class _Plain:
    """Whatever it is drawn as, in plain text."""

    def __init__(self, drawn: ConsoleRenderable) -> None:
        self._drawn = drawn

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for segment in console.render(self._drawn, options):
            yield segment if segment.control else Segment(plain(segment.text), segment.style)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, options, self._drawn)

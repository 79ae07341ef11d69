"""A GRPO run's directory -> one HTML file."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from tag_plugin.data.terminal import warn
from tag_plugin.report.charts.lines import LineChart
from tag_plugin.report.gallery.pack import pack
from tag_plugin.report.grpo.curves import sections
from tag_plugin.report.grpo.logs import ROLLOUTS, Run, read_run
from tag_plugin.report.grpo.rollouts import drift, gallery
from tag_plugin.report.grpo.verdict import SILENT, verdict
from tag_plugin.report.html.assets import SCRIPTS, STYLES
from tag_plugin.report.html.document import write_page
from tag_plugin.report.html.embedded import json_block

_TEMPLATE: Final = "grpo.html.j2"
_NAMED: Final = 5
"""So many lines that are left out are named on the terminal."""


def write_grpo_report(directory: Path, out: Path) -> None:
    """Read a run that is finished, or still going on, and write its report to `out`.

    Raises:
        RunError: the directory holds no log of a GRPO run.
    """
    run = read_run(directory)
    for problem in run.left_out[:_NAMED]:
        warn(problem)
    if run.left_out:
        warn(f"left out of the report: {len(run.left_out)} lines or values of {directory}")
    moved = drift(run.rollouts)
    numbers = count()
    numbered = [
        (section, [(next(numbers), chart) for chart in section.charts]) for section in sections(run)
    ]
    contents = [("summary", "At a glance"), *((s.key, s.title) for s, _ in numbered)]
    contents += [("drift", "AU drift")] if moved else []
    contents += [("gallery-section", "Completions")] if run.rollouts else []
    context = {
        "name": run.name,
        "subtitle": f"{directory.resolve()}, {run.steps} logged steps" + _left_out(run),
        "tiles": _tiles(run),
        "verdict": verdict(run),
        "silent": SILENT,
        "sections": [
            {"key": s.key, "title": s.title, "meaning": s.meaning, "charts": charts}
            for s, charts in numbered
        ],
        "drift": moved,
        "has_rollouts": bool(run.rollouts),
        "rollouts_path": ROLLOUTS,
        "contents": contents,
        "blocks": _blocks(run, [pair for _, charts in numbered for pair in charts]),
    }
    write_page(out, _TEMPLATE, context, STYLES, SCRIPTS)


def _left_out(run: Run) -> str:
    if not run.left_out:
        return ""
    return f"; left out: {len(run.left_out)} lines or values, the first: {run.left_out[0]}"


def _blocks(run: Run, charts: list[tuple[int, LineChart]]) -> Iterator[Markup]:
    for number, chart in charts:
        yield json_block(f"chart-{number}", chart.data())
    if run.rollouts:
        yield from pack(gallery(run.rollouts, run.name, run.path))


def _tiles(run: Run) -> list[tuple[str, str, str]]:
    tiles: list[Any] = [("Last step", f"{run.log[-1]['step']}", f"{run.steps} logged")]
    tiles.append(_change(run, "reward", "Total reward"))
    tiles += [_change(run, f"rewards/{part}/mean", part) for part in run.parts]
    tiles.append(_change(run, "completions/mean_length", "Mean length, tokens", "{:.0f}"))
    tiles.append(_change(run, "completions/clipped_ratio", "Clipped completions", "{:.0%}"))
    return [tile for tile in tiles if tile is not None]


def _change(run: Run, key: str, name: str, shown: str = "{:.3f}") -> tuple[str, str, str] | None:
    """The mean of the last tenth of the values, and of the first tenth beside it."""
    values = [y for y in run.curve(key).y if y is not None]
    if not values:
        return None
    tenth = max(1, len(values) // 10)
    last, first = sum(values[-tenth:]) / tenth, sum(values[:tenth]) / tenth
    return name, shown.format(last), f"{shown.format(first)} at the start"

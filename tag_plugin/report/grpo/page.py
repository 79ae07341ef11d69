"""A GRPO run's directory -> one HTML file."""

from pathlib import Path
from typing import Final

from tag_plugin.data.terminal import warn
from tag_plugin.report.gallery.pack import pack
from tag_plugin.report.grpo.curves import sections
from tag_plugin.report.grpo.logs import ROLLOUTS, Run, read_run
from tag_plugin.report.grpo.rollouts import drift, gallery
from tag_plugin.report.grpo.verdict import SILENT, verdict
from tag_plugin.report.html.document import write_page

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
    left_out = ""
    if run.left_out:
        count = f"{len(run.left_out)} lines or values"
        warn(f"left out of the report: {count} of {directory}")
        left_out = f"; left out: {count}, the first: {run.left_out[0]}"
    moved, drawn, name = drift(run.rollouts), sections(run), directory.resolve().name
    context = {
        "name": name,
        "subtitle": f"{directory.resolve()}, {run.steps} logged steps{left_out}",
        "tiles": _tiles(run),
        "verdict": verdict(run),
        "silent": SILENT,
        "sections": drawn,
        "drift": moved,
        "has_rollouts": bool(run.rollouts),
        "rollouts_path": ROLLOUTS,
        "contents": [
            ("summary", "At a glance"),
            *((section.key, section.title) for section in drawn),
            *([("drift", "AU drift")] if moved else []),
            *([("gallery-section", "Completions")] if run.rollouts else []),
        ],
        "blocks": pack(gallery(run.rollouts, name, directory)) if run.rollouts else (),
    }
    write_page(out, "grpo.html.j2", context)


def _tiles(run: Run) -> list[tuple[str, str, str]]:
    tiles = [
        ("Last step", f"{run.log[-1]['step']}", f"{run.steps} logged"),
        _change(run, "reward", "Total reward"),
        *(_change(run, f"rewards/{part}/mean", part) for part in run.parts),
        _change(run, "completions/mean_length", "Mean length, tokens", "{:.0f}"),
        _change(run, "completions/clipped_ratio", "Clipped completions", "{:.0%}"),
    ]
    return [tile for tile in tiles if tile is not None]


def _change(run: Run, key: str, name: str, shown: str = "{:.3f}") -> tuple[str, str, str] | None:
    """The mean of the last tenth of the values, and of the first tenth beside it."""
    values = run.curve(key).y
    if not values:
        return None
    tenth = max(1, len(values) // 10)
    last, first = sum(values[-tenth:]) / tenth, sum(values[:tenth]) / tenth
    return name, shown.format(last), f"{shown.format(first)} at the start"

"""The alarm in words: does the run still learn, and if not, why and what to do."""

from dataclasses import dataclass
from itertools import groupby
from typing import Final

from tag_plugin.report.grpo.logs import Run

SILENT: Final = 0.9
"""From this share of groups without spread on, a step counts as silent here."""

SIGNAL_REASONS: Final = {
    "signal/all_unparsable": (
        "no completion has an answer that can be read",
        "cold-start with SFT, or raise max_completion_length",
    ),
    "signal/all_wrong": (
        "all completions of a group are wrong",
        "easier data, or a higher temperature",
    ),
    "signal/all_right": (
        "all completions of a group are already right",
        "harder data, or stop here",
    ),
    "signal/all_equal": (
        "all completions of a group earn the same",
        "a higher temperature, more num_generations, or finer rewards",
    ),
}
"""What holds for the groups without spread -> in words, and what to do."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`level`: good, watch or bad. `mean` is the share of groups without spread, in [0, 1]."""

    level: str
    headline: str
    detail: str
    mean: float
    silent_steps: int
    longest: int


def verdict(run: Run) -> Verdict | None:
    """Judges the whole log; None when the run logged no signal."""
    steps = [entry for entry in run.log if "signal/no_spread" in entry]
    if not steps:
        return None
    shares = [float(entry["signal/no_spread"]) for entry in steps]
    silent = [share >= SILENT for share in shares]
    mean = sum(shares) / len(shares)
    level = "bad" if silent[-1] else "watch" if any(silent) or mean > 0.5 else "good"
    totals = {key: sum(float(entry.get(key, 0)) for entry in steps) for key in SIGNAL_REASONS}
    why, remedy = SIGNAL_REASONS[max(totals, key=totals.__getitem__)]
    headline = {
        "good": "Most groups teach something",
        "watch": "Many groups teach nothing",
        "bad": "The run has gone silent",
    }[level]
    detail = "" if mean == 0 else f"Main reason: {why}. What helps: {remedy}."
    longest = max((len(list(group)) for each, group in groupby(silent) if each), default=0)
    return Verdict(level, headline, detail, mean, sum(silent), longest)

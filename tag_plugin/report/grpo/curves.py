"""The charts of a GRPO run."""

from collections.abc import Sequence
from dataclasses import dataclass

from tag_plugin.report.charts.lines import Curve, LineChart
from tag_plugin.report.grpo.logs import Run

_SHARE = (0.0, 1.0)
_FROM_ZERO = {"clip_ratio/region_mean": (0.0, 0.1), "kl": (0.0, 0.001)}


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, a sentence that says how to read it, and its charts."""

    key: str
    title: str
    meaning: str
    charts: Sequence[LineChart]


def sections(run: Run) -> list[Section]:
    """The sections that this run has anything to show for."""
    found = [_rewards(run), _signal(run), _lengths(run), _health(run)]
    return [
        Section(s.key, s.title, s.meaning, kept)
        for s in found
        if (kept := [chart for chart in s.charts if any(len(c.x) for c in chart.curves)])
    ]


def _rewards(run: Run) -> Section:
    parts = [run.curve(f"rewards/{part}/mean", part) for part in run.parts]
    shares = [run.curve(f"rewards/{part}/applicable", part) for part in run.parts]
    partial = [curve for curve in shares if any(value != 1 for value in curve.y)]
    held_out = [run.curve("eval_reward", "held-out rows")]
    return Section(
        "rewards",
        "Rewards",
        "The total is the weighted sum that the policy is trained on; the parts are shown without "
        "their weights. Thin lines are measured, thick ones smoothed.",
        [
            LineChart("Total reward", _filled([run.curve("reward", "training"), *held_out])),
            LineChart("Rewards by part", parts, _SHARE),
            LineChart("Spread inside the batch", [run.curve("reward_std", "std of the total")]),
            LineChart("Share of completions a part applies to", partial, _SHARE),
        ],
    )


def _signal(run: Run) -> Section:
    by_part = [run.curve(f"signal/no_spread/{part}", part) for part in run.parts]
    reasons = {
        "signal/all_right": "all right",
        "signal/all_wrong": "all wrong",
        "signal/all_unparsable": "all unparsable",
        "signal/all_equal": "equal for another reason",
    }
    return Section(
        "signal",
        "Signal",
        "GRPO learns from differences inside a group. A group whose completions all earn the same "
        "has no spread and teaches nothing.",
        [
            LineChart("Groups without spread", [run.curve("signal/no_spread", "total")], _SHARE),
            LineChart("Why", [run.curve(k, name) for k, name in reasons.items()], _SHARE),
            LineChart("Groups without spread, by reward", _filled(by_part), _SHARE),
        ],
    )


def _lengths(run: Run) -> Section:
    lengths = [run.curve(f"completions/{which}_length", which) for which in ("mean", "min", "max")]
    ended = run.curve("completions/mean_terminated_length", "mean of those that ended")
    return Section(
        "lengths",
        "Response lengths",
        "In tokens. A clipped completion ran into max_completion_length before it ended.",
        [
            LineChart("Completion length", _filled([*lengths, ended])),
            LineChart("Clipped share", [run.curve("completions/clipped_ratio", "clipped")], _SHARE),
        ],
    )


def _health(run: Run) -> Section:
    single = {
        "entropy": "Entropy of the policy",
        "kl": "KL to the reference model",
        "loss": "Loss",
        "grad_norm": "Gradient norm",
        "clip_ratio/region_mean": "Share of clipped importance ratios",
    }
    return Section(
        "health",
        "Optimisation",
        "An entropy that falls to 0 means that the policy no longer explores; a KL that runs away "
        "means that it has left the model it started from.",
        [
            LineChart(title, [run.curve(key, key)], _FROM_ZERO.get(key))
            for key, title in single.items()
        ],
    )


def _filled(curves: Sequence[Curve]) -> list[Curve]:
    return [curve for curve in curves if len(curve.x)]

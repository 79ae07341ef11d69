"""The charts of a GRPO run."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from tag_plugin.report.charts import LineChart
from tag_plugin.report.grpo.logs import Run


class Section(NamedTuple):
    """A heading, a sentence that says how to read it, and its charts."""

    key: str
    title: str
    meaning: str
    charts: Sequence[LineChart] = ()


_Plan = tuple[str, Mapping[str, str], tuple[float, float] | None]
"""A chart's title, logged value -> name of its curve ({} stands for each reward), its range."""

_SHARE: Final = (0.0, 1.0)
_SECTIONS: Final[Sequence[tuple[Section, Sequence[_Plan]]]] = (
    (
        Section(
            "rewards",
            "Rewards",
            "The total is the weighted sum that the policy is trained on; the parts are shown "
            "without their weights. Thin lines are measured, thick ones smoothed.",
        ),
        (
            ("Total reward", {"reward": "training", "eval_reward": "held-out rows"}, None),
            ("Rewards by part", {"rewards/{}/mean": "{}"}, _SHARE),
            ("Spread inside the batch", {"reward_std": "std of the total"}, None),
            ("Share of completions a part applies to", {"rewards/{}/applicable": "{}"}, _SHARE),
        ),
    ),
    (
        Section(
            "signal",
            "Signal",
            "GRPO learns from differences inside a group. A group whose completions all earn the "
            "same has no spread and teaches nothing.",
        ),
        (
            ("Groups without spread", {"signal/no_spread": "total"}, _SHARE),
            (
                "Why",
                {
                    "signal/all_right": "all right",
                    "signal/all_wrong": "all wrong",
                    "signal/all_unparsable": "all unparsable",
                    "signal/all_equal": "equal for another reason",
                },
                _SHARE,
            ),
            ("Groups without spread, by reward", {"signal/no_spread/{}": "{}"}, _SHARE),
        ),
    ),
    (
        Section(
            "lengths",
            "Response lengths",
            "In tokens. A clipped completion ran into max_completion_length before it ended.",
        ),
        (
            (
                "Completion length",
                {
                    "completions/mean_length": "mean",
                    "completions/min_length": "min",
                    "completions/max_length": "max",
                    "completions/mean_terminated_length": "mean of those that ended",
                },
                None,
            ),
            ("Clipped share", {"completions/clipped_ratio": "clipped"}, _SHARE),
        ),
    ),
    (
        Section(
            "health",
            "Optimisation",
            "An entropy that falls to 0 means that the policy no longer explores; a KL that runs "
            "away means that it has left the model it started from.",
        ),
        (
            ("Entropy of the policy", {"entropy": "entropy"}, None),
            ("KL to the reference model", {"kl": "kl"}, (0.0, 0.001)),
            ("Loss", {"loss": "loss"}, None),
            ("Gradient norm", {"grad_norm": "grad_norm"}, None),
            (
                "Share of clipped importance ratios",
                {"clip_ratio/region_mean": "clip_ratio/region_mean"},
                (0.0, 0.1),
            ),
        ),
    ),
)


def sections(run: Run) -> list[Section]:
    """The sections that this run has anything to show for."""
    made = [(section, [_chart(run, *plan) for plan in plans]) for section, plans in _SECTIONS]
    drawn = [section._replace(charts=[c for c in charts if c.curves]) for section, charts in made]
    return [section for section in drawn if section.charts]


def _chart(
    run: Run, title: str, names: Mapping[str, str], within: tuple[float, float] | None
) -> LineChart:
    """The curves that were logged; that a reward applies to every completion is not worth one."""
    curves = [
        run.curve(key.format(part), name.format(part))
        for key, name in names.items()
        for part in (run.parts if "{}" in key else [""])
        if not (key.endswith("/applicable") and set(run.curve(key.format(part)).y) <= {1})
    ]
    return LineChart(title, [curve for curve in curves if curve.x], within)

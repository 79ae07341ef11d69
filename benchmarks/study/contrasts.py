"""What the arms of `run.py` differ in: paired over seeds and faces, p-values by Holm."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from tag_plugin.facs.emotions import LabelSet
from tag_plugin.results.reader import read_run
from tag_plugin.scoring.contributions import contributions
from tag_plugin.scoring.estimates import in_order
from tag_plugin.scoring.metrics import metric_values
from tag_plugin.scoring.statistics import Floats, holm, percentile_interval

RESAMPLES: Final = 2000
SIGNIFICANT: Final = 0.05


class Contrast(NamedTuple):
    """`treated` against `control` in these metrics; what the difference would show."""

    treated: str
    control: str
    metrics: tuple[str, ...]
    shows: str


ANSWERS, GROUNDING = ("accuracy", "uar"), ("au_kappa", "box_skill")
CONTRASTS: Final = (
    Contrast("A1", "A0", ANSWERS, "traces help the answer"),
    Contrast("A1", "A2", GROUNDING, "SFT learns this face's AUs, not the label's usual ones"),
    Contrast("R2", "R4", ANSWERS, "GRPO with the AU reward helps more than SFT on the same faces"),
    Contrast("R2", "R3", GROUNDING, "the AU reward teaches this face's AUs"),
)
"""The primary ones; all their tests are one family."""

Tables = Mapping[tuple[str, int], Floats]
"""(arm, seed) -> contributions of the same faces in the same order, (n, k)."""


def read_table(results: Path, task: str) -> tuple[Floats, LabelSet]:
    """The contributions of one evaluation, in the order of the ids of its faces."""
    run = read_run(results, task)
    samples = in_order(run.samples())
    labels = samples[0].labels
    return contributions(samples, labels, run.stated.baselines), labels


def contrasts(tables: Tables, labels: LabelSet, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Every primary contrast of which both arms are there for all seeds, with Holm's p.

    A metric that is not defined (models that claim nothing) has no line.
    """
    lines = []
    for contrast in CONTRASTS:
        if all((arm, seed) in tables for arm in contrast[:2] for seed in seeds):
            tests = (_line(contrast, name, tables, labels, seeds) for name in contrast.metrics)
            lines += [line for line in tests if line["interval"] is not None]
    corrected = holm({str(place): line["p"] for place, line in enumerate(lines)})
    for place, line in enumerate(lines):
        line["p_holm"] = round(corrected[str(place)], 4)
    return lines


def _line(
    contrast: Contrast, metric: str, tables: Tables, labels: LabelSet, seeds: Sequence[int]
) -> dict[str, Any]:
    pairs = [(tables[contrast.treated, seed], tables[contrast.control, seed]) for seed in seeds]
    by_seed = [_difference(np.ones((1, len(one))), one, two, metric, labels) for one, two in pairs]
    drawn = _resampled(pairs, metric, labels)
    interval = percentile_interval(drawn)
    drawn = drawn[~np.isnan(drawn)]
    tails = min((drawn <= 0).sum(), (drawn >= 0).sum())
    return {
        "contrast": f"{contrast.treated} - {contrast.control}",
        "metric": metric,
        "difference": round(float(np.mean(by_seed)), 4),
        "by_seed": [round(float(each[0]), 4) for each in by_seed],
        "interval": [round(interval.low, 4), round(interval.high, 4)] if interval else None,
        "p": min(1.0, 2 * (int(tails) + 1) / (drawn.size + 1)),
        "shows": contrast.shows,
    }


def _resampled(pairs: Sequence[tuple[Floats, Floats]], metric: str, labels: LabelSet) -> Floats:
    """(RESAMPLES,) mean differences: seeds are drawn, and the same faces for all of them."""
    random, count = np.random.default_rng(0), len(pairs[0][0])
    faces = random.multinomial(count, np.full(count, 1 / count), size=RESAMPLES).astype(float)
    by_seed = np.stack([_difference(faces, one, two, metric, labels) for one, two in pairs])
    chosen = random.integers(len(pairs), size=(len(pairs), RESAMPLES))
    means: Floats = by_seed[chosen, np.arange(RESAMPLES)].mean(axis=0)
    return means


def _difference(
    weights: Floats, treated: Floats, control: Floats, metric: str, labels: LabelSet
) -> Floats:
    """(r,) of weights (r, n)."""
    one, two = (metric_values(weights @ table, labels)[metric] for table in (treated, control))
    difference: Floats = one - two
    return difference


def draw(lines: Sequence[Mapping[str, Any]], path: Path) -> None:
    """A line a test: the interval, the mean difference, a dot a seed; right of 0 is for the arm."""
    figure = Figure((9, 1.2 + 0.5 * len(lines)), layout="constrained")
    panel = figure.subplots()
    for place, line in enumerate(lines):
        colour = "#1a9850" if line["p_holm"] < SIGNIFICANT else "#777777"
        panel.plot(line["interval"], [place] * 2, color=colour, linewidth=3)
        panel.plot([line["difference"]], [place], "D", color=colour)
        panel.plot(line["by_seed"], [place + 0.2] * len(line["by_seed"]), ".", color="black")
    names = [f"{line['contrast']}  {line['metric']}  (p {line['p_holm']:.3f})" for line in lines]
    panel.set_yticks(range(len(lines)), names)
    panel.axvline(0, color="black", linewidth=0.8)
    panel.set_xlabel("difference, 95 % interval over seeds and faces; green: below .05 after Holm")
    panel.invert_yaxis()
    figure.savefig(path, dpi=110)

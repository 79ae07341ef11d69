"""How often the 95 % intervals hold the true value, by simulation. Prints JSON.

    python benchmarks/coverage.py [DATA/<dataset>] [--faces 300] [--draws 400]

A population of judged answers stands for all faces that a test set could have been drawn from: a
model that looks (recall .58, precision .65, IoU .71), in the class mix of FERPlus' official test
set, with accuracies from .2 (contempt) to .93 (happiness), 1 % unparsable and 10 % malformed
answers. Coverage is the share of draws of `--faces` answers whose interval holds the population's
value; `flagged` is the share of draws in which the interval was marked as unsure. Without a dataset
the faces are drawn ones.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table

from tag_plugin.data.ferplus import OFFICIAL_COUNTS
from tag_plugin.data.rows import Row
from tag_plugin.facs.emotions import label_set
from tag_plugin.scoring.contributions import every_contribution, units_of, without_rare_units
from tag_plugin.scoring.estimates import Estimate, estimates
from tag_plugin.scoring.metrics import METRICS, metric_values
from tag_plugin.scoring.statistics import Floats

sys.path.insert(0, str(Path(__file__).parents[1]))  # a script's own folder stands there
from benchmarks.metric_policies import (
    WEAK,
    answer,
    drawn,
    fitted,
    judged,
    policies,
    rows_of,
    text,
)

LABELS: Final = label_set("ferplus")
ACCURACY: Final = dict(
    zip(LABELS.labels, (0.90, 0.93, 0.85, 0.70, 0.80, 0.40, 0.50, 0.20), strict=True)
)
UNPARSABLE, MALFORMED = 0.01, 0.10
POPULATION: Final = 6000
RESAMPLES: Final = 1000
"""Of each bootstrap; evaluation takes 2,000."""


def population(train: Sequence[Row], test: Sequence[Row]) -> Floats:
    """What the model contributes on every face, whose labels are drawn in FERPlus' class mix."""
    baselines, random = fitted(train), Random(0)
    looks = policies(train, baselines)[WEAK]
    counts = OFFICIAL_COUNTS["test"]
    samples = []
    for number in range(POPULATION):
        face = test[number % len(test)]
        (label,) = random.choices([*counts], [*counts.values()])
        row = face.model_copy(
            update={"id": f"{number:05d}", "label": label, "label_set": LABELS.name, "trace": None}
        )
        said = answer(row, ACCURACY[label], random)
        completion = text(row, said, looks(row, said, random))
        if random.random() < UNPARSABLE:
            completion = "I cannot tell."
        elif random.random() < MALFORMED:
            completion = completion.replace("Verification loop:\n", "")
        samples.append(judged(row, completion))
    return every_contribution(samples, LABELS, baselines)


def truth(whole: Floats, sample: Floats) -> dict[str, Floats]:
    """The population's values, over the AUs that count in the sample."""
    counted = units_of(sample.sum(axis=0)).sum(axis=-1) > 0
    sums = whole.sum(axis=0)
    units_of(sums)[~counted] = 0.0
    return metric_values(sums, LABELS)


def simulate(whole: Floats, faces: int, draws: int) -> dict[str, list[tuple[bool, Estimate]]]:
    """Metric -> for each draw, whether its interval holds the truth, and the interval."""
    random = np.random.default_rng(1)
    found: dict[str, list[tuple[bool, Estimate]]] = {}
    for number in range(draws):
        sample = without_rare_units(whole[random.integers(len(whole), size=faces)])
        true = truth(whole, sample)
        for name, each in estimates(sample, LABELS, resamples=RESAMPLES, seed=number).items():
            holds = each.low - 1e-9 <= float(true[name]) <= each.high + 1e-9
            found.setdefault(name, []).append((holds, each))
    return found


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path, nargs="?")
    parser.add_argument("--faces", type=int, default=300)
    parser.add_argument("--draws", type=int, default=400)
    options = parser.parse_args()
    if options.dataset is None:
        train, test = drawn("train", 500), drawn("test", 1500)
    else:
        train, test = (
            rows_of(options.dataset, "train", 5000),
            rows_of(options.dataset, "test", None),
        )
    found = simulate(population(train, test), options.faces, options.draws)
    table = Table(
        "metric",
        "headline",
        "coverage",
        "flagged",
        "mean width",
        title=f"n = {options.faces}, {options.draws} draws",
    )
    numbers = {}
    shown = [(metric, name) for metric in METRICS.values() for name in metric.names(LABELS.labels)]
    for metric, name in [(metric, name) for metric, name in shown if name in found]:
        covered, flagged = (
            float(np.mean(x)) for x in zip(*((h, e.few) for h, e in found[name]), strict=True)
        )
        width = float(np.mean([e.high - e.low for _, e in found[name]]))
        numbers[name] = {"coverage": covered, "flagged": flagged, "width": width}
        table.add_row(
            name,
            "yes" if metric.headline else "",
            f"{covered:.3f}",
            f"{flagged:.2f}",
            f"{width:.3f}",
        )
    Console(file=sys.stderr, width=100).print(table)
    print(
        json.dumps(
            {
                "benchmark": "coverage",
                "faces": options.faces,
                "draws": options.draws,
                "metrics": numbers,
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()

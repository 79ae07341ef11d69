"""Estimates equal the plain metrics and a slow bootstrap that calls them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tag_plugin.facs.emotions import LABEL_SETS, LabelSet
from tag_plugin.scoring import metrics
from tag_plugin.scoring.estimates import (
    estimates,
    paired_accuracy_test,
    paired_estimates,
    require_same_items,
)
from tag_plugin.scoring.metrics import SampleResult

LABELS = LABEL_SETS["rafdb"]
UNITS = st.lists(st.sampled_from((1, 2, 4, 12)), unique=True, max_size=3).map(tuple)
SHARES = st.floats(0, 1)


@st.composite
def results(draw, max_size=30):
    found = []
    for number in range(draw(st.integers(1, max_size))):
        grounded = draw(st.booleans())
        found.append(
            SampleResult(
                id=f"face-{number:03d}",
                gold=draw(st.sampled_from(LABELS.labels)),
                prediction=draw(st.sampled_from([*LABELS.labels, None])),
                well_formed=draw(st.sampled_from([True, False, None])),
                grounding=draw(SHARES) if grounded else None,
                matched_ious=tuple(draw(st.lists(SHARES, max_size=2))) if grounded else None,
                true_aus=draw(UNITS) if grounded else None,
                false_aus=draw(UNITS) if grounded else None,
                missed_aus=draw(UNITS) if grounded else None,
                consistency=draw(st.none() | SHARES),
            )
        )
    return found


def plain(found, template):
    """The same metrics from the functions of `scoring.metrics`; None where one does not apply."""
    grounding = metrics.mean_grounding(found)
    grounded = [template[r.id] for r in found if r.grounding is not None]
    baseline = float(np.mean(grounded)) if grounded else None
    return {
        "accuracy": metrics.accuracy(found),
        "uar": metrics.uar(found, LABELS),
        "macro_f1": metrics.macro_f1(found, LABELS),
        "unparsable_rate": metrics.unparsable_rate(found),
        "well_formed_rate": metrics.well_formed_rate(found),
        "consistency": metrics.mean_consistency(found),
        "grounding": grounding,
        "template_baseline": baseline,
        "skill": metrics.skill(grounding, baseline),
        "matched_iou": metrics.mean_matched_iou(found),
        "au_precision": metrics.au_precision(found),
        "au_recall": metrics.au_recall(found),
        "au_f1": metrics.au_f1(found),
        "hallucinated_au_rate": metrics.hallucinated_au_rate(found),
        **{
            f"recall_{label}": metrics.class_recalls(found, LABELS).get(label)
            for label in LABELS.labels
        },
    }


@given(results())
@settings(max_examples=30, deadline=None)
def test_values_equal_the_plain_metrics(found):
    template = {result.id: 0.25 for result in found}
    made = estimates(found, LABELS, template, resamples=20)
    for name, value in plain(found, template).items():
        if value is None:
            assert name not in made
        else:
            assert made[name].value == pytest.approx(value, abs=1e-9), name
            assert made[name].low <= made[name].high


def many(n=400, seed=0):
    """Answers that are right in about 70 % of cases, some unparsable, G around 0.5."""
    random = np.random.default_rng(seed)
    found = []
    for number in range(n):
        gold = str(random.choice(LABELS.labels))
        drawn = random.random()
        other = str(random.choice(LABELS.labels))
        answer = gold if drawn < 0.7 else None if drawn < 0.75 else other
        grounding = float(random.random())
        units = ((12,), (4,), ()) if random.random() < 0.5 else ((), (), (1,))
        ious = (float(random.random()),)
        found.append(
            SampleResult(f"f{number:04d}", gold, answer, True, grounding, ious, *units, 0.5)
        )
    return found


@pytest.mark.parametrize("name", ["accuracy", "uar", "macro_f1", "grounding", "au_f1", "skill"])
def test_intervals_match_a_slow_reference_bootstrap(name):
    found, random = many(), np.random.default_rng(7)
    template = {result.id: 0.25 for result in found}
    made = estimates(found, LABELS, template, resamples=1000)[name]
    values = []
    for _ in range(300):
        drawn = [found[index] for index in random.integers(len(found), size=len(found))]
        values.append(plain(drawn, template)[name])
    low, high = np.quantile(values, [0.025, 0.975])
    tolerance = 0.15 * (high - low)
    assert (made.low, made.high) == pytest.approx((low, high), abs=tolerance)


def test_permuting_the_class_order_changes_nothing():
    found = many(150)
    permuted = LabelSet("permuted", tuple(reversed(LABELS.labels)))
    first, second = (estimates(found, labels, resamples=200) for labels in (LABELS, permuted))
    assert set(first) == set(second)
    for name, estimate in first.items():
        other = second[name]
        assert (other.value, other.low, other.high) == pytest.approx(
            (estimate.value, estimate.low, estimate.high)
        )


def test_the_order_of_the_samples_changes_nothing():
    found = many(60)
    assert estimates(found[::-1], LABELS, resamples=50) == estimates(found, LABELS, resamples=50)


def test_no_samples_have_no_metrics():
    assert estimates([], LABELS) == {}


def better(found, upto):
    """The same run with the first answers all right."""
    return [replace(r, prediction=r.gold) if i < upto else r for i, r in enumerate(found)]


def test_a_better_second_run_is_said_to_be_better():
    first = many()
    second = better(first, 200)
    found = paired_estimates(first, second, LABELS, ["accuracy", "uar", "nothing"])
    assert set(found) == {"accuracy", "uar"}
    assert found["accuracy"].difference > 0.1
    assert found["accuracy"].interval.low > 0
    assert found["accuracy"].p_value < 0.01
    test = paired_accuracy_test(first, second)
    assert test.only_first == 0
    assert test.only_second == round(found["accuracy"].difference * len(first))


def test_pairing_makes_the_difference_surer_than_two_runs_apart():
    first = many()
    difference = paired_estimates(first, better(first, 40), LABELS, ["accuracy"])["accuracy"]
    alone = estimates(first, LABELS)["accuracy"]
    paired = difference.interval.high - difference.interval.low
    assert paired < 0.7 * (alone.high - alone.low)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda runs: runs[:-1], "face f0009 is|f0009 is .* and None in the second"),
        (lambda runs: [*runs[:-1], replace(runs[-1], gold="anger")], "f0009"),
    ],
)
def test_other_items_are_refused_by_name(change, message):
    first = [replace(r, gold="fear") for r in many(10)]
    with pytest.raises(ValueError, match=message):
        require_same_items(first, change(first))

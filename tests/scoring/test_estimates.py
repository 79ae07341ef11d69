"""Estimates equal the plain metrics and a slow bootstrap that calls them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tag_plugin.facs.emotions import LabelSet
from tag_plugin.scoring.contributions import contributions
from tag_plugin.scoring.estimates import (
    estimates,
    in_order,
    paired_accuracy_test,
    paired_estimates,
    require_same_items,
)
from tests.scoring.samples import LABELS, plain, sample, units_that_count

UNITS = st.lists(st.sampled_from((1, 2, 4, 12)), unique=True, max_size=4)
SHARES = st.floats(0, 1)


@st.composite
def judged(draw, max_size=30):
    made = []
    for number in range(draw(st.integers(1, max_size))):
        units, cuts = draw(UNITS), sorted(draw(st.tuples(st.integers(0, 4), st.integers(0, 4))))
        made.append(
            sample(
                f"face-{number:03d}",
                draw(st.sampled_from(LABELS.labels)),
                draw(st.sampled_from([*LABELS.labels, None])),
                draw(st.sampled_from([1.0, 0.0, None])),
                draw(st.none() | SHARES),
                draw(st.lists(SHARES, max_size=2)),
                (units[: cuts[0]], units[cuts[0] : cuts[1]], units[cuts[1] :]),
            )
        )
    return made


def estimated(samples, labels=LABELS, **options):
    return estimates(contributions(in_order(samples), labels), labels, **options)


@given(judged())
@settings(max_examples=30, deadline=None)
def test_values_equal_the_plain_metrics(samples):
    made = estimated(samples, resamples=20)
    for name, value in plain(samples).items():
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
        found.append(sample(f"f{number:04d}", gold, answer, 1.0, grounding, ious, units))
    return found


@pytest.fixture(scope="module")
def drawn_again():
    """The plain metrics of 300 slow draws."""
    found, random = many(), np.random.default_rng(7)
    draws = ([found[i] for i in random.integers(len(found), size=len(found))] for _ in range(300))
    return [plain(drawn, units_that_count(found)) for drawn in draws]


@pytest.mark.parametrize("name", ["accuracy", "uar", "macro_f1", "grounding", "au_f1", "au_kappa"])
def test_intervals_match_a_slow_reference_bootstrap(name, drawn_again):
    made = estimated(many(), resamples=1000)[name]
    low, high = np.quantile([metrics[name] for metrics in drawn_again], [0.025, 0.975])
    tolerance = 0.15 * (high - low) + 1e-9
    assert (made.low, made.high) == pytest.approx((low, high), abs=tolerance)


def test_a_share_has_wilsons_interval_even_where_all_are_alike():
    perfect = [sample(f"f{n:02d}", "fear", "fear") for n in range(40)]
    found = estimated(perfect, resamples=50)
    for name in ("accuracy", "recall_fear", "well_formed_rate"):
        assert (found[name].value, found[name].high) == (1.0, 1.0)
        assert found[name].low == pytest.approx(0.9124, abs=1e-4)
    assert found["unparsable_rate"].high == pytest.approx(1 - 0.9124, abs=1e-4)


def test_what_a_class_of_few_faces_makes_unsure_is_flagged():
    golds = ["fear"] * 30 + ["anger"] * 29
    found = estimated([sample(f"f{n:02d}", g, g) for n, g in enumerate(golds)], resamples=20)
    flagged = {name for name, each in found.items() if each.few}
    assert flagged == {"recall_anger", "f1_anger", "uar", "macro_f1"}
    assert not any(e.few for e in estimated(many(600), resamples=20).values())


def test_permuting_the_class_order_changes_nothing():
    found = many(150)
    permuted = LabelSet("permuted", tuple(reversed(LABELS.labels)))
    first, second = (estimated(found, labels, resamples=200) for labels in (LABELS, permuted))
    assert set(first) == set(second)
    for name, estimate in first.items():
        other = second[name]
        assert (other.value, other.low, other.high) == pytest.approx(
            (estimate.value, estimate.low, estimate.high)
        )


def test_the_order_of_the_samples_changes_nothing():
    found = many(60)
    assert estimated(found[::-1], resamples=50) == estimated(found, resamples=50)


def test_no_samples_have_no_metrics():
    assert estimated([]) == {}


def better(found, upto):
    """The same run with the first answers all right."""
    return [sample(r.id, r.gold, r.gold) if number < upto else r for number, r in enumerate(found)]


def paired(first, second, names):
    tables = (contributions(in_order(run), LABELS) for run in (first, second))
    return paired_estimates(*tables, LABELS, names)


def test_a_better_second_run_is_said_to_be_better():
    first = many()
    second = better(first, 200)
    found = paired(first, second, ["accuracy", "uar", "nothing"])
    assert set(found) == {"accuracy", "uar"}
    assert found["accuracy"].difference > 0.1
    assert found["accuracy"].interval.low > 0
    assert found["accuracy"].p_value < 0.01
    test = paired_accuracy_test(first, second)
    assert test.only_first == 0
    assert test.only_second == round(found["accuracy"].difference * len(first))


def test_pairing_makes_the_difference_surer_than_two_runs_apart():
    first = many()
    difference = paired(first, better(first, 40), ["accuracy"])["accuracy"]
    alone = estimated(first)["accuracy"]
    width = difference.interval.high - difference.interval.low
    assert width < 0.7 * (alone.high - alone.low)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda runs: runs[:-1], "face f0009 is|f0009 is .* and None in the second"),
        (lambda runs: [*runs[:-1], sample(runs[-1].id, "anger", None)], "f0009"),
    ],
)
def test_other_items_are_refused_by_name(change, message):
    first = [sample(r.id, "fear", None) for r in many(10)]
    with pytest.raises(ValueError, match=message):
        require_same_items(first, change(first))

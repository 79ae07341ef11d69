"""The table of metrics: values against scikit-learn and by hand, and one more line in it."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

from tag_plugin.facs.boxes import Box, BoxFrame, snap
from tag_plugin.scoring import metrics
from tag_plugin.scoring.matching import Target, pair
from tag_plugin.scoring.metrics import METRICS, confusion_of, contributions, template_scores
from tests.scoring.samples import LABELS, plain, sample, values
from tests.strategies import boxes

NAMES = list(LABELS.labels)
UNPARSABLE = "unparsable"

OUTCOMES = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from([*NAMES, None])), min_size=1, max_size=40
)


def samples(pairs):
    return [sample(str(number), *pair) for number, pair in enumerate(pairs)]


@given(OUTCOMES)
@settings(max_examples=30, deadline=None)
def test_label_metrics_equal_scikit_learns(pairs):
    gold, answers = [pair[0] for pair in pairs], [pair[1] or UNPARSABLE for pair in pairs]
    table = confusion_matrix(gold, answers, labels=[*NAMES, UNPARSABLE])[: len(NAMES)]
    made = samples(pairs)
    counts = confusion_of(contributions(made, LABELS).sum(axis=0), LABELS)
    assert counts.tolist() == table.tolist()
    expected = {name: value for name, value in plain(made, {}).items() if value is not None}
    assert values(made) == pytest.approx(expected)


def test_an_unparsable_answer_counts_as_wrong():
    found = values(samples([("fear", "fear"), ("fear", None), ("anger", "anger")]))
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["unparsable_rate"] == pytest.approx(1 / 3)
    assert (found["recall_fear"], found["recall_anger"]) == (0.5, 1.0)


GROUNDED = [
    sample("a", "fear", "fear", 1.0, 0.8, (0.9, 0.7), ((1, 2), (12,), (5,))),
    sample("b", "fear", "anger", 1.0, 0.2, (0.4,), ((4,), (), (1, 2))),
    sample("c", "fear", None, 0.0),  # no detections, no answer
]
BY_HAND = {
    "grounding": 0.5,
    "matched_iou": 2 / 3,
    "au_precision": 3 / 4,
    "au_recall": 3 / 6,
    "au_f1": 0.6,
    "hallucinated_au_rate": 1 / 4,
    "well_formed_rate": 2 / 3,
}


def test_grounding_metrics_by_hand():
    found = values(GROUNDED)
    assert {name: found[name] for name in BY_HAND} == pytest.approx(BY_HAND)


def test_grounding_metrics_are_absent_without_detections():
    found = values(samples([("fear", "fear")]))
    assert not found.keys() & (BY_HAND.keys() - {"well_formed_rate"})


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([Box(100, 100, 300, 300)] * 3, 1.0),  # aligned faces: the template is perfect
        ([Box(100, 100, 200, 200), Box(500, 500, 600, 600)], 0.0),  # the mean box misses both
    ],
)
def test_the_template_baseline_puts_the_mean_box(boxes, expected):
    wanted = [[Target(12, box)] for box in boxes]
    assert np.mean(template_scores(wanted, BoxFrame.RELATIVE, 0.3)) == pytest.approx(expected)


TARGETS = st.lists(st.builds(Target, au=st.sampled_from((4, 12, 25)), box=boxes()), max_size=5)


@given(st.lists(TARGETS, min_size=1, max_size=4), st.sampled_from(BoxFrame))
@example([[Target(4, Box(0, 476, 1, 477)), Target(4, Box(0, 987, 1, 988))]], BoxFrame.RELATIVE)
@settings(deadline=None)
def test_the_template_baseline_is_what_the_judge_would_give_it(wanted, frame):
    mean = {
        au: snap(metrics._mean_box([t.box for group in wanted for t in group if t.au == au]), frame)
        for au in {target.au for group in wanted for target in group}
    }
    paired = [pair([(t.au, mean[t.au]) for t in group], group, 0.3) for group in wanted]
    expected = [
        sum(match.credit for match in matches) / len(group) if group else 1.0
        for matches, group in zip(paired, wanted, strict=True)
    ]
    assert template_scores(wanted, frame, 0.3) == pytest.approx(expected)


def test_the_template_baseline_knows_which_units_are_present():
    assert template_scores([[]], BoxFrame.RELATIVE, 0.3) == [1.0]


@pytest.mark.parametrize(
    ("grounding", "template", "expected"),
    [(0.7, 0.4, 0.5), (0.4, 0.4, 0.0), (0.1, 0.4, -0.5), (0.9, 1.0, None)],
)
def test_skill_is_the_share_of_the_room_above_the_template(grounding, template, expected):
    column = {"grounding": grounding, "template": template, "grounding_items": 1.0}
    sums = {name: np.array(value) for name, value in column.items()}
    found = METRICS["skill"].estimator(sums, np.zeros((1, 2)))
    assert np.isnan(found) if expected is None else found == pytest.approx(expected)


def test_no_name_of_a_metric_is_part_of_another():
    names = [name for metric in METRICS.values() for name in metric.names(LABELS.labels)]
    assert [(a, b) for a in names for b in names if a != b and a in b] == []

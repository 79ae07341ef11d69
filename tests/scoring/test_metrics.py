import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score

from tag_plugin.facs.boxes import Box, BoxFrame, snap
from tag_plugin.facs.emotions import LABEL_SETS
from tag_plugin.scoring import metrics
from tag_plugin.scoring.matching import Target, pair
from tag_plugin.scoring.metrics import SampleResult
from tests.strategies import boxes

LABELS = LABEL_SETS["rafdb"]
NAMES = list(LABELS.labels)
UNPARSABLE = "unparsable"

OUTCOMES = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from([*NAMES, None])), min_size=1, max_size=40
)


def results(pairs):
    return [SampleResult(str(i), gold, found, True) for i, (gold, found) in enumerate(pairs)]


@given(OUTCOMES)
def test_label_metrics_equal_scikit_learns(pairs):
    gold = [pair[0] for pair in pairs]
    found = [pair[1] or UNPARSABLE for pair in pairs]
    mine, present = results(pairs), sorted(set(gold))
    every = [*NAMES, UNPARSABLE]
    table = confusion_matrix(gold, found, labels=every)[: len(NAMES)]
    assert metrics.confusion_matrix(mine, LABELS).tolist() == table.tolist()
    assert metrics.accuracy(mine) == pytest.approx(accuracy_score(gold, found))
    options = {"labels": present, "average": "macro", "zero_division": 0}
    assert metrics.uar(mine, LABELS) == pytest.approx(recall_score(gold, found, **options))
    assert metrics.macro_f1(mine, LABELS) == pytest.approx(f1_score(gold, found, **options))


def test_an_unparsable_answer_counts_as_wrong():
    mine = results([("fear", "fear"), ("fear", None), ("anger", "anger")])
    assert metrics.accuracy(mine) == pytest.approx(2 / 3)
    assert metrics.unparsable_rate(mine) == pytest.approx(1 / 3)
    assert metrics.class_recalls(mine, LABELS) == {"fear": 0.5, "anger": 1.0}


GROUNDED = [
    SampleResult("a", "fear", "fear", True, 0.8, (0.9, 0.7), (1, 2), (12,), (5,), 1.0),
    SampleResult("b", "fear", "anger", True, 0.2, (0.4,), (4,), (), (1, 2), 0.5),
    SampleResult("c", "fear", None, False),  # no detections, no answer
]


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (metrics.mean_grounding, 0.5),
        (metrics.mean_matched_iou, 2 / 3),
        (metrics.au_precision, 3 / 4),
        (metrics.au_recall, 3 / 6),
        (metrics.au_f1, 0.6),
        (metrics.hallucinated_au_rate, 1 / 4),
        (metrics.mean_consistency, 0.75),
        (metrics.well_formed_rate, 2 / 3),
    ],
)
def test_grounding_metrics_by_hand(metric, expected):
    assert metric(GROUNDED) == pytest.approx(expected)
    assert metric([]) is None


def test_grounding_metrics_are_absent_without_detections():
    plain = results([("fear", "fear")])
    for metric in (metrics.mean_grounding, metrics.au_f1, metrics.hallucinated_au_rate):
        assert metric(plain) is None


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([Box(100, 100, 300, 300)] * 3, 1.0),  # aligned faces: the template is perfect
        ([Box(100, 100, 200, 200), Box(500, 500, 600, 600)], 0.0),  # the mean box misses both
    ],
)
def test_the_template_baseline_puts_the_mean_box(boxes, expected):
    assert metrics.mean_template_grounding([[Target(12, box)] for box in boxes]) == pytest.approx(
        expected
    )


TARGETS = st.lists(st.builds(Target, au=st.sampled_from((4, 12, 25)), box=boxes()), max_size=5)


@given(st.lists(TARGETS, min_size=1, max_size=4), st.sampled_from(BoxFrame))
def test_the_template_baseline_is_what_the_judge_would_give_it(present, frame):
    mean = {
        au: snap(
            metrics._mean_box([t.box for group in present for t in group if t.au == au]), frame
        )
        for au in {target.au for group in present for target in group}
    }
    paired = [pair([(t.au, mean[t.au]) for t in group], group, 0.3) for group in present]
    expected = [
        sum(match.credit for match in matches) / len(group) if group else 1.0
        for matches, group in zip(paired, present, strict=True)
    ]
    assert metrics.template_scores(present, frame, 0.3) == pytest.approx(expected)


def test_the_template_baseline_knows_which_units_are_present():
    nothing_present: list[Target] = []
    assert metrics.mean_template_grounding([nothing_present]) == 1.0


@pytest.mark.parametrize(
    ("grounding", "template", "expected"),
    [(0.7, 0.4, 0.5), (0.4, 0.4, 0.0), (0.1, 0.4, -0.5), (None, 0.4, None), (0.9, 1.0, None)],
)
def test_skill_is_the_share_of_the_room_above_the_template(grounding, template, expected):
    found = metrics.skill(grounding, template)
    assert found == (None if expected is None else pytest.approx(expected))


def test_au_frequencies_count_claims():
    assert metrics.au_frequencies(GROUNDED) == {1: 1, 2: 1, 4: 1, 12: 1}

"""The table of metrics: values against scikit-learn and by hand, and one more line in it."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, confusion_matrix

from tag_plugin.facs.boxes import Box
from tag_plugin.scoring.baselines import Baselines
from tag_plugin.scoring.contributions import confusion_of, contributions, units_left_out
from tag_plugin.scoring.matching import Target
from tag_plugin.scoring.metrics import METRICS
from tag_plugin.trace.claims import Claim
from tests.scoring.samples import LABELS, kappa, plain, sample, values

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
    expected = {name: value for name, value in plain(made).items() if value is not None}
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
    "no_claim_rate": 1 / 3,
}


def test_grounding_metrics_by_hand():
    found = values(GROUNDED)
    assert {name: found[name] for name in BY_HAND} == pytest.approx(BY_HAND)


def test_grounding_metrics_are_absent_without_detections():
    found = values(samples([("fear", "fear")]))
    assert not found.keys() & (BY_HAND.keys() - {"well_formed_rate", "no_claim_rate"})


MEAN = Box(300, 600, 700, 800)  # the boxes of `sample` are this one
AWAY = Box(300, 700, 700, 900)
BASELINES = Baselines(
    template=(Target(12, AWAY), Target(4, MEAN)), constant=(12,), by_answer={"fear": (4,)}
)


def with_matches(*ious, prediction="fear", units=((12,), (), ())):
    return sample("a", "fear", prediction, 1.0, 0.5, ious, units)


PHI = 1 / 3 - 0.3  # AWAY and MEAN overlap by a third
WHERE = [
    ("as good as the mean box", [with_matches(1 / 3)], 0.0),
    ("perfect", [with_matches(1.0)], 1.0),
    ("halfway", [with_matches(0.65 + PHI / 2)], 0.5),
    ("worse", [with_matches(0.0)], -PHI / (0.7 - PHI)),
    ("a ratio of means, not a mean of ratios", [with_matches(1.0), with_matches(0.0)], None),
    ("an AU without a mean box is left out", [with_matches(0.9, units=((5,), (), ()))], "absent"),
    ("no pair", [with_matches(units=((), (4,), (12,)))], "absent"),
]


@pytest.mark.parametrize(("samples", "expected"), [w[1:] for w in WHERE], ids=[w[0] for w in WHERE])
def test_box_skill_is_the_room_above_the_mean_boxes_that_is_filled(samples, expected):
    found = values(samples, baselines=BASELINES).get("box_skill", "absent")
    if expected is None:
        means = 1 / 2, PHI / 0.7
        expected = (means[0] - means[1]) / (1 - means[1])
    assert found == (expected if expected == "absent" else pytest.approx(expected))


REASONS = [
    ("right answer, right AU, better box", with_matches(0.9), 1.0),
    ("a box that is no better than the mean one", with_matches(1 / 3), 0.0),
    ("wrong answer", with_matches(0.9, prediction="anger"), 0.0),
    ("half of the AUs", with_matches(0.9, units=((12,), (1,), (2,))), 1.0),
    ("fewer than half", with_matches(0.9, units=((12,), (1, 5), (2,))), 0.0),
    ("no AU to be found", with_matches(units=((), (), ())), None),
]


@pytest.mark.parametrize(
    ("found", "expected"), [r[1:] for r in REASONS], ids=[r[0] for r in REASONS]
)
def test_right_for_the_right_reason(found, expected):
    assert values([found], baselines=BASELINES).get("right_reason") == expected


def test_the_baselines_get_what_the_judge_gives_their_claims():
    shown, bare = with_matches(0.9), with_matches(units=((), (), ()))
    found = values([shown, bare], baselines=BASELINES)
    assert found["silence_baseline"] == 0.5, "right where there is nothing to be found"
    assert found["constant_baseline"] == pytest.approx(PHI / 0.7 / 2), "AU12 at its mean box"
    assert found["by_answer_baseline"] == 0.0, "AU4 is on neither face"


def test_without_baselines_what_is_measured_from_them_is_absent():
    found = values([with_matches(0.9)])
    assert not found.keys() & {"box_skill", "right_reason", "silence_baseline"}
    assert "au_f1" in found


def test_claims_that_never_depend_on_the_face_have_no_kappa():
    seen = [((12,), (4,), ()), ((), (4, 12), ()), ((4,), (12,), ())] * 10
    faces = [sample(str(n), "fear", "fear", 1.0, 0.1, (), units) for n, units in enumerate(seen)]
    found = values(faces)
    assert (found["au_kappa"], found["counted_aus"]) == (pytest.approx(0.0), 2)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=30))
@settings(max_examples=30, deadline=None)
def test_the_plain_kappa_is_scikit_learns(pairs):
    one, other = zip(*pairs, strict=True)
    if len({*one, *other}) == 2:
        assert kappa(one, other) == pytest.approx(cohen_kappa_score(one, other))


def test_units_that_few_faces_show_are_left_out_and_counted():
    seen = [((12,), (), ())] * 10 + [((), (), (4,))] * 9 + [((), (), ())] * 20
    faces = [sample(str(n), "fear", "fear", 1.0, 0.1, (), units) for n, units in enumerate(seen)]
    found = values(faces)
    assert (found["au_kappa"], found["counted_aus"]) == (pytest.approx(1.0), 1)
    left_out = units_left_out(faces)
    assert left_out[4] == (9, 30)
    assert 12 not in left_out


DENIED = Claim(4, MEAN, "brows", "not visible", ("claim that denies itself",))


@pytest.mark.parametrize(
    "claim", [DENIED, Claim(4, None, "brows", "low", ("AU without box",)), Claim(4)]
)
def test_a_claim_that_cannot_be_right_claims_no_unit(claim):
    found = sample("a", "fear", "fear", 1.0, 0.0, (), ((), (4,), ()))
    parsed = replace(found.verdict.parsed, claims=(claim,))
    bad = found.model_copy(update={"verdict": replace(found.verdict, parsed=parsed)})
    assert values([found])["au_precision"] == 0.0
    assert "au_precision" not in values([bad])
    assert (values([found])["no_claim_rate"], values([bad])["no_claim_rate"]) == (0.0, 1.0)


def test_no_name_of_a_metric_is_part_of_another():
    names = [name for metric in METRICS.values() for name in metric.names(LABELS.labels)]
    assert [(a, b) for a in names for b in names if a != b and a in b] == []

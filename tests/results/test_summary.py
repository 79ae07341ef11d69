"""A summary's numbers by hand, its subgroups, and each alarm as one clear message."""

import re

import pytest

from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.results.alarms import alarms
from tag_plugin.results.summary import AGREEMENT, summarise
from tag_plugin.trace.grammar import Defect
from tests.results.run_files import LABELS, QUICK, RECORDS, judged, record


def summary(records=RECORDS):
    return summarise(judged(records), LABELS, QUICK)


def test_metrics_by_hand():
    found = {name: estimate.value for name, estimate in summary().metrics.items()}
    assert found == pytest.approx(
        {
            "accuracy": 0.5,
            "uar": 0.5,
            "macro_f1": 0.5,
            "unparsable_rate": 0.25,
            "recall_happiness": 1.0,
            "recall_anger": 0.0,
            "f1_happiness": 1.0,
            "f1_anger": 0.0,
            "well_formed_rate": 1.0,
            "no_claim_rate": 0.0,
            "spoken_of_rate": 1.0,
            "grounding": 0.5,
            "matched_iou": 1.0,
            "au_precision": 0.5,
            "au_recall": 0.5,
            "au_f1": 0.5,
            "hallucinated_au_rate": 0.5,
        }
    )


def test_the_confusion_matrix_shows_what_is_unparsable():
    found, happy, anger = summary(), LABELS.labels.index("happiness"), LABELS.labels.index("anger")
    assert found.confusion[happy][happy] == 2
    assert found.confusion[anger][LABELS.labels.index("fear")] == 1
    assert found.confusion[anger][-1] == 1
    assert sum(map(sum, found.confusion)) == found.n == 4


def test_subgroups_are_by_attribute_and_without_it_left_out():
    gender = summary().subgroups["gender"]
    assert {name: (g.n, g.metrics["accuracy"].value) for name, g in gender.items()} == {
        "female": (2, 0.5),
        "male": (1, 1.0),
    }
    assert summary([record("a", "anger", "anger")]).subgroups == {}


VOTED = (
    record("v0", "anger", "anger", votes={"anger": 10}),
    record("v1", "anger", "anger", votes={"anger": 9, "fear": 1}),
    record("v2", "anger", "fear", votes={"anger": 6, "fear": 4}),
    record("v3", "anger", "fear"),
)


def test_what_one_rater_reaches_and_accuracy_by_agreement_stand_beside_the_numbers():
    found = summary(VOTED)
    assert found.metrics["one_rater"].value == pytest.approx((10 + 9 + 6) / (10 + 10 + 10))
    groups = found.subgroups[AGREEMENT]
    assert {name: (g.n, g.metrics["accuracy"].value) for name, g in groups.items()} == {
        "all": (1, 1.0),
        "80 % or more": (1, 1.0),
        "60 % or more": (1, 0.0),
    }
    assert groups["60 % or more"].metrics["one_rater"].value == pytest.approx(6 / 10)
    assert "one_rater" not in summary().metrics


def test_several_answers_are_compared_with_the_votes():
    votes = {"anger": 5, "fear": 5}
    one = record("a", "anger", "anger", votes=votes)
    several = one | {"id": "b", "others": ["..."], "other_answers": ["fear"]}
    found = summary([one, several]).metrics["vote_divergence"]
    assert found.value == pytest.approx(0.0), "of the face that was asked about twice"
    assert "vote_divergence" not in summary([one]).metrics


def test_failed_requests_are_not_judged_and_are_said():
    failed = record("f9", "fear", None, failed="[LMMS_EVAL_REQUEST_FAILED after 5 retries] no")
    found = summary([*RECORDS, failed])
    assert (found.n, found.failed) == (4, 1)
    assert found.metrics["accuracy"].value == 0.5
    (alarm,) = found.alarms
    assert "1 of 5 requests failed and are not judged (the first: f9" in alarm


def test_replies_without_an_answer_are_judged_and_counted_apart():
    empty = record("f9", "fear", None, completion="<think>no end")
    found = summary([*RECORDS, empty])
    assert (found.n, found.failed, found.empty) == (5, 0, 1)
    assert found.metrics["unparsable_rate"].value == 0.4
    assert summary().empty == 0


def test_all_requests_failed_is_a_summary_without_numbers():
    found = summary([record("f9", "fear", None, failed="no")])
    assert (found.n, found.failed, found.metrics) == (0, 1, {})


def test_the_order_of_samples_changes_nothing():
    assert summary(RECORDS[::-1]) == summary()


def many(good: int, bad: int, **changes):
    names = [f"f{number:03d}" for number in range(good + bad)]
    plain = [record(name, "anger", "anger") for name in names[:good]]
    return judged([*plain, *(record(name, "anger", "anger", **changes) for name in names[good:])])


BARE = {"targets": None, "judged_claims": [], "matches": [], "grounding": None}
SMALL = [{"au": 12, "box": [10, 20, 200, 448], "region": "x", "observation": "y", "defects": []}]


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (many(79, 21, defects=[Defect.OUT_OF_FRAME_BOX]), "21 of 100 .*TAG_BOX_FRAME=absolute"),
        (many(94, 6, defects=[Defect.TRUNCATED]), "6 of 100 .*cut off.*max_new_tokens"),
        (many(3, 1, completion=" \n"), "1 of 4 replies are empty.*: f003.*max_new_tokens=N"),
        (many(3, 1, completion="<think>The mouth"), "1 of 4 replies are empty, or reasoning"),
        (many(3, 1, completion="<think>The mouth</think>\n"), "1 of 4 replies are empty"),
        (many(0, 4, **BARE), "no detections.*next: tag-plugin detect .TAG_DATA_DIR/ferplus"),
        (
            many(0, 60, frame=BoxFrame.RELATIVE, claims=SMALL),
            "no box reaches beyond 448 .*TAG_BOX_FRAME=absolute",
        ),
        (many(3, 2, failed="timeout"), "2 of 5 requests failed"),
    ],
)
def test_each_alarm_is_one_message_with_the_next_command(samples, message):
    found = list(alarms(samples))
    assert len(found) == 1
    assert "next: " in found[0]
    assert re.search(message, found[0])


@pytest.mark.parametrize(
    "samples",
    [
        many(80, 20, defects=[Defect.OUT_OF_FRAME_BOX]),
        many(95, 5, defects=[Defect.TRUNCATED]),
        many(1, 3, **BARE),  # some rows have none: no face was found
        many(0, 4, **BARE, style="direct"),
        many(0, 49, frame=BoxFrame.RELATIVE, claims=SMALL),
    ],
)
def test_up_to_the_limit_there_is_no_alarm(samples):
    assert list(alarms(samples)) == []

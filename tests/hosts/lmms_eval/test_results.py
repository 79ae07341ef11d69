"""The host's table and the per-sample record, against values worked out by hand."""

import json
import pickle
from collections import defaultdict
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from tag_plugin.data.rows import write_rows
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.hosts.lmms_eval.checkpoints import Question
from tag_plugin.hosts.lmms_eval.documents import columns, read_test_set
from tag_plugin.hosts.lmms_eval.host_functions import EmptyReply
from tag_plugin.hosts.lmms_eval.results import METRIC_LIST, RECORD, process_results
from tag_plugin.results.summary import Bootstrap, summarise
from tag_plugin.scoring.record import JudgedSample
from tag_plugin.trace.prompt import Style
from tests.hosts.lmms_eval.small_data import (
    COMPLETION,
    LABEL_METRICS,
    SMILE,
    WITH_BASELINES,
    WITH_DETECTIONS,
    WITHOUT_DETECTIONS,
    row,
    write_train_faces,
)

RELATIVE = Question(BoxFrame.RELATIVE, "a test")
LABEL_ONLY = Question(BoxFrame.RELATIVE, "a test", label_only=True)
PIXELS = COMPLETION.replace("[300,600,700,800]", "[134,269,314,358]")


def documents(
    dataset: str, question: Question = RELATIVE, style: Style = Style.GROUNDED
) -> list[dict[str, str]]:
    table = columns(read_test_set(dataset), question, style, f"tag_{dataset}")
    return [dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True)]


def judged(doc: dict[str, str], completion: str) -> JudgedSample:
    sample = process_results(doc, [completion])[RECORD]
    assert isinstance(sample, JudgedSample)
    return sample


def record(doc: dict[str, str], completion: str = COMPLETION) -> dict[str, Any]:
    """As `finish` writes it into the samples."""
    return judged(doc, completion).model_dump(mode="json")


def table(docs: list[dict[str, str]], completion: str) -> dict[str, float]:
    """As the host aggregates: each metric over the samples that mention it."""
    fed: dict[str, list[Any]] = defaultdict(list)
    for doc in docs:
        for name, value in process_results(doc, [completion]).items():
            fed[name].append(pickle.loads(pickle.dumps(value)))  # noqa: S301  # as between processes
    aggregations = {entry["metric"]: entry["aggregation"] for entry in METRIC_LIST}
    values = {name: aggregations[name](each) for name, each in fed.items()}
    return {name: value for name, value in values.items() if value is not None}  # as `finish` does


@pytest.mark.parametrize(
    ("dataset", "question", "expected"),
    [
        ("synth", RELATIVE, WITH_DETECTIONS),
        ("ferplus", RELATIVE, WITHOUT_DETECTIONS),  # grounding metrics are absent, not 0
        ("synth", LABEL_ONLY, LABEL_METRICS),  # nothing was asked about AUs
    ],
)
def test_metrics_by_hand(data_dir: Path, dataset, question, expected):
    found = table(documents(dataset, question), COMPLETION)
    assert found == pytest.approx(expected)
    assert all(type(value) in (int, float) for value in found.values())


def test_metrics_against_the_train_faces_by_hand(data_dir: Path):
    write_train_faces(data_dir)
    assert table(documents("synth"), COMPLETION) == pytest.approx(WITH_DETECTIONS | WITH_BASELINES)


def test_boxes_are_read_in_the_declared_frame(data_dir: Path):
    absolute = Question(BoxFrame.ABSOLUTE, "a test")
    in_pixels = table(documents("synth", absolute), PIXELS)
    assert in_pixels["matched_iou"] == pytest.approx(WITH_DETECTIONS["matched_iou"], abs=0.01)
    assert table(documents("synth", RELATIVE), PIXELS)["matched_iou"] < 0.1


def test_an_unparsable_answer_is_wrong_and_does_not_raise(data_dir: Path):
    for text in ("", "I see a face.", "<answer>", "\ud800"):
        found = table(documents("synth"), text)
        assert (found["accuracy"], found["unparsable_rate"]) == (0.0, 1.0)
        assert "matched_iou" not in found


@pytest.mark.parametrize(
    "results",
    [
        [],
        [None],
        ["[LMMS_EVAL_REQUEST_FAILED after 5 retries] Answer: happiness"],
        ["[LMMS_EVAL_BUDGET_EXCEEDED]"],
        [EmptyReply("the service returned an empty text")],
    ],
)
def test_a_failed_request_is_recorded_and_feeds_no_metric(data_dir: Path, results):
    for style in Style:
        fed = process_results(documents("synth", style=style)[0], results)
        assert set(fed) == {RECORD}
        assert fed[RECORD].failed
        assert fed[RECORD].prediction is None


@pytest.mark.parametrize(
    ("style", "text", "prediction"),
    [
        (Style.GROUNDED, "Answer: happy", None),  # the contract: <answer> only
        (Style.GROUNDED, "<answer>happy</answer>", "happiness"),
        (Style.DIRECT, "Answer: happy", "happiness"),
        (Style.COT, "The lip corners rise.\nAnswer: happy", "happiness"),
        (Style.COT, "Answer: happy or sad", None),
    ],
)
def test_each_style_has_its_way_of_reading_answers(data_dir: Path, style, text, prediction):
    sample = judged(documents("synth", style=style)[0], text)
    assert (sample.prediction, sample.style) == (prediction, style)
    assert sample.verdict.format == (0.0 if style is Style.GROUNDED else None)


def test_attributes_of_a_row_reach_its_record(data_dir: Path):
    file = data_dir / "synth/detected/test.jsonl"
    first = row(0).model_copy(update={"attributes": {"gender": "female"}})
    write_rows(file, [first, row(1)])
    assert [record(doc)["attributes"] for doc in documents("synth")] == [{"gender": "female"}, {}]


def test_votes_and_further_answers_reach_the_record(data_dir: Path):
    votes = {"happiness": 9, "unknown": 1}
    write_rows(data_dir / "synth/detected/test.jsonl", [row(0).model_copy(update={"votes": votes})])
    answers = [COMPLETION, COMPLETION.replace("happiness", "anger"), None, "I am not sure."]
    (doc,) = documents("synth")
    for results in (answers, [answers]):
        found = process_results(doc, results)[RECORD]
        assert found.votes == votes
        assert found.other_answers == ("anger", None)
    assert JudgedSample.model_validate(json.loads(found.model_dump_json())) == found
    assert "votes" not in record(documents("ferplus")[0])


def test_the_record_gives_the_metrics_of_the_table(data_dir: Path):
    records = json.loads(json.dumps([record(doc) for doc in documents("synth")]))
    samples = [JudgedSample.model_validate(each) for each in records]
    found = summarise(samples, samples[0].labels, Bootstrap(resamples=20)).metrics
    expected = {name: value for name, value in WITH_DETECTIONS.items() if name != RECORD}
    assert {name: found[name].value for name in expected} == pytest.approx(expected)


def test_the_record_is_enough_for_a_report(data_dir: Path):
    found = record(documents("synth")[0])
    assert json.loads(json.dumps(found)) == found
    smile, verdict = list(SMILE.as_tuple()), found["verdict"]
    claim = verdict["parsed"]["claims"][0]
    assert found["id"] == "synth-0"
    assert Path(found["image"]).is_file()
    assert (found["gold"], verdict["parsed"]["answer"]) == ("happiness", "happiness")
    assert (found["completion"], found["frame"]) == (COMPLETION, "relative")
    assert (claim["au"], claim["box"], claim["defects"]) == (12, smile, [])
    assert verdict["targets"] == [{"au": 12, "box": smile, "weight": 1.0}]
    assert verdict["matches"] == [{"claim": 0, "target": 0, "iou": 1.0, "credit": 1.0}]
    assert [verdict[name] for name in ("answer", "grounding", "format")] == [1.0, 1.0, 1.0]
    assert found["detections"]["supported"] == [4, 12, 15]


def test_claims_in_the_record_are_relative_whatever_the_model_wrote(data_dir: Path):
    doc = documents("synth", Question(BoxFrame.ABSOLUTE, "a test"))[0]
    claim = record(doc, PIXELS)["verdict"]["parsed"]["claims"][0]
    assert claim["box"] == pytest.approx(SMILE.as_tuple(), abs=1)


def test_the_samples_file_holds_the_record_once(data_dir: Path):
    result = process_results(documents("synth")[0], [COMPLETION])
    others = json.loads(json.dumps({k: v for k, v in result.items() if k != RECORD}, default=str))
    assert set(others.values()) == {"see judged"}


def test_no_metric_name_contains_another():
    names = [entry["metric"] for entry in METRIC_LIST]
    assert [pair for pair in permutations(names, 2) if pair[0] in pair[1]] == []

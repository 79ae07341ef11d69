"""Known answers in the real host: numbers by hand and by scikit-learn, however the run is cut."""

import json
from functools import partial
from pathlib import Path

import pytest
from sklearn.metrics import accuracy_score, f1_score, recall_score

from tag_plugin.results.merge import merge
from tag_plugin.results.reader import TaskRun, read_run, read_runs
from tests.forked import begun, ended, forked, ranks
from tests.hosts.lmms_eval.canned_run import TASKS, evaluate_all
from tests.hosts.lmms_eval.small_data import write_dataset, write_train_faces

pytestmark = [pytest.mark.host, pytest.mark.slow]

N = 13  # not a multiple of 2 or 4
GROUNDED = [task for task in TASKS if not task.endswith("_direct")]
SHARDS = ((0, 4), (4, 4), (8, 3), (11, 4))


@pytest.fixture(scope="module")
def outputs(tmp_path_factory) -> Path:
    """`whole`, `shard0` ... by one process, `two` by two processes."""
    folder = tmp_path_factory.mktemp("canned")
    for dataset in set(TASKS.values()):
        write_dataset(folder / "data", dataset, "detected", N)
    write_train_faces(folder / "data")
    environment = {"TAG_DATA_DIR": str(folder / "data"), "TAG_BOX_FRAME": "relative"}
    cuts = [(str(folder / f"shard{i}"), offset, limit) for i, (offset, limit) in enumerate(SHARDS)]
    log = folder / "log"
    alone = [(str(folder / "whole"), 0, None), *cuts]
    assert forked(partial(evaluate_all, alone), log, **environment) == 0, log.read_text()
    two = partial(evaluate_all, [(str(folder / "two"), 0, None)])
    group = [begun(two, log, **environment, **place) for place in ranks(2)]
    assert [ended(each) for each in group] == [0, 0], log.read_text()
    return folder


def numbers(run: TaskRun) -> dict[str, object]:
    """The host's own table of a task."""
    return json.loads(run.results_file.read_text())["results"][run.task]


def samples(run: TaskRun) -> list[dict[str, object]]:
    return [json.loads(line) for line in run.samples_file.read_text().splitlines()]


@pytest.mark.parametrize("task", TASKS)
def test_two_processes_give_the_same_numbers_and_samples_as_one(outputs, task):
    one, two = read_run(outputs / "whole", task), read_run(outputs / "two", task)
    assert two.stated == one.stated
    assert numbers(two) == numbers(one)
    assert samples(two) == samples(one)
    assert [sample["doc_id"] for sample in samples(two)] == list(range(N))


@pytest.mark.parametrize("task", TASKS)
def test_four_shards_merge_into_the_same_run(outputs, tmp_path, task):
    merge([outputs / f"shard{i}" for i in range(len(SHARDS))], tmp_path)
    whole, merged = read_run(outputs / "whole", task), read_run(tmp_path, task)
    assert merged.stated == whole.stated
    assert numbers(merged) == numbers(whole)
    assert samples(merged) == samples(whole)
    shard = read_run(outputs / "shard1", task)
    assert shard.protocol.items == "4-7"
    assert shard.stated.fingerprint != whole.stated.fingerprint


# What a careful human reads in each answer of the canned model, by style; "-" is unparsable.
READ = {
    **dict.fromkeys(GROUNDED, ("happiness", "anger", "sadness", "-", "-", None, "happiness")),
    "tag_ferplus_direct": ("happiness", "anger", "sadness", "-", "anger", None, "happiness"),
}
GOLD = ("happiness", "happiness", "sadness", "anger")


@pytest.mark.parametrize("task", TASKS)
def test_label_metrics_equal_scikit_learns_and_failed_requests_are_left_out(outputs, task):
    asked = [(GOLD[i % 4], READ[task][i % 7]) for i in range(N)]
    gold, found = zip(*(pair for pair in asked if pair[1] is not None), strict=True)
    run = read_run(outputs / "whole", task)
    metrics = {name: estimate.value for name, estimate in run.summary.metrics.items()}
    options = {"labels": sorted(set(gold)), "average": "macro", "zero_division": 0}
    assert (run.summary.n, run.summary.failed) == (N - 2, 2)
    assert metrics["accuracy"] == pytest.approx(accuracy_score(gold, found))
    assert metrics["uar"] == pytest.approx(recall_score(gold, found, **options))
    assert metrics["macro_f1"] == pytest.approx(f1_score(gold, found, **options))
    assert metrics["unparsable_rate"] == pytest.approx(found.count("-") / len(found))
    assert numbers(run)["accuracy,none"] == metrics["accuracy"]
    assert any("2 of 13 requests failed" in alarm for alarm in run.summary.alarms)


@pytest.mark.parametrize("task", GROUNDED)
@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("grounding", (1 + 1 / 21 + 1) / 11),  # faces 0, 1 and 8; IoU 1/3 earns 1/21
        ("matched_iou", (1 + 1 / 3 + 1) / 3),
        ("au_precision", 3 / 4),  # wrong on face 7; the box on face 6 is none
        ("au_recall", 3 / 8),  # missed on faces 3, 4, 7, 9 and 11
        ("au_f1", 2 * 3 / (2 * 3 + 1 + 5)),
        ("hallucinated_au_rate", 1 / 4),
    ],
)
def test_grounding_metrics_equal_those_by_hand(outputs, task, metric, expected):
    run = read_run(outputs / "whole", task)
    assert run.summary.metrics[metric].value == pytest.approx(expected)
    assert numbers(run)[f"{metric},none"] == run.summary.metrics[metric].value


def test_boxes_are_measured_from_the_mean_ones_of_train_where_there_are_train_faces(outputs):
    synth, rafdb = (read_run(outputs / "whole", f"tag_{name}") for name in ("synth", "rafdb"))
    mean = 3 / 7  # phi of the mean smile; its box is matched on faces 0, 1 and 8
    expected = (1 + 1 / 21 + 1 - 3 * mean) / (3 - 3 * mean)
    assert synth.summary.metrics["box_skill"].value == pytest.approx(expected)
    assert synth.protocol.baselines
    assert "box_skill" not in rafdb.summary.metrics
    (note,) = (note for note in rafdb.summary.notes if "absent" in note)
    assert "next: tag-plugin detect $TAG_DATA_DIR/rafdb" in note


def test_a_style_without_traces_has_no_trace_metrics(outputs):
    metrics = set(read_run(outputs / "whole", "tag_ferplus_direct").summary.metrics)
    for name in ("well_formed_rate", "no_claim_rate", "grounding", "au_f1"):
        assert name not in metrics
    protocol = read_run(outputs / "whole", "tag_ferplus_direct").protocol
    assert (protocol.style, protocol.answers, protocol.box_frame) == ("direct", "careful-1", None)


def test_all_tasks_are_read_from_one_output(outputs):
    assert sorted(run.task for run in read_runs(outputs / "whole")) == sorted(TASKS)

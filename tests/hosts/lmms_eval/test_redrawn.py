"""Two scripted models through the real host on tag_synth_redrawn: one looks, one explains."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from lmms_eval.evaluator import simple_evaluate
from lmms_eval.loggers import EvaluationTracker
from lmms_eval.tasks import TaskManager
from typer.testing import CliRunner

from tag_plugin.cli import app
from tag_plugin.data.rows import Row, read_rows
from tag_plugin.data.synthetic.prepare import prepare_synth
from tag_plugin.hosts.paths import tasks_dir
from tag_plugin.results.merge import merge
from tag_plugin.results.reader import read_run
from tag_plugin.results.redrawn import REDRAWN_METRICS
from tests.forked import forked
from tests.hosts.lmms_eval.canned_run import Canned
from tests.redrawn_answers import Policy, answer_of, explains, looks

pytestmark = [pytest.mark.host, pytest.mark.slow]

FACES = 16
POLICIES = (looks, explains)
"""The first looks at the picture; the second answers, then names the AUs of its answer."""


class Scripted(Canned):
    """Answers by a policy, which is given the row of the picture that is shown."""

    def __init__(self, rows: dict[str, Row], policy: Policy) -> None:
        super().__init__()
        self.rows, self.policy = rows, policy

    def generate_until(self, requests: list[Any]) -> list[str]:
        answers = []
        for request in requests:
            _, _, _, doc_id, task, split = request.args
            row = self.rows[self.task_dict[task][split][doc_id]["id"]]
            answers.append(answer_of(row, self.policy))
        return answers


def evaluate(data: Path, out: Path) -> None:
    rows = {row.id: row for row in read_rows(data / "synth_redrawn" / "detected" / "test.jsonl")}
    manager = TaskManager("ERROR", include_path=str(tasks_dir()), include_defaults=False)
    for policy in POLICIES:
        tracker = EvaluationTracker(output_path=str(out / policy.__name__))
        found = simple_evaluate(
            model=Scripted(rows, policy),
            tasks=["tag_synth_redrawn"],
            task_manager=manager,
            log_samples=True,
            evaluation_tracker=tracker,
        )
        samples = found.pop("samples")
        tracker.general_config_tracker.model_name = policy.__name__
        tracker.general_config_tracker.model_name_sanitized = policy.__name__
        tracker.save_results_aggregated(found, samples, "20260101_000000")
        tracker.save_results_samples("tag_synth_redrawn", samples["tag_synth_redrawn"])


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Policy -> its run; drawn, detected and evaluated as a user does it."""
    folder = tmp_path_factory.mktemp("redrawn")
    prepare_synth(folder, {"test": FACES}, workers=1, name="synth_redrawn", again=True)
    words = ["detect", str(folder / "synth_redrawn"), "--detector", "synthetic", "--workers", "1"]
    assert CliRunner().invoke(app, words).exit_code == 0
    environment = {"TAG_DATA_DIR": str(folder), "TAG_BOX_FRAME": "relative"}
    log = folder / "log"
    assert forked(partial(evaluate, folder, folder / "out"), log, **environment) == 0, (
        log.read_text()
    )
    return {policy: read_run(folder / "out" / policy.__name__) for policy in POLICIES}


def test_who_looks_has_the_score_and_who_explains_has_none(runs):
    scores = {policy: run.summary.metrics["redrawn_score"] for policy, run in runs.items()}
    assert scores[looks].value >= 0.8
    assert scores[explains].value <= 0.05
    assert scores[explains].high < scores[looks].low


def test_who_explains_is_right_as_often_and_keeps_its_other_claims(runs):
    metrics = runs[explains].summary.metrics
    assert metrics["accuracy"].value > 0.8
    assert metrics["claim_vanished"].value < 0.5
    assert metrics["answer_kept"].value > 0.7


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.__name__)
def test_every_step_stands_in_the_hosts_own_table_and_survives_a_merge(runs, tmp_path, policy):
    run = runs[policy]
    numbers = json.loads(run.results_file.read_text())["results"]["tag_synth_redrawn"]
    expected = {name: run.summary.metrics[name].value for name in REDRAWN_METRICS}
    assert {name: numbers[f"{name},none"] for name in REDRAWN_METRICS} == expected
    merge([run.results_file.parent], tmp_path)
    assert read_run(tmp_path).summary.metrics == run.summary.metrics

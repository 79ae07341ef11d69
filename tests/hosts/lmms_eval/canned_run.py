"""A model of canned answers in the real host: what it answers depends on the face's number only."""

from typing import Any

import torch
from lmms_eval.api.model import lmms
from lmms_eval.evaluator import simple_evaluate
from lmms_eval.loggers import EvaluationTracker
from lmms_eval.tasks import TaskManager

from tag_plugin.hosts.paths import tasks_dir
from tests.hosts.lmms_eval.small_data import COMPLETION

TASKS = {
    "tag_synth": "synth",
    "tag_rafdb": "rafdb",
    "tag_ferplus": "ferplus",
    "tag_ferplus_direct": "ferplus",
    "tag_affectnet": "affectnet7",
    "tag_affectnet8": "affectnet8",
}
"""Task -> the dataset that it reads."""

ANSWERS = (
    COMPLETION,
    COMPLETION.replace("happiness", "anger"),
    "<answer>sadness</answer>",
    "I am not sure.",
    "Answer: anger",
    "[LMMS_EVAL_REQUEST_FAILED after 5 retries] timeout",
    COMPLETION.replace("[300,600,700,800]", "[100,600,500,1800]"),
)


class Canned(lmms):
    """Answers by the number at the end of a document's id."""

    device = torch.device("cpu")

    def generate_until(self, requests: list[Any]) -> list[str]:
        answers = []
        for request in requests:
            _, _, _, doc_id, task, split = request.args
            name = self.task_dict[task][split][doc_id]["id"]
            answers.append(ANSWERS[int(name.rpartition("-")[2]) % len(ANSWERS)])
        return answers

    def loglikelihood(self, requests: list[Any]) -> list[Any]:
        raise NotImplementedError

    def generate_until_multi_round(self, requests: list[Any]) -> list[str]:
        raise NotImplementedError


def evaluate(manager: TaskManager, out: str, offset: int, limit: int | None) -> None:
    """One evaluation, saved as the host's command line saves it."""
    tracker = EvaluationTracker(output_path=out)
    found = simple_evaluate(
        model=Canned(),
        tasks=list(TASKS),
        task_manager=manager,
        offset=offset,
        limit=limit,
        log_samples=True,
        evaluation_tracker=tracker,
        distributed_executor_backend="torchrun"
        if torch.distributed.is_initialized()
        else "accelerate",
    )
    if found is None:  # not the first process
        return
    samples = found.pop("samples")
    tracker.general_config_tracker.model_name = "canned"
    tracker.general_config_tracker.model_name_sanitized = "canned"
    tracker.save_results_aggregated(found, samples, "20260101_000000")
    for task in found["configs"]:
        tracker.save_results_samples(task, samples[task])


def evaluate_all(evaluations: list[tuple[str, int, int | None]]) -> None:
    """One evaluation for each output folder, offset and limit."""
    manager = TaskManager("ERROR", include_path=str(tasks_dir()), include_defaults=False)
    for out, offset, limit in evaluations:
        evaluate(manager, out, offset, limit)

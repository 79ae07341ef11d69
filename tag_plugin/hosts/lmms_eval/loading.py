"""What an evaluation asks: settled before its model loads, stated in its results."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from datasets import Dataset, DatasetDict
from loguru import logger

from tag_plugin.hosts.lmms_eval.documents import columns, read_test_set, require_test_files
from tag_plugin.hosts.lmms_eval.questions import (
    ASKED,
    ASKED_PROMPTS,
    current_question,
    question_for,
)
from tag_plugin.hosts.lmms_eval.results import judge_config
from tag_plugin.trace.prompt import prompt_hash


@contextmanager
def asking(datasets: Iterable[str], model: Any, model_args: Any) -> Iterator[None]:  # noqa: ANN401  # host objects
    """Settles what an evaluation needs before its model loads, and remembers it until the end.

    Raises:
        WrongConfigurationError: test data is missing, or nothing declares the box frame.
    """
    require_test_files(datasets)
    token = ASKED.set(question_for(model, model_args))
    try:
        yield
    finally:
        ASKED.reset(token)


def load_documents(task: Any) -> None:  # noqa: ANN401  # a host object
    """Gives a host task its documents; nothing is cached.

    What is stated goes into `metadata` of the task's configuration, which the results repeat.
    """
    question = current_question()
    test_set = read_test_set(task.config.dataset_name)
    documents = columns(test_set, question)
    ASKED_PROMPTS.update(documents["prompt"])
    task.dataset = DatasetDict({task.config.test_split: Dataset.from_dict(documents)})
    task.dataset_no_image = task.dataset
    first = test_set.rows[0]
    stated = {
        "box_frame": str(question.frame),
        "box_frame_source": question.source,
        "question": documents["question"][0],
        "prompt_hash": prompt_hash(documents["prompt"][0]),
        "test_file": str(test_set.file),
        "rows": len(test_set.rows),
        "rows_left_out": len(test_set.problems),
        "judge": judge_config(first).model_dump(mode="json"),
        "detector": None if first.detector is None else first.detector.model_dump(mode="json"),
    }
    task.config.metadata = {**(task.config.metadata or {}), **stated}
    _tell(task.config.task, stated, test_set.problems)


def _tell(task: str, stated: Mapping[str, Any], problems: tuple[str, ...]) -> None:
    logger.info(
        f"{task}: {stated['rows']} rows of {stated['test_file']}; boxes in the "
        f"{stated['box_frame']} frame ({stated['box_frame_source']}); {stated['question']} "
        f"question {stated['prompt_hash']}"
    )
    for problem in problems:
        logger.warning(f"{task}: row left out: {problem}")
    if problems:
        total = stated["rows"] + len(problems)
        logger.warning(f"{task}: {len(problems)} of {total} rows left out")

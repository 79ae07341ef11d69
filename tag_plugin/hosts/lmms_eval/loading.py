"""What an evaluation asks: settled and printed before its model loads, stored in its results."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from datasets import Dataset, DatasetDict
from lmms_eval.utils import simple_parse_args_string
from loguru import logger

from tag_plugin import __version__
from tag_plugin.facs.boxes import FACE_FRAME
from tag_plugin.hosts.lmms_eval.asked import Asked, asked_by
from tag_plugin.hosts.lmms_eval.cache import refuse_stale_cache, weights_of
from tag_plugin.hosts.lmms_eval.documents import TestSet, columns, read_test_set, require_test_files
from tag_plugin.hosts.lmms_eval.evaluation import (
    RUNNING,
    Evaluation,
    current_evaluation,
    evaluation_of,
)
from tag_plugin.hosts.lmms_eval.questions import (
    ASKED_PROMPTS,
    NO_BOXES,
    Question,
    question_for,
)
from tag_plugin.hosts.lmms_eval.results import judge_config
from tag_plugin.results.protocol import Protocol
from tag_plugin.results.reader import Stated
from tag_plugin.results.summary import Summary
from tag_plugin.trace.prompt import Style, prompt_hash


@contextmanager
def asking(asked: Sequence[Asked], call: Mapping[str, Any]) -> Iterator[Evaluation]:
    """Settles what an evaluation needs before its model loads, and remembers it until the end.

    Args:
        asked: what its tasks read, and in which styles they ask.
        call: the arguments of `simple_evaluate`.

    Raises:
        WrongConfigurationError: test data is missing, nothing declares the box frame, or a cache
            could give answers of other weights or other data.
    """
    require_test_files(asked)
    question = _question(asked, call)
    weights = weights_of(call["model_args"])
    refuse_stale_cache(call, weights)
    gen_kwargs = call.get("gen_kwargs")
    given = simple_parse_args_string(gen_kwargs) if isinstance(gen_kwargs, str) else gen_kwargs
    evaluation = evaluation_of(call, question, given or {}, weights)
    token = RUNNING.set(evaluation)
    try:
        yield evaluation
    finally:
        RUNNING.reset(token)


def _question(asked: Sequence[Asked], call: Mapping[str, Any]) -> Question:
    if any(each.style is Style.GROUNDED for each in asked):
        return question_for(call["model"], call["model_args"])
    return NO_BOXES


def load_documents(task: Any) -> None:  # noqa: ANN401  # a host object
    """Gives a host task its documents; nothing is cached.

    The protocol is printed, and goes into `metadata` of the task's configuration, which the host
    repeats in its results and hashes into the keys of its response cache.
    """
    evaluation, config = current_evaluation(), task.config
    asked = asked_by(config.to_dict())
    test_set = read_test_set(asked.dataset, asked.split)
    documents = columns(test_set, evaluation.question, asked.style, config.task)
    ASKED_PROMPTS.update(documents["prompt"])
    task.dataset = DatasetDict({config.test_split: Dataset.from_dict(documents)})
    task.dataset_no_image = task.dataset
    protocol = _protocol(task, asked, test_set, documents, evaluation)
    stated = Stated(
        protocol=protocol,
        fingerprint=protocol.fingerprint,
        summary=Summary(n=0, failed=0, labels=protocol.labels, metrics={}, confusion=()),
        tag_plugin=__version__,
        weights=evaluation.weights,
        box_frame_source=evaluation.question.source,
        test_file=str(test_set.file),
        rows_left_out=len(test_set.problems),
    )
    evaluation.stated[config.task] = stated
    shown = protocol.model_dump(mode="json", exclude={"items"})
    config.metadata = {**(config.metadata or {}), "protocol": shown, "weights": evaluation.weights}
    _tell(stated, test_set.problems)


def _protocol(
    task: Any,  # noqa: ANN401  # a host object
    asked: Asked,
    test_set: TestSet,
    documents: Mapping[str, list[str]],
    evaluation: Evaluation,
) -> Protocol:
    first, n = test_set.rows[0], len(test_set.rows)
    style = Style(documents["style"][0])
    judge = judge_config(first, style)
    grounded = style is Style.GROUNDED
    detector = first.detector if grounded else None
    return Protocol(
        task=task.config.task,
        task_version=str((task.config.metadata or {}).get("version", "-")),
        dataset=asked.dataset,
        split=asked.split,
        n=n,
        items=evaluation.items(n),
        label_set=first.label_set,
        labels=first.reference.labels.labels,
        preparation=test_set.preparation,
        image=f"{FACE_FRAME}x{FACE_FRAME} face frame",
        style=str(style),
        prompt_hash=prompt_hash(documents["prompt"][0]),
        box_frame=str(evaluation.question.frame) if grounded else None,
        decoding={**task.config.generation_kwargs, **evaluation.gen_kwargs},
        answers=str(judge.answers),
        judge=judge.model_dump(mode="json", exclude={"answers"}),
        detector=None if detector is None else detector.model_dump(mode="json"),
        rows_sha256=test_set.rows_sha256,
        images_sha256=test_set.images_sha256,
        host_options=evaluation.options,
    )


def _tell(stated: Stated, problems: tuple[str, ...]) -> None:
    if os.environ.get("RANK", "0") != "0":
        return
    protocol, task = stated.protocol, stated.protocol.task
    fields = "".join(f"\n    {line}" for line in protocol.lines())
    logger.info(
        f"protocol {protocol.name}, {stated.test_file}, box frame from: "
        f"{stated.box_frame_source}{fields}"
    )
    for problem in problems:
        logger.warning(f"{task}: row left out: {problem}")
    if problems:
        total = protocol.n + len(problems)
        logger.warning(f"{task}: {len(problems)} of {total} rows left out")

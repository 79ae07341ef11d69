"""What an evaluation asks: settled and printed before its model loads, stored in its results."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from datasets import Dataset, DatasetDict
from loguru import logger

from tag_plugin import __version__
from tag_plugin.facs.boxes import FACE_FRAME
from tag_plugin.hosts.lmms_eval.cache import refuse_stale_cache, weights_of
from tag_plugin.hosts.lmms_eval.checkpoints import (
    NO_BOXES,
    find_question,
    named_checkpoint,
    refuse_adapter,
)
from tag_plugin.hosts.lmms_eval.documents import (
    BASELINES,
    TestSet,
    columns,
    read_test_set,
    require_test_files,
)
from tag_plugin.hosts.lmms_eval.evaluation import RUNNING, Evaluation
from tag_plugin.hosts.lmms_eval.model_input import effective_decoding, model_input
from tag_plugin.hosts.lmms_eval.results import judge_config
from tag_plugin.hosts.lmms_eval.tag_tasks import TagTask, tag_task
from tag_plugin.hosts.lmms_eval.wrappers import (
    model_arguments,
    refuse_batches,
    warn_of_untried,
    wrapper_of,
)
from tag_plugin.results.protocol import Protocol
from tag_plugin.results.stated import Stated
from tag_plugin.results.summary import Summary
from tag_plugin.scoring.score import JUDGE_VERSION
from tag_plugin.trace.prompt import Style, prompt_hash

_OF_NO_ANSWER: Final = {"items", "answers", "judge", "baselines"}
"""Fields of a protocol that change no answer of a model: its cache outlives them."""

_DEFAULTS: Final[Mapping[str, Any]] = {
    "num_fewshot": None,
    "system_instruction": None,
    "apply_chat_template": False,
    "fewshot_as_multiturn": False,
    "repeats": 1,
    "predict_only": False,
}
"""Arguments of the host that change what is measured, and their defaults."""

_TASK_USUALLY: Final[Mapping[str, tuple[Any, ...]]] = {
    "description": ("", None),
    "doc_to_text": ("prompt",),
    "doc_to_messages": (None,),
    "num_fewshot": (None, 0),
    "filter_list": (None,),
    "lmms_eval_specific_kwargs": (None,),
    "model_specific_generation_kwargs": (None,),
    "reasoning_tags": (None, "none"),
    "auto_strip_thinking": (False,),
}
"""Settings of a task that change what is asked or what is judged, as the tag_ tasks have them."""


@contextmanager
def settled_evaluation(tasks: Sequence[TagTask], call: Mapping[str, Any]) -> Iterator[Evaluation]:
    """Settles what an evaluation needs before its model loads, and remembers it until the end.

    What the host has imported by now, about half a million objects, is not searched for garbage
    again while samples pile up.

    Args:
        tasks: what its tasks read, and in which styles they ask.
        call: the arguments of `simple_evaluate`.

    Raises:
        WrongConfigurationError: test data is missing or unusable, nothing declares the box frame,
            faces would reach the model in another size, weights are missing, or a cache could give
            answers of other weights or other data.
    """
    require_test_files(tasks)
    model, arguments = call["model"], model_arguments(call.get("model_args"))
    checkpoint = named_checkpoint(model, arguments)
    refuse_adapter(checkpoint)
    wrapper = wrapper_of(model, arguments, bool(call.get("force_simple")))
    refuse_batches(wrapper, call.get("batch_size"))
    asks_for_boxes = any(each.style is Style.GROUNDED for each in tasks)
    weights = weights_of(arguments)
    refuse_stale_cache(call, weights, wrapper.service)
    evaluation = Evaluation(
        find_question(model, arguments) if asks_for_boxes else NO_BOXES,
        wrapper=wrapper,
        checkpoint=checkpoint,
        model_input=model_input(wrapper, checkpoint),
        test_sets={(a.dataset, a.split): read_test_set(a.dataset, a.split) for a in set(tasks)},
        call=call,
        weights=weights,
    )
    warn_of_untried(wrapper, evaluation.question, checkpoint)
    token = RUNNING.set(evaluation)
    try:
        yield evaluation
    finally:
        RUNNING.reset(token)


def load_documents(task: Any) -> None:
    """Gives a host task its documents; nothing is cached.

    The protocol is printed, and goes into `metadata` of the task's configuration, which the host
    repeats in its results and hashes into the keys of its response cache.
    """
    evaluation, config = RUNNING.get() or Evaluation(find_question("", {})), task.config
    read = tag_task(config.to_dict())
    place = (read.dataset, read.split)
    test_set = evaluation.test_sets.get(place) or read_test_set(*place)
    documents = columns(test_set, evaluation.question, read.style, config.task)
    evaluation.prompts.update(documents["prompt"])
    task.dataset = task.dataset_no_image = DatasetDict(
        {config.test_split: Dataset.from_dict(documents)}
    )
    protocol = _protocol(task, read, test_set, documents, evaluation)
    stated = evaluation.stated[config.task] = Stated(
        protocol=protocol,
        fingerprint=protocol.fingerprint,
        summary=Summary(n=0, failed=0, labels=protocol.labels, metrics={}, confusion=()),
        tag_plugin=__version__,
        weights=evaluation.weights,
        baselines=BASELINES.get(config.task) if protocol.baselines else None,
        box_frame_source=evaluation.question.source,
        test_file=str(test_set.file),
        rows_left_out=len(test_set.problems),
    )
    shown = protocol.model_dump(mode="json", exclude=_OF_NO_ANSWER)
    config.metadata = {**(config.metadata or {}), "protocol": shown, "weights": evaluation.weights}
    _tell(stated, test_set)


def _protocol(
    task: Any,
    read: TagTask,
    test_set: TestSet,
    documents: Mapping[str, list[str]],
    evaluation: Evaluation,
) -> Protocol:
    first, n, call = test_set.rows[0], len(test_set.rows), evaluation.call
    style = Style(documents["style"][0])
    judge = judge_config(first, style)
    grounded = style is Style.GROUNDED
    detector = first.detector if grounded else None
    baselines = test_set.baselines if grounded else None
    return Protocol(
        task=task.config.task,
        task_version=str((task.config.metadata or {}).get("version", "-")),
        dataset=read.dataset,
        split=read.split,
        n=n,
        items=evaluation.items(n),
        label_set=first.label_set,
        labels=first.reference.labels.labels,
        preparation=test_set.preparation,
        image=f"{FACE_FRAME}x{FACE_FRAME} face frame",
        style=str(style),
        prompt_hash=prompt_hash(documents["prompt"][0]),
        box_frame=str(evaluation.question.frame) if grounded else None,
        model_input=evaluation.model_input,
        decoding=effective_decoding(
            {**task.config.generation_kwargs, **model_arguments(call.get("gen_kwargs"))},
            evaluation.wrapper,
            evaluation.checkpoint,
            call.get("torch_random_seed"),
        ),
        answers=str(judge.answers),
        judge={"version": JUDGE_VERSION, **judge.model_dump(mode="json", exclude={"answers"})},
        detector=None if detector is None else detector.model_dump(mode="json"),
        rows_sha256=test_set.rows_sha256,
        images_sha256=test_set.images_sha256,
        host_options={
            **{n: call[n] for n, usual in _DEFAULTS.items() if call.get(n, usual) != usual},
            **_task_options(task.config),
        },
        baselines=None if baselines is None else baselines.digest,
    )


def _task_options(config: Any) -> dict[str, str]:
    """What a task of the user's own changes in how it asks or in what is judged."""
    held = {name: getattr(config, name, usual[0]) for name, usual in _TASK_USUALLY.items()}
    return {
        f"task_{name}": f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', '')}"
        if callable(value)
        else str(value)
        for name, value in held.items()
        if value not in _TASK_USUALLY[name]
    }


def _tell(stated: Stated, test_set: TestSet) -> None:
    if os.environ.get("RANK", "0") != "0":
        return
    protocol, task, problems = stated.protocol, stated.protocol.task, test_set.problems
    absent = test_set.without_baselines if protocol.style == Style.GROUNDED else ""
    fields = "".join(f"\n    {line}" for line in protocol.lines())
    logger.info(
        f"protocol {protocol.name}, {stated.test_file}, box frame from: "
        f"{stated.box_frame_source}{fields}"
    )
    for line in [
        *(f"row left out: {each}" for each in problems),
        *([f"{len(problems)} of {protocol.n + len(problems)} rows left out"] if problems else ()),
        *([absent] if absent else ()),
    ]:
        logger.warning(f"{task}: {line}")

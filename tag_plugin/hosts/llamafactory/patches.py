"""How each change to LLaMA-Factory and to what it trains with (`patch_table`) is made.

Five symbols stay changed. The others are ours for as long as a run reads TAG rows or trains, and
the host's own again after it. `check` looks at all of them before the first change; nothing of the
host is imported at the top, since it is itself being imported at that time.
"""

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from tag_plugin.hosts.llamafactory.grpo.arguments import STAGE, extended_arguments
from tag_plugin.hosts.llamafactory.patch_table import PATCHES
from tag_plugin.hosts.patching import replace, replaced
from tag_plugin.hosts.repairs import mends

_TRAINERS: Final = tuple(
    f"llamafactory.train.{stage}.trainer" for stage in ("pt", "sft", "kto", "dpo")
)
"""Reward models and PPO train a model with a value head, which saves and loads in its own way."""


def register_box_frame(_: ModuleType) -> None:
    """The host takes the class by name when it imports its parser, which comes after this."""
    from tag_plugin.hosts.llamafactory.templates import extended_data_arguments

    replace(PATCHES["data_arguments"], extended_data_arguments)


def register_stage(_: ModuleType) -> None:
    """The host takes the class by name when it imports its parser, which comes after this."""
    replace(PATCHES["arguments"], extended_arguments)


def register_templates(template: ModuleType) -> None:
    """Adds the tag_ chat templates."""
    from tag_plugin.hosts.llamafactory.templates import add_templates

    add_templates(template.TEMPLATES)


def register_converters(converter: ModuleType) -> None:
    """Adds `formatting: tag` and `tag_label_only`."""
    from tag_plugin.hosts.llamafactory.converter import QUESTIONS, tag_converter

    for formatting in QUESTIONS:
        if formatting not in converter.DATASET_CONVERTERS:
            converter.register_dataset_converter(formatting, tag_converter)


def register_loader(_: ModuleType) -> None:
    """The host's `get_dataset`, run only when the TAG data of the run can be right."""
    replace(PATCHES["get_dataset"], _checking)


def register_tuner(_: ModuleType) -> None:
    """The host's runs: what they keep beside the weights, where they begin, and `stage: grpo`."""
    from tag_plugin.hosts.llamafactory.endings import install_excepthook

    replace(PATCHES["export"], _carrying)
    replace(PATCHES["run"], _running)
    install_excepthook()


def _checking(get: Any) -> Callable[..., Any]:
    signature = inspect.signature(get)

    @functools.wraps(get)
    def get_dataset(*args: Any, **kwargs: Any) -> Any:
        from tag_plugin.hosts.llamafactory import tag_run

        call = signature.bind(*args, **kwargs).arguments
        run = tag_run.checked_run(call)
        with _reading(run, call):
            module = get(*args, **kwargs)
        run.after_reading(module, call)
        return module

    return get_dataset


@contextmanager
def _reading(run: Any, call: Mapping[str, Any]) -> Iterator[None]:
    from tag_plugin.hosts.llamafactory.reading import reading

    is_grpo = call["stage"] == STAGE
    with reading(run.lengths(call)), ExitStack() as changes:
        if run.datasets or is_grpo:
            changes.enter_context(replaced(PATCHES["load"], functools.partial(_loading, is_grpo)))
        if is_grpo:
            from tag_plugin.hosts.llamafactory.grpo.dataset import prompt_processor

            changes.enter_context(replaced(PATCHES["processor"], lambda _: prompt_processor))
        yield


def _loading(is_grpo: bool, load: Any) -> Callable[..., Any]:
    """One dataset of the host: TAG rows, or with `is_grpo` any rows, as the stage needs them."""
    from tag_plugin.hosts.llamafactory.converter import QUESTIONS
    from tag_plugin.hosts.llamafactory.dataset import load_tag_dataset
    from tag_plugin.hosts.llamafactory.grpo.dataset import align_with_rows, without_rows

    owner, align = PATCHES["align"].place

    def load_single_dataset(dataset_attr: Any, *args: Any) -> Any:
        if dataset_attr.formatting in QUESTIONS:
            aligned = align_with_rows if is_grpo else getattr(owner, align)
            return load_tag_dataset(aligned, dataset_attr, *args)
        plain = load(dataset_attr, *args)
        return without_rows(plain) if is_grpo else plain

    return load_single_dataset


def _carrying(export: Any) -> Callable[..., Any]:
    @functools.wraps(export)
    def export_model(args: Any = None) -> None:
        from llamafactory.hparams import get_infer_args

        from tag_plugin.hosts.llamafactory.tag_run import carry_record

        export(args)
        carry_record(get_infer_args(args)[0])

    return export_model


def _running(dispatch: Any) -> Callable[[dict[str, Any]], None]:
    @functools.wraps(dispatch)
    def training_function(config: dict[str, Any]) -> None:
        from tag_plugin.hosts.llamafactory.endings import one_line_endings
        from tag_plugin.hosts.llamafactory.grpo.stage import stage_of, train_stage
        from tag_plugin.hosts.llamafactory.tag_run import RunRecorder

        recorder = RunRecorder()
        config = {**config, "callbacks": [*config["callbacks"], recorder]}
        with one_line_endings(recorder), _changed_for_a_run(recorder):
            if stage_of(config["args"]) == STAGE:
                with changed_for_vllm():
                    train_stage(config)
            else:
                dispatch(config)

    return training_function


@contextmanager
def _changed_for_a_run(recorder: Any) -> Iterator[None]:
    from tag_plugin.hosts.llamafactory.checkpoints import last_whole_checkpoint
    from tag_plugin.hosts.llamafactory.positions import three_rows
    from tag_plugin.hosts.llamafactory.resuming import keeping_the_epoch, resuming_exactly

    def get_last_checkpoint(folder: str) -> str | None:
        checkpoint = last_whole_checkpoint(Path(folder))
        return None if checkpoint is None else str(checkpoint)

    changes = (
        (PATCHES["get_arguments"], functools.partial(_settling, recorder)),
        (PATCHES["last_checkpoint"], lambda _: get_last_checkpoint),
        (PATCHES["train"], functools.partial(resuming_exactly, _TRAINERS)),
        (PATCHES["skip_batches"], keeping_the_epoch),
        (PATCHES["collate"], three_rows),
    )
    with ExitStack() as stack:
        for patch, make in changes:
            stack.enter_context(replaced(patch, make))
        yield


@contextmanager
def changed_for_vllm() -> Iterator[None]:
    """TRL is imported by the second of these changes, under the first."""
    from tag_plugin.hosts.llamafactory.grpo import vllm

    changes = {
        "vllm": vllm.is_vllm_available,
        "LLM": vllm.llm,
        "SamplingParams": vllm.sampling_params,
        "GuidedDecodingParams": vllm.guided_decoding,
    }
    with ExitStack() as stack:
        for name, ours in changes.items():
            stack.enter_context(replaced(PATCHES[name], functools.partial(_instead, ours)))
        yield


def _instead(ours: Any, _: Any) -> Any:
    return ours


def _settling(recorder: Any, parse: Any) -> Callable[..., Any]:
    @functools.wraps(parse)
    def get_train_args(args: Any = None) -> Any:
        from tag_plugin.hosts.llamafactory.processes import join_for_zero3
        from tag_plugin.hosts.llamafactory.resume_point import settle_resume_point

        model_args, data_args, training_args, finetuning_args, _ = parsed = parse(args)
        recorder.begin(model_args, data_args, training_args)
        if mends("whole_checkpoints"):
            settle_resume_point(data_args, training_args, finetuning_args)
        if mends("zero3_on_cpus"):
            join_for_zero3(training_args)
        return parsed

    return get_train_args

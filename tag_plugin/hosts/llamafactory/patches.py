"""Every change to LLaMA-Factory's own functions, each with the host's file and symbol.

llamafactory/hparams/finetuning_args.py  FinetuningArguments: `stage: grpo` and its options
llamafactory/hparams/parser.py, transformers/trainer.py   get_last_checkpoint: a whole one
transformers/trainer.py                  skip_first_batches: the order of the right epoch
llamafactory/data/collator.py            MultiModalDataCollatorForSeq2Seq: GLM-4V's positions
llamafactory/data/loader.py              _load_single_dataset, get_dataset: TAG rows, checked
                                         _get_merged_dataset, _get_dataset_processor: for grpo
llamafactory/train/{pt,sft,kto}/workflow.py, dpo/trainer.py   the trainers: resume exactly
llamafactory/train/tuner.py              ReporterCallback, export_model: tag_plugin.json
                                         get_train_args: where the run begins
                                         _training_function: `stage: grpo`, errors in one line
transformers 5 under TRL 0.24            see `ready_for_trl` and `pass_token_types`

A symbol that is gone or takes other parameters is refused with the tested range before its module
is changed. Nothing of the host is imported at the top: it is itself being imported at that time.
"""

import functools
import importlib
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from tag_plugin.hosts.llamafactory.grpo.arguments import STAGE, extended_arguments
from tag_plugin.hosts.versions import version


class HostChangedError(RuntimeError):
    """The host is not the one that these patches were written for."""


_PATCHED: Final = "_tag_plugin"  # marks our own functions, so that a second call changes nothing

_LOAD: Final = "dataset_attr model_args data_args training_args"
_GET: Final = "template model_args data_args training_args stage tokenizer processor"
_ALIGN: Final = "dataset dataset_attr data_args training_args"
_MERGE: Final = "dataset_names model_args data_args training_args stage return_dict"
_PROCESS: Final = "data_args stage template tokenizer processor do_generate"
_REPORTER: Final = "model_args data_args finetuning_args generating_args"

_SEEKERS: Final = ("llamafactory.hparams.parser", "transformers.trainer")  # the latter for `true`
_SFT: Final = "finetuning_args processor model_args gen_kwargs ref_model kwargs"
_PREFERENCES: Final = "model ref_model finetuning_args processor disable_dropout kwargs"
_TRAINERS: Final = (
    ("sft.workflow", "CustomSeq2SeqTrainer", _SFT),
    ("pt.workflow", "CustomTrainer", "finetuning_args processor model_args kwargs"),
    ("kto.workflow", "CustomKTOTrainer", _PREFERENCES),
    ("dpo.trainer", "CustomDPOTrainer", _PREFERENCES),  # its workflow imports it at each run
)
"""Where each stage takes its trainer from, its name and parameters. Reward models and PPO train a
model with a value head, which saves and loads in a way of its own."""


def patch_arguments(module: ModuleType) -> None:
    """The host takes the class by name when it imports its parser, which comes after this."""
    if STAGE not in str(module.FinetuningArguments.__annotations__["stage"]):
        module.FinetuningArguments = extended_arguments(module.FinetuningArguments)  # type: ignore[attr-defined]  # host module


def patch_loader(loader: ModuleType) -> None:
    """The host's data: TAG rows, the checks before the model loads, and prompts for grpo."""
    load = _host(loader, "_load_single_dataset", _LOAD)
    get = _host(loader, "get_dataset", _GET)
    align = _host(loader, "align_dataset", _ALIGN)
    merged = _host(loader, "_get_merged_dataset", _MERGE)
    processor = _host(loader, "_get_dataset_processor", _PROCESS)
    if _is_patched(get):
        return
    from tag_plugin.hosts.llamafactory.converter import QUESTIONS
    from tag_plugin.hosts.llamafactory.dataset import load_tag_dataset

    @functools.wraps(load)
    def load_single_dataset(dataset_attr: Any, *args: Any) -> Any:
        if dataset_attr.formatting in QUESTIONS:
            return load_tag_dataset(align, dataset_attr, *args)
        return load(dataset_attr, *args)

    loader._load_single_dataset = load_single_dataset  # type: ignore[attr-defined]  # host module
    loader._get_merged_dataset = _merging(loader, merged)  # type: ignore[attr-defined]  # host module
    loader._get_dataset_processor = _processing(processor)  # type: ignore[attr-defined]  # host module
    loader.get_dataset = _marked(_checking(get))  # type: ignore[attr-defined]  # host module


def patch_tuner(tuner: ModuleType) -> None:
    """The host's runs: what they keep beside the weights, where they begin, and `stage: grpo`."""
    reporter = _host(tuner, "ReporterCallback", _REPORTER)
    export = _host(tuner, "export_model", "args")
    parse = _host(tuner, "get_infer_args", "args")
    parse_train = _host(tuner, "get_train_args", "args")
    dispatch = _host(tuner, "_training_function", "config")
    if _is_patched(export):
        return
    patch_resuming, patch_positions = _resuming_patch(), _positions_patch()
    from tag_plugin.hosts.llamafactory.endings import install_excepthook, one_line_endings
    from tag_plugin.hosts.llamafactory.grpo.stage import stage_of, train_stage
    from tag_plugin.hosts.llamafactory.processes import join_for_zero3
    from tag_plugin.hosts.llamafactory.recorder import carry_record, recording
    from tag_plugin.hosts.llamafactory.resume_point import settle_resume_point

    runs: list[Any] = []  # the training arguments of the run that is under way

    @functools.wraps(export)
    def export_model(args: Any = None) -> None:
        export(args)
        carry_record(parse(args)[0])

    @functools.wraps(parse_train)
    def get_train_args(args: Any = None) -> Any:
        _, data_args, training_args, finetuning_args, _ = parsed = parse_train(args)
        runs.append(training_args)
        settle_resume_point(data_args, training_args, finetuning_args)
        join_for_zero3(training_args)
        return parsed

    @functools.wraps(dispatch)
    def training_function(config: dict[str, Any]) -> None:
        with one_line_endings(runs):
            if stage_of(config["args"]) == STAGE:
                train_stage(tuner, config)
            else:
                dispatch(config)

    tuner.ReporterCallback = recording(reporter)  # type: ignore[attr-defined]  # host module
    tuner.export_model = _marked(export_model)  # type: ignore[attr-defined]  # host module
    tuner.get_train_args = get_train_args  # type: ignore[attr-defined]  # host module
    tuner._training_function = training_function  # type: ignore[attr-defined]  # host module
    patch_resuming()
    patch_positions()
    install_excepthook()


def _resuming_patch() -> Callable[[], None]:
    """For every run of the host, TAG or not: the host would go on from the wrong weights or data.

    Nobody can want that, nothing says so, and all a run sees of it is a loss that jumps back.

    Returns:
        What changes the host, once all that it touches has been checked.
    """
    from tag_plugin.hosts.llamafactory.checkpoints import last_whole_checkpoint
    from tag_plugin.hosts.llamafactory.resuming import ExactResume, keeping_the_epoch

    seekers = [importlib.import_module(name) for name in _SEEKERS]
    last, *_ = (_host(each, "get_last_checkpoint", "folder") for each in seekers)
    skip = _host(seekers[-1], "skip_first_batches", "dataloader num_batches")
    modules = [importlib.import_module(f"llamafactory.train.{place}") for place, *_ in _TRAINERS]
    trainers = [
        _host(module, name, takes)
        for module, (_, name, takes) in zip(modules, _TRAINERS, strict=True)
    ]

    @functools.wraps(last)
    def get_last_checkpoint(folder: str) -> str | None:
        found = last_whole_checkpoint(Path(folder))
        return None if found is None else str(found)

    def patch() -> None:
        for module in seekers:
            module.get_last_checkpoint = get_last_checkpoint  # type: ignore[attr-defined]  # host module
        seekers[-1].skip_first_batches = keeping_the_epoch(skip)  # type: ignore[attr-defined]  # host module
        for module, trainer in zip(modules, trainers, strict=True):
            names = {"__module__": trainer.__module__, "__doc__": trainer.__doc__}
            setattr(module, trainer.__name__, type(trainer.__name__, (ExactResume, trainer), names))

    return patch


def ready_for_trl(model: Any, use_reentrant: bool) -> None:
    """What TRL 0.24 expects of a model that the host has loaded.

    trl/models/utils.py, unwrap_model_for_generation, turns gradient checkpointing on again without
    arguments; llamafactory/model/model_utils/checkpointing.py then forgets `use_reentrant_gc`.
    transformers 5 no longer keeps `warnings_issued`, which trl/trainer/grpo_trainer.py sets.
    """
    enable = model.gradient_checkpointing_enable
    chosen = {"use_reentrant": use_reentrant}
    model.gradient_checkpointing_enable = lambda settings=None: enable(settings or chosen)
    if _transformers_5():
        model.warnings_issued = {}


def pass_token_types(model: Any) -> bool:
    """Transformers 5 asks for `mm_token_type_ids`, TRL 0.24 does not pass them on.

    Without them transformers/models/*/modeling_*.py, `compute_3d_position_ids`, numbers image
    tokens like text: no error, but other positions than in SFT. They follow from the input ids.

    Returns:
        Whether the model asks for them; a generation needs them too.
    """
    from tag_plugin.hosts.llamafactory.grpo.token_types import add_token_types

    return model is not None and _transformers_5() and add_token_types(model)


def _positions_patch() -> Callable[[], None]:
    """GLM-4V of transformers 4.57 cannot read the positions that the host prepares for it.

    llamafactory/data/collator.py, MultiModalDataCollatorForSeq2Seq.__call__, puts a fourth row,
    made for packing, before the three of `get_rope_index`; Glm4vTextRotaryEmbedding takes three.
    """
    collator = importlib.import_module(
        "llamafactory.data.collator"
    ).MultiModalDataCollatorForSeq2Seq
    collate = _host(collator, "__call__", "self features")

    @functools.wraps(collate)
    def call(self: Any, features: Any) -> Any:
        batch = collate(self, features)
        config = getattr(self.model, "config", None)
        if str(getattr(config, "model_type", "")).startswith("glm4v"):
            batch["position_ids"] = batch["position_ids"][-3:]
        return batch

    def patch() -> None:
        if not _transformers_5():
            collator.__call__ = call

    return patch


def _transformers_5() -> bool:
    from transformers import __version__

    return int(__version__.partition(".")[0]) >= 5


def _merging(loader: ModuleType, merged: Any) -> Callable[..., Any]:
    """Several datasets as one; for grpo each is read with what the rewards compare."""

    @functools.wraps(merged)
    def get_merged_dataset(
        dataset_names: Sequence[str] | None,
        model_args: Any,
        data_args: Any,
        training_args: Any,
        stage: str,
        return_dict: bool = False,
    ) -> Any:
        args = (model_args, data_args, training_args)
        if stage != STAGE or dataset_names is None:
            return merged(dataset_names, *args, stage, return_dict)
        from tag_plugin.hosts.llamafactory.grpo.dataset import load_for_rewards

        attrs = loader.get_dataset_list(dataset_names, data_args.dataset_dir)
        found = {
            name: load_for_rewards(loader._load_single_dataset, attr, *args)
            for name, attr in zip(dataset_names, attrs, strict=True)
        }
        if return_dict:
            return found
        return loader.merge_dataset(list(found.values()), data_args, seed=training_args.seed)

    return get_merged_dataset


def _processing(original: Any) -> Callable[..., Any]:
    """Prompts instead of samples to imitate, where the stage is ours."""

    @functools.wraps(original)
    def get_dataset_processor(
        data_args: Any,
        stage: str,
        template: Any,
        tokenizer: Any,
        processor: Any,
        do_generate: bool = False,
    ) -> Any:
        if stage != STAGE:
            return original(data_args, stage, template, tokenizer, processor, do_generate)
        from tag_plugin.hosts.llamafactory.grpo.dataset import PromptProcessor

        return PromptProcessor(template, tokenizer, processor, data_args)

    return get_dataset_processor


def _checking(get: Any) -> Callable[..., Any]:
    """The host's `get_dataset`, run only when the TAG data of the run can be right."""
    signature = inspect.signature(get)

    @functools.wraps(get)
    def get_dataset(*args: Any, **kwargs: Any) -> Any:
        from tag_plugin.hosts.llamafactory import checked_data
        from tag_plugin.hosts.llamafactory.reading import reading

        call = signature.bind(*args, **kwargs).arguments
        run = checked_data.run_of(call)
        with reading(checked_data.lengths_of(run, call)):
            module = get(*args, **kwargs)
        if run.datasets:
            checked_data.check_tokenized_pictures(module, call)
        checked_data.keep_record(run, call)
        return module

    return get_dataset


def _host(module: ModuleType | type, name: str, parameters: str) -> Any:
    """A symbol of the host, checked against what we rely on.

    Raises:
        HostChangedError: gone, or with other parameters; names the tested range.
    """
    symbol = vars(module).get(name)
    found = tuple(inspect.signature(symbol).parameters) if symbol is not None else None
    wanted = tuple(parameters.split())
    if found != wanted:
        takes = "is gone" if found is None else f"takes ({', '.join(found)})"
        raise HostChangedError(
            f"{module.__name__}.{name} {takes}, not ({', '.join(wanted)}); "
            f"{version('llamafactory')}; next: install a tested version"
        )
    return symbol


def _is_patched(function: Any) -> bool:
    return bool(getattr(function, _PATCHED, False))


def _marked(function: Any) -> Any:
    setattr(function, _PATCHED, True)
    return function

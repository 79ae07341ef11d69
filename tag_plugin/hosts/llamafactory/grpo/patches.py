"""The changes to LLaMA-Factory that make `stage: grpo` one of its stages.

llamafactory/hparams/finetuning_args.py  FinetuningArguments: the stage and its options
llamafactory/data/loader.py              _get_merged_dataset, _get_dataset_processor: its data
llamafactory/train/tuner.py              _training_function: its run
"""

import functools
import itertools
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from tag_plugin.hosts.llamafactory.grpo.arguments import STAGE, extended_arguments


def patch_arguments(module: ModuleType) -> None:
    """The host takes the class by name when it imports its parser, which comes after this."""
    if STAGE not in str(module.FinetuningArguments.__annotations__["stage"]):
        module.FinetuningArguments = extended_arguments(module.FinetuningArguments)  # type: ignore[attr-defined]  # host module


def patch_data(loader: ModuleType) -> None:
    """Prompts instead of samples to imitate, where the stage is ours."""
    from tag_plugin.hosts.llamafactory.patches import _host, _is_patched, _marked

    names = (
        "dataset_names",
        "model_args",
        "data_args",
        "training_args",
        "stage",
        "return_dict",
    )
    merged = _host(loader, "_get_merged_dataset", names)
    processor = _host(
        loader,
        "_get_dataset_processor",
        ("data_args", "stage", "template", "tokenizer", "processor", "do_generate"),
    )
    if _is_patched(merged):
        return

    @functools.wraps(merged)
    def get_merged_dataset(
        dataset_names: Sequence[str] | None,
        model_args: Any,  # noqa: ANN401  # host objects
        data_args: Any,  # noqa: ANN401
        training_args: Any,  # noqa: ANN401
        stage: str,
        return_dict: bool = False,
    ) -> Any:  # noqa: ANN401  # a data set or several
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

    @functools.wraps(processor)
    def get_dataset_processor(
        data_args: Any,  # noqa: ANN401  # host objects
        stage: str,
        template: Any,  # noqa: ANN401
        tokenizer: Any,  # noqa: ANN401
        processor_: Any,  # noqa: ANN401
        do_generate: bool = False,
    ) -> Any:  # noqa: ANN401  # a host object
        if stage != STAGE:
            return processor(data_args, stage, template, tokenizer, processor_, do_generate)
        from tag_plugin.hosts.llamafactory.grpo.dataset import PromptProcessor

        return PromptProcessor(template, tokenizer, processor_, data_args)

    loader._get_merged_dataset = _marked(get_merged_dataset)  # type: ignore[attr-defined]  # host module
    loader._get_dataset_processor = get_dataset_processor  # type: ignore[attr-defined]  # host module


def patch_stage(tuner: ModuleType) -> None:
    """The host calls `_training_function` by this name, in its Ray workers too."""
    from tag_plugin.hosts.llamafactory.patches import _host, _is_patched, _marked

    dispatch = _host(tuner, "_training_function", ("config",))
    if _is_patched(dispatch):
        return

    @functools.wraps(dispatch)
    def training_function(config: dict[str, Any]) -> None:
        if _stage(config["args"]) == STAGE:
            _train(tuner, config)
        else:
            dispatch(config)

    tuner._training_function = _marked(training_function)  # type: ignore[attr-defined]  # host module


def _train(tuner: ModuleType, config: Mapping[str, Any]) -> None:
    """What the host's own `_training_function` does around every stage."""
    args = tuner.get_train_args(config["args"])
    model_args, data_args, training_args, finetuning_args, generating_args = args
    callbacks = [*config["callbacks"], tuner.LogCallback()]
    if finetuning_args.pissa_convert:
        callbacks.append(tuner.PissaConvertCallback())
    if finetuning_args.use_swanlab:
        callbacks.append(tuner.get_swanlab_callback(finetuning_args))
    patience = finetuning_args.early_stopping_steps
    if patience is not None:
        callbacks.append(tuner.EarlyStoppingCallback(early_stopping_patience=patience))
    callbacks.append(
        tuner.ReporterCallback(model_args, data_args, finetuning_args, generating_args)
    )
    from tag_plugin.hosts.llamafactory.grpo.workflow import run_grpo

    run_grpo(model_args, data_args, training_args, finetuning_args, callbacks)
    under_ray = tuner.is_ray_available() and tuner.ray.is_initialized()
    if not under_ray and tuner.dist.is_initialized():
        tuner.dist.destroy_process_group()


def _stage(args: Any) -> str | None:  # noqa: ANN401  # a recipe, or the words of a command line
    if isinstance(args, Mapping):
        return args.get("stage")
    words = [part for word in args for part in str(word).split("=", 1)]
    after = dict(itertools.pairwise(words))
    return after.get("--stage")

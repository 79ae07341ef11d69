"""`stage: grpo` among the host's stages: recognised in a recipe, then run like the others."""

import itertools
from collections.abc import Mapping
from typing import Any

from tag_plugin.hosts.llamafactory.grpo.arguments import (
    refuse_unfollowed,
    refuse_unfollowed_length,
)


def stage_of(args: Any) -> str | None:
    """The stage that a recipe names, or None."""
    if isinstance(args, Mapping):
        return args.get("stage")
    words = [part for word in args for part in str(word).split("=", 1)]
    return dict(itertools.pairwise(words)).get("--stage")


def train_stage(config: Mapping[str, Any]) -> None:
    """What the host's own `_training_function` does around every stage."""
    from llamafactory.train import tuner

    args = tuner.get_train_args(config["args"])
    model_args, data_args, training_args, finetuning_args, generating_args = args
    for each in args:
        refuse_unfollowed(each)
    refuse_unfollowed_length(data_args, training_args)
    patience, profiled = finetuning_args.early_stopping_steps, training_args.profile_modules
    callbacks = [
        *(*config["callbacks"], tuner.LogCallback()),
        *([tuner.PissaConvertCallback()] if finetuning_args.pissa_convert else ()),
        *([tuner.get_swanlab_callback(finetuning_args)] if finetuning_args.use_swanlab else ()),
        *([] if patience is None else [tuner.EarlyStoppingCallback(patience)]),
        *(
            [tuner.TorchProfilerCallback(training_args)]
            if training_args.enable_torch_profiler
            else ()
        ),
        *([tuner.ModuleProfilerCallback(profiled)] if profiled else ()),
        tuner.ReporterCallback(model_args, data_args, finetuning_args, generating_args),
    ]
    from tag_plugin.hosts.llamafactory.grpo.workflow import run_grpo

    run_grpo(model_args, data_args, training_args, finetuning_args, callbacks)
    under_ray = tuner.is_ray_available() and tuner.ray.is_initialized()
    if not under_ray and tuner.dist.is_initialized():
        tuner.dist.destroy_process_group()

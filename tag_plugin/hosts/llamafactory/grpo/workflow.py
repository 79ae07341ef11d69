"""One run of `stage: grpo`, step by step as the host's own stages do it."""

from pathlib import Path
from typing import Any

from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
from llamafactory.extras.ploting import plot_loss
from llamafactory.model import load_model, load_tokenizer
from llamafactory.train.trainer_utils import create_modelcard_and_push

from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.hosts.llamafactory.grpo.arguments import STAGE
from tag_plugin.hosts.llamafactory.grpo.best import PREFIX, check_best
from tag_plugin.hosts.llamafactory.grpo.checks import check_data, check_held_out, check_run
from tag_plugin.hosts.llamafactory.grpo.group_signal import GroupSignal, SignalAlarm
from tag_plugin.hosts.llamafactory.grpo.online_detector import closing_detectors
from tag_plugin.hosts.llamafactory.grpo.prompts import PromptEncoder
from tag_plugin.hosts.llamafactory.grpo.reference import check_adapter_start, reference_settings
from tag_plugin.hosts.llamafactory.grpo.rewards import (
    NO_CLAIM,
    PARSABLE,
    JudgedReward,
    WeightedRewards,
    parse_rewards,
)
from tag_plugin.hosts.llamafactory.grpo.settings import grpo_config
from tag_plugin.hosts.llamafactory.grpo.step_file import METRICS, ROLLOUTS, RolloutRecord, StepFile
from tag_plugin.hosts.llamafactory.grpo.trainer import StageTrainer, Watch
from tag_plugin.hosts.llamafactory.grpo.trl_model import ready_for_trl
from tag_plugin.hosts.llamafactory.grpo.vllm import engine
from tag_plugin.hosts.llamafactory.templates import declared_frame, read_box_frame


def run_grpo(
    model_args: Any,
    data_args: Any,
    training_args: Any,
    finetuning_args: Any,
    callbacks: list[Any],
) -> None:
    """Everything that can be wrong with a recipe or its data is refused before the model loads.

    Raises:
        GrpoError: says what and where, and what to do next.
    """
    frame = declared_frame(data_args.template, read_box_frame(data_args.box_frame))
    rewards = parse_rewards(finetuning_args.rewards, frame)
    names = (PARSABLE, NO_CLAIM) if rewards.judged else ()
    watched = [JudgedReward(name, frame) for name in names if frame]
    weights = [*rewards.weights, *(0.0 for _ in watched)]
    config = grpo_config(training_args, finetuning_args.grpo or {}, weights)
    check_run(model_args, data_args, finetuning_args, config)
    held_out = (data_args.eval_dataset or ()) if data_args.eval_on_each_dataset else ()
    check_best(config, rewards.names, held_out, finetuning_args.early_stopping_steps)

    tokenizer_module = load_tokenizer(model_args)
    tokenizer, processor = tokenizer_module["tokenizer"], tokenizer_module["processor"]
    template = get_template_and_fix_tokenizer(tokenizer, data_args)
    data = get_dataset(
        template, model_args, data_args, training_args, stage=STAGE, **tokenizer_module
    )
    encoder = PromptEncoder(template, tokenizer, processor)
    _check_datasets(data, rewards, config, encoder)

    model = load_model(tokenizer, model_args, finetuning_args, training_args.do_train)
    ready_for_trl(model, model_args.use_reentrant_gc)
    check_adapter_start(model, config.beta)
    config.model_init_kwargs = reference_settings(model, model_args)
    with engine(config, model_args, data_args, processor, data):
        trainer = StageTrainer(
            model=model,
            args=config,
            reward_funcs=[*rewards.functions, *watched],
            callbacks=callbacks,
            encoder=encoder,
            finetuning_args=finetuning_args,
            watch=_watch(finetuning_args, config, rewards, frame),
            **data,
            **tokenizer_module,
        )
    with closing_detectors():
        _train_and_evaluate(trainer, training_args, finetuning_args, rewards)
    create_modelcard_and_push(trainer, model_args, data_args, training_args, finetuning_args)


def _check_datasets(data: Any, rewards: WeightedRewards, config: Any, encoder: Any) -> None:
    if "train_dataset" in data:
        check_data(data["train_dataset"], rewards, config)
        _try_pictures(data["train_dataset"], encoder)
    held_out = data.get("eval_dataset", {})
    for each in held_out.values() if isinstance(held_out, dict) else [held_out]:
        check_held_out(each, rewards)


def _try_pictures(dataset: Any, encoder: PromptEncoder) -> None:
    """The first sample with pictures tells whether the family can train."""
    first = next((index for index, images in enumerate(dataset["images"]) if images), None)
    if first is not None:
        encoder.pictures([dataset[first]])


def _watch(
    finetuning_args: Any,
    config: Any,
    rewards: WeightedRewards,
    frame: BoxFrame | None,
) -> Watch:
    out = Path(config.output_dir)
    rollouts = RolloutRecord(
        StepFile(out / ROLLOUTS),
        finetuning_args.rollout_steps,
        finetuning_args.rollout_samples,
        rewards,
        rewards.judge or (JudgedReward(PARSABLE, frame) if frame else None),
    )
    metrics = StepFile(out / METRICS)
    if config.should_save and config.resume_from_checkpoint is None:
        for file in (rollouts.file, metrics):
            file.begin()
    return Watch(
        rewards,
        GroupSignal(
            rewards.names, rewards.weights, config.num_generations, finetuning_args.signal_epsilon
        ),
        SignalAlarm(
            finetuning_args.signal_share,
            finetuning_args.signal_warning,
            finetuning_args.signal_patience,
        ),
        rollouts,
        metrics,
        finetuning_args.first_batch_check,
    )


def _train_and_evaluate(
    trainer: StageTrainer,
    training_args: Any,
    finetuning_args: Any,
    rewards: WeightedRewards,
) -> None:
    if training_args.do_train:
        result = trainer.train(resume_from_checkpoint=training_args.resume_from_checkpoint)
        trainer.save_model()
        trainer.log_metrics("train", result.metrics)
        trainer.save_metrics("train", result.metrics)
        trainer.save_state()
        if trainer.is_world_process_zero() and finetuning_args.plot_loss:
            parts = [f"rewards/{name}/mean" for name in rewards.names]
            whole = ["loss", "reward", "completions/mean_length", "entropy", "eval_reward"]
            plot_loss(training_args.output_dir, keys=[*whole, *parts])
    if training_args.do_eval:
        metrics = trainer.evaluate(metric_key_prefix=PREFIX)
        trainer.log_metrics("eval", metrics)
        trainer.save_metrics("eval", metrics)

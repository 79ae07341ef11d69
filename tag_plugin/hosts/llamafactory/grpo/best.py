"""Which numbers of an evaluation may choose the best checkpoint, and which way each is better."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from transformers.trainer_utils import IntervalStrategy, SaveStrategy

from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError
from tag_plugin.hosts.llamafactory.grpo.group_signal import NO_SPREAD

PREFIX: Final = "eval"
_LENGTHS: Final = ("mean", "min", "max")


def held_out_metrics(rewards: Sequence[str], beta: float) -> dict[str, bool | None]:
    """Metric -> whether greater is better; None where that depends on what is wanted.

    The loss is left out: its value says nothing about what the policy writes.
    """
    better: dict[str, bool | None] = {"reward": True}
    better |= {f"rewards/{name}/mean": True for name in rewards}
    better |= dict.fromkeys([NO_SPREAD, "completions/clipped_ratio"], False)
    better |= {"kl": False} if beta else {}
    either = ["reward_std", "entropy", *(f"completions/{each}_length" for each in _LENGTHS)]
    return better | dict.fromkeys(either)


def check_best(
    config: Any,
    rewards: Sequence[str],
    held_out: Sequence[str],
    patience: int | None,
) -> None:
    """Refuses a choice of the best checkpoint that no evaluation of this stage can make.

    Args:
        config: GRPOConfig.
        rewards: the rewards' names.
        held_out: the evaluation sets, where each is evaluated by itself; empty for one set.
        patience: the recipe's `early_stopping_steps`.

    Raises:
        GrpoError: no evaluation, an unknown metric, or the worst of a metric instead of the best.
    """
    if config.eval_strategy == IntervalStrategy.NO:
        asking = "early_stopping_steps" if patience is not None else None
        asking = "save_strategy: best" if config.save_strategy == SaveStrategy.BEST else asking
        if asking:
            raise GrpoError(
                f"{asking} needs evaluations; next: eval_dataset, eval_strategy: steps and "
                "metric_for_best_model: eval_reward"
            )
        return
    if config.metric_for_best_model is not None or patience is not None:
        better = held_out_metrics(rewards, config.beta)
        prefixes = [f"{PREFIX}_{name}" for name in held_out] or [PREFIX]
        _check_metric(config, {f"{p}_{name}": up for p in prefixes for name, up in better.items()})


def _check_metric(config: Any, metrics: Mapping[str, bool | None]) -> None:
    asked = config.metric_for_best_model
    name = full_name(str(asked))
    if name not in metrics:
        raise GrpoError(
            f"metric_for_best_model: {asked}: an evaluation of stage: grpo has no such number to "
            f"choose by; next: one of {', '.join(metrics)}"
        )
    better = metrics[name]
    if better is not None and config.greater_is_better is not better:
        raise GrpoError(
            f"metric_for_best_model: {asked} with greater_is_better: "
            f"{str(config.greater_is_better).lower()} would keep the worst; next: "
            f"greater_is_better: {str(better).lower()}"
        )


def full_name(metric: str) -> str:
    """As transformers completes the name of a metric."""
    return metric if metric.startswith(f"{PREFIX}_") else f"{PREFIX}_{metric}"


def add_means(logs: dict[str, float], means: Mapping[str, float], chosen: str | None) -> None:
    """Puts the means of one evaluation among its other numbers, named as the trainer names those.

    Raises:
        GrpoError: the metric that chooses the best checkpoint was not measured.
    """
    prefix = next((k.removesuffix("_runtime") for k in logs if k.endswith("_runtime")), PREFIX)
    logs.update({f"{prefix}_{name}": value for name, value in means.items()})
    part = (chosen or "").removeprefix(f"{prefix}_rewards/")
    if f"{prefix}_reward" in logs and part != chosen and chosen and chosen not in logs:
        raise GrpoError(
            f"metric_for_best_model: {chosen}: that reward applied to no row of the evaluation "
            "set; next: another metric, or other rows"
        )

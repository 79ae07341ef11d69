"""Where a run begins, settled before anything is loaded: anew, from a checkpoint, or not at all."""

import os
from pathlib import Path
from typing import Any

from tag_plugin.hosts.llamafactory.checkpoints import (
    CheckpointError,
    chosen_checkpoint,
    is_deepspeed,
    is_fsdp,
    newest_whole_checkpoint,
    process_count,
    read_state,
    shortcoming,
)
from tag_plugin.hosts.llamafactory.log import logger
from tag_plugin.hosts.llamafactory.processes import of_every_process


class FinishedRunError(Exception):
    """There is nothing left to train: not a fault, but the end of the run. Says so in one line."""


def settle_resume_point(data_args: Any, training_args: Any, finetuning_args: Any) -> None:
    """Decides whether a run begins anew or goes on, alike in every process.

    Raises:
        FinishedRunError: the run was trained to its end before.
        CheckpointError: the checkpoint cannot be gone on from; names it and the next step.
    """
    if not training_args.do_train or getattr(finetuning_args, "use_mca", False):
        return  # Megatron's checkpoints are of another kind
    finished = None if _starts_elsewhere(training_args) else finished_line(training_args)
    _check_alike("a finished run", finished is not None, training_args)
    if finished:
        raise FinishedRunError(finished)
    if training_args.resume_from_checkpoint is True:
        training_args.resume_from_checkpoint = _newest(Path(training_args.output_dir))
    checkpoint = training_args.resume_from_checkpoint or None
    _check_alike("the checkpoint", checkpoint and Path(checkpoint).name, training_args)
    if checkpoint:
        check_checkpoint(Path(checkpoint), data_args, training_args)


def finished_line(training_args: Any) -> str | None:
    """What to say of a run that has reached its end; the host saves its state there last.

    Evaluations that the recipe asks for come after the training: their results are there too.
    """
    out = Path(training_args.output_dir)
    state = read_state(out)
    results = {"eval": training_args.do_eval, "predict": training_args.do_predict}
    owed = [out / f"{name}_results.json" for name, wanted in results.items() if wanted]
    if state is None or not all(map(Path.is_file, owed)):
        return None
    step, epoch = state.get("global_step") or 0, state.get("epoch") or 0.0
    longer, done = "num_train_epochs", epoch > training_args.num_train_epochs - 1e-6
    if training_args.max_steps > 0:
        longer, done = "max_steps", step >= training_args.max_steps
    finished = (
        f"{out} is finished: {step} steps, {epoch:.4g} epochs; nothing was changed; next: a larger "
        f"{longer} goes on from its last checkpoint, overwrite_output_dir: true trains anew"
    )
    return finished if done else None


def check_checkpoint(checkpoint: Path, data_args: Any, training_args: Any) -> None:
    """Refuses a checkpoint that is not whole, or not one of a run like this.

    Raises:
        CheckpointError: names it and the next step.
    """
    if not checkpoint.is_dir():
        raise CheckpointError(
            f"resume_from_checkpoint: {checkpoint} does not exist; next: leave it out, or name "
            f"{newest_whole_checkpoint(Path(training_args.output_dir)) or 'another'}"
        )
    problem = shortcoming(checkpoint) or _misfit(checkpoint, training_args)
    if problem:
        raise CheckpointError(
            f"{checkpoint} {problem}: no run can go on from it; next: {_instead(checkpoint)}"
        )
    if data_args.streaming and ((read_state(checkpoint) or {}).get("epoch") or 0) >= 1:
        raise CheckpointError(
            f"{checkpoint} was written in a second pass over a stream, where a run cannot go on; "
            "next: streaming: false, or an earlier checkpoint"
        )


def _starts_elsewhere(training_args: Any) -> bool:
    """Whether the recipe asks for a start of its own: anew, or from a checkpoint named by hand."""
    if getattr(training_args, "overwrite_output_dir", False):
        return True
    named = training_args.resume_from_checkpoint
    chosen = chosen_checkpoint(Path(training_args.output_dir))
    return isinstance(named, str) and (chosen is None or Path(named) != chosen)


def _newest(out: Path) -> str:
    checkpoint = newest_whole_checkpoint(out)
    if checkpoint is None:
        raise CheckpointError(
            f"resume_from_checkpoint: true, but {out} has no checkpoint that a run can go on from; "
            "next: leave it out"
        )
    return str(checkpoint)


def _misfit(checkpoint: Path, training_args: Any) -> str | None:
    """Why a whole checkpoint is none for this run: each way of sharding reads its own files."""
    fsdp = training_args.fsdp or os.environ.get("ACCELERATE_USE_FSDP") == "true"
    now = _sharding(training_args.deepspeed, fsdp)
    then = _sharding(is_deepspeed(checkpoint), is_fsdp(checkpoint))
    if now != then:
        return f"was written by {then}, this run is of {now}"
    count, processes = process_count(checkpoint), training_args.world_size
    if now == "DeepSpeed":
        config = training_args.hf_deepspeed_config.config
        if count != processes and not (config.get("checkpoint") or {}).get("load_universal"):
            return f"has the optimizer in {count} parts, this run has {processes} processes"
        if "scheduler" not in config and not (checkpoint / "scheduler.pt").is_file():
            return "has no scheduler.pt"
    elif count != processes:
        logger.warning_rank0(
            f"{checkpoint} was written by {count} processes, this run has {processes}: it goes on "
            "with other batches"
        )
    return None


def _sharding(deepspeed: object, fsdp: object) -> str:
    kinds = {"DeepSpeed": deepspeed, "FSDP": fsdp, "neither DeepSpeed nor FSDP": True}
    return next(kind for kind, is_used in kinds.items() if is_used)


def _instead(checkpoint: Path) -> str:
    """What to write instead of going on from this checkpoint."""
    earlier = newest_whole_checkpoint(checkpoint.parent)
    other = f"resume_from_checkpoint: {earlier}, or " if earlier not in (None, checkpoint) else ""
    return (
        f"{other}model_name_or_path: {checkpoint} with another output_dir starts a new run from "
        "these weights; overwrite_output_dir: true trains anew"
    )


def _check_alike(what: str, value: object, training_args: Any) -> None:
    """Every process must see the same: one that begins elsewhere would hang the others."""
    values = of_every_process(value)
    stray = next((rank for rank, each in enumerate(values) if each != values[0]), None)
    if stray is not None:
        raise CheckpointError(
            f"{training_args.output_dir}: process 0 and process {stray} do not see {what} alike "
            f"({values[0]!r} and {values[stray]!r}); next: an output_dir that all machines share"
        )

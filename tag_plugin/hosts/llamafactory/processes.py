"""The processes of one run: what each of them knows, side by side."""

from typing import Any, TypeVar

import torch.distributed as dist

T = TypeVar("T")


def of_every_process(value: T) -> list[T]:
    """`value` as each process of the run has it, in their order; every one must call this."""
    if not (dist.is_available() and dist.is_initialized()):
        return [value]
    values: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(values, value)
    return values


def join_for_zero3(training_args: Any) -> None:
    """DeepSpeed on CPUs reads its configuration before it knows the other processes.

    zero.Init then takes the world for one process and refuses the batch size.
    """
    if training_args.deepspeed and dist.is_initialized():
        import deepspeed

        if dist.get_backend() == "gloo" and not deepspeed.comm.is_initialized():
            deepspeed.init_distributed(dist_backend="gloo")

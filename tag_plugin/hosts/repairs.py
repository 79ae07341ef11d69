"""What mends a host for everybody, TAG or not: each has a switch of its own.

`TAG_PLUGIN_REPAIRS_OFF=exact_resume,glm4v_positions` leaves these two as the host has them.
"""

import os
from collections.abc import Mapping
from typing import Final

SWITCH: Final = "TAG_PLUGIN_REPAIRS_OFF"

REPAIRS: Final[Mapping[str, str]] = {
    "whole_checkpoints": "a training goes on from a checkpoint that was written to its end, alike "
    "in every process; a finished one is not begun anew",
    "exact_resume": "a resumed training has the weights, losses, steps and order of data of one "
    "that never stopped",
    "one_line_endings": "Ctrl-C and a full disk end a training with one line and how to go on",
    "zero3_on_cpus": "DeepSpeed on CPUs knows all processes before ZeRO-3 reads the batch size",
    "glm4v_positions": "GLM-4V of transformers 4.57 gets the three rows of positions that it reads",
    "cpu_decoding": "completions of stage: grpo on a CPU: the attention of a new token is quick",
}
"""Name -> what it mends."""


def names_off() -> list[str]:
    """What the user has switched off, whether or not there is such a repair."""
    return [name.strip() for name in os.environ.get(SWITCH, "").split(",") if name.strip()]


def mends(repair: str) -> bool:
    """Whether a repair is made."""
    return repair not in names_off()

"""Whether the CPU multiplies bf16 numbers itself; where it does not, training in bf16 crawls."""

from pathlib import Path
from typing import Final

_UNITS: Final = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""Flags of x86 and of ARM in /proc/cpuinfo."""


def cpu_has_bf16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """True where the system does not say: recipes then stay as they are written."""
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    flags = [line for line in text.splitlines() if line.startswith(("flags", "Features"))]
    return not flags or any(_UNITS & set(line.split()) for line in flags)

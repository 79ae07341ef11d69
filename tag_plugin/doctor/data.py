"""Findings about the data directory: which stages of each dataset are there."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from tag_plugin.doctor.report import Finding, Status

DATASETS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        name: {
            "prepared": f"tag-plugin prepare {source} --out {{data}}",
            "detected": f"tag-plugin detect {{data}}/{name}{detector}",
            "built": f"tag-plugin build {{data}}/{name}",
        }
        for name, source, detector in (
            ("rafdb", "rafdb --root DIR", ""),
            ("ferplus", "ferplus --root DIR", ""),
            ("affectnet7", "affectnet --classes 7 --root DIR", ""),
            ("affectnet8", "affectnet --classes 8 --root DIR", ""),
            ("synth", "synth", " --detector synthetic"),
        )
    }
)
"""Dataset -> folder of a stage -> the command that fills it."""


def data_findings(data_dir: str | None) -> list[Finding]:
    """What lies in the data directory; nothing of it is needed by everyone.

    Args:
        data_dir: the value of TAG_DATA_DIR.
    """
    if not data_dir:
        return [_finding("TAG_DATA_DIR", Status.WARNING, "is not set", "export TAG_DATA_DIR=DIR")]
    root = Path(data_dir)
    if not root.is_dir():
        return [
            _finding("TAG_DATA_DIR", Status.WARNING, f"no directory {root}", f"mkdir -p {root}")
        ]
    return [_finding("TAG_DATA_DIR", Status.OK, str(root)), *(_dataset(root, n) for n in DATASETS)]


def _dataset(root: Path, name: str) -> Finding:
    data = shlex.quote(str(root))
    commands = {stage: line.format(data=data) for stage, line in DATASETS[name].items()}
    counts = {stage: rows_in(root / name / stage) for stage in commands}
    missing = next((stage for stage, splits in counts.items() if not splits), None)
    command = commands[missing] if missing else None
    if missing == "prepared":
        return _finding(name, Status.ABSENT, "not prepared", command)
    detail = "; ".join(
        f"{stage}: {', '.join(f'{split} {rows:,}' for split, rows in splits.items()) or 'none'}"
        for stage, splits in counts.items()
    )
    return _finding(name, Status.OK, detail, command)


def rows_in(stage: Path) -> dict[str, int]:
    """Split -> number of rows, of the files that are there."""
    return {file.stem: _lines(file) for file in sorted(stage.glob("*.jsonl"))}


def _lines(file: Path) -> int:
    with file.open("rb") as stream:
        return sum(1 for _ in stream)


def _finding(name: str, status: Status, detail: str, command: str | None = None) -> Finding:
    return Finding(section="data", name=name, status=status, detail=detail, next_command=command)

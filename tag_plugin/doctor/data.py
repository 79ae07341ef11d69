"""Findings about the data directory: which stages of each dataset are there."""

import shlex
from pathlib import Path

from tag_plugin.data.benchmarks import BENCHMARKS
from tag_plugin.doctor.report import Finding, Status, finding


def _commands(name: str, data: str) -> dict[str, str]:
    """Folder of a stage -> the command that fills it."""
    benchmark = BENCHMARKS[name]
    option = f" --detector {benchmark.detector}" if benchmark.detector else ""
    return {
        "prepared": f"{benchmark.command} --out {data}",
        "detected": f"tag-plugin detect {data}/{name}{option}",
        "built": f"tag-plugin build {data}/{name}",
    }


def data_findings(data_dir: str | None) -> list[Finding]:
    """What lies in the data directory; nothing of it is needed by everyone.

    Args:
        data_dir: the value of TAG_DATA_DIR.
    """
    if not data_dir:
        command = "export TAG_DATA_DIR=DIR"
        return [finding("data", "TAG_DATA_DIR", Status.WARNING, "is not set", command)]
    root = Path(data_dir)
    if not root.is_dir():
        missing, command = f"no directory {root}", f"mkdir -p {root}"
        return [finding("data", "TAG_DATA_DIR", Status.WARNING, missing, command)]
    return [
        finding("data", "TAG_DATA_DIR", Status.OK, str(root)),
        *(_dataset(root, n) for n in BENCHMARKS),
    ]


def _dataset(root: Path, name: str) -> Finding:
    commands = _commands(name, shlex.quote(str(root)))
    counts = {stage: rows_in(root / name / stage) for stage in commands}
    missing = next((stage for stage, splits in counts.items() if not splits), None)
    command = commands[missing] if missing else None
    if missing == "prepared":
        return finding("data", name, Status.ABSENT, "not prepared", command)
    detail = "; ".join(
        f"{stage}: {', '.join(f'{split} {rows:,}' for split, rows in splits.items()) or 'none'}"
        for stage, splits in counts.items()
    )
    return finding("data", name, Status.OK, detail, command)


def rows_in(stage: Path) -> dict[str, int]:
    """Split -> number of rows, of the files that are there."""
    return {file.stem: _lines(file) for file in sorted(stage.glob("*.jsonl"))}


def _lines(file: Path) -> int:
    with file.open("rb") as stream:
        return sum(1 for _ in stream)

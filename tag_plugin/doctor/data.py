"""Findings about the data directory: which stages of each dataset are there."""

import shlex
from pathlib import Path

from tag_plugin.data.benchmarks import BENCHMARKS
from tag_plugin.doctor.report import Finding, Status


def data_findings(data_dir: str | None) -> list[Finding]:
    """What lies in the data directory; nothing of it is needed by everyone.

    Args:
        data_dir: the value of TAG_DATA_DIR.
    """
    root = Path(data_dir or "")
    if not data_dir or not root.is_dir():
        detail = f"no directory {root}" if data_dir else "is not set"
        command = f"mkdir -p {root}" if data_dir else "export TAG_DATA_DIR=DIR"
        return [Finding("data", "TAG_DATA_DIR", Status.WARNING, detail, command)]
    return [
        Finding("data", "TAG_DATA_DIR", Status.OK, str(root)),
        *(_dataset(root, n) for n in BENCHMARKS),
    ]


def _dataset(root: Path, name: str) -> Finding:
    benchmark, data = BENCHMARKS[name], shlex.quote(str(root))
    option = f" --detector {benchmark.detector}" if benchmark.detector else ""
    commands = {
        "prepared": f"{benchmark.command} --out {data}",
        "detected": f"tag-plugin detect {data}/{name}{option}",
        "built": f"tag-plugin build {data}/{name}",
    }
    counts = {stage: rows_in(root / name / stage) for stage in commands}
    command = next((commands[stage] for stage, splits in counts.items() if not splits), None)
    if not counts["prepared"]:
        return Finding("data", name, Status.ABSENT, "not prepared", command)
    detail = "; ".join(
        f"{stage}: {', '.join(f'{split} {rows:,}' for split, rows in splits.items()) or 'none'}"
        for stage, splits in counts.items()
    )
    return Finding("data", name, Status.OK, detail, command)


def rows_in(stage: Path) -> dict[str, int]:
    """Split -> number of rows, of the files that are there."""
    counts = {}
    for file in sorted(stage.glob("*.jsonl")):
        with file.open("rb") as lines:
            counts[file.stem] = sum(1 for _ in lines)
    return counts

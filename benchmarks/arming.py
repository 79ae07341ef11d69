"""What arming adds to each start of Python.

    python benchmarks/arming.py [starts]

prints JSON: the import's own time (`-X importtime`), and the wall time of whole starts with the
plugin's .pth line and without it, taken by turns from two bare environments that differ in it only.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import venv
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
IMPORTED = "tag_plugin._autoload"


def environment(folder: Path, *, armed: bool) -> Path:
    """Makes an environment that holds the package's light part; returns its interpreter."""
    venv.create(folder, symlinks=True)
    site = next(folder.glob("lib/python*/site-packages"))
    (site / "tag_plugin").mkdir()
    for name in ("__init__.py", "_autoload.py"):
        shutil.copy(ROOT / "tag_plugin" / name, site / "tag_plugin" / name)
    if armed:
        shutil.copy(ROOT / "tag_plugin_autoload.pth", site)
    return folder / "bin/python"


def start(python: Path, *options: str) -> tuple[float, str]:
    """Milliseconds of one start that does nothing, and its stderr."""
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    done = subprocess.run(
        [python, *options, "-c", "pass"], env=inherited, check=True, capture_output=True, text=True
    )
    return 1000 * (time.perf_counter() - began), done.stderr


def import_cost(python: Path) -> int:
    """Cumulative microseconds of importing the arming module, as -X importtime reports it."""
    report = start(python, "-X", "importtime")[1]
    line = next(line for line in report.splitlines() if IMPORTED in line)
    return int(line.split("|")[1])


def main(starts: int) -> None:
    """Measures and prints."""
    with TemporaryDirectory() as folder:
        bare = environment(Path(folder, "bare"), armed=False)
        armed = environment(Path(folder, "armed"), armed=True)
        for python in (bare, armed):
            start(python)  # compiles
        costs = [import_cost(armed) for _ in range(starts)]
        pairs = [(start(bare)[0], start(armed)[0]) for _ in range(starts)]
    without, with_ = (statistics.median(times) for times in zip(*pairs, strict=True))
    result = {
        "starts": starts,
        "import_us_median": statistics.median(costs),
        "import_us_min": min(costs),
        "start_ms_without": round(without, 3),
        "start_ms_with": round(with_, 3),
        "start_ratio": round(with_ / without, 3),
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)

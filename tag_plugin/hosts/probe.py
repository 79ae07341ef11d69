"""What a host says about itself, asked in a process of its own.

    python -m tag_plugin.hosts.probe llamafactory answer.json

imports the host as a user's command would, lists what is armed and registered, and writes the
answer to a file, because hosts print what they like. A host that does not import at all ends this
process with its own traceback.
"""

import importlib
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from tag_plugin import _autoload
from tag_plugin.detectors.face_landmarker_model import find_model
from tag_plugin.detectors.registry import detector
from tag_plugin.facs.frozen import Frozen

_LATE: Final = "no answer within"


def no_answer(seconds: float) -> str:
    """The reason of one who did not wait any longer."""
    return f"{_LATE} {seconds:g} s"


def late(reason: str) -> bool:
    """Whether it is that reason, which says nothing about what was asked."""
    return reason.startswith(_LATE)


class Answer(Frozen):
    """What one process found."""

    armed: Mapping[str, str] = {}
    """Host module -> "armed", or the reason why it is not."""
    found: Mapping[str, list[str]] = {}
    """Kind -> names, e.g. templates -> [tag_qwen2_vl, ...]."""


def _armed(host: str) -> dict[str, str]:
    names = (name for name in _autoload.ADAPTERS if name.startswith(f"{host}."))
    return {name: _outcome(name) for name in names}


def _outcome(module: str) -> str:
    try:
        importlib.import_module(module)
    except Exception as error:  # noqa: BLE001  # a part of a host may break in any way
        return f"{type(error).__name__}: {error}"
    return _autoload.OUTCOMES.get(module, "not armed")


def _llamafactory() -> Answer:
    armed = _armed("llamafactory")
    formats = importlib.import_module("llamafactory.data.converter").DATASET_CONVERTERS
    templates = importlib.import_module("llamafactory.data.template").TEMPLATES
    return Answer(armed=armed, found={"templates": _ours(templates), "formats": _ours(formats)})


def _lmms_eval() -> Answer:
    tasks = importlib.import_module("lmms_eval.tasks").TaskManager().all_tasks
    return Answer(armed=_armed("lmms_eval"), found={"tasks": _ours(tasks)})


def _ours(names: Iterable[str]) -> list[str]:
    return [name for name in names if name.partition("_")[0] == "tag"]


def _devices() -> Answer:
    torch = importlib.import_module("torch")
    gpus = [*map(torch.cuda.get_device_name, range(torch.cuda.device_count()))]
    built_for = [torch.version.cuda] if torch.version.cuda else []
    driver = _DRIVER.search(DRIVER_FILE.read_text()) if DRIVER_FILE.is_file() else None
    return Answer(
        found={"gpus": gpus, "cuda": built_for, "driver": [driver.group()] if driver else []}
    )


DRIVER_FILE: Final = Path("/proc/driver/nvidia/version")
_DRIVER: Final = re.compile(r"\b\d{3,}\.\d+(\.\d+)?\b")


def _deepspeed() -> Answer:
    return Answer(found={"deepspeed": [importlib.import_module("deepspeed").__version__]})


def ask_mediapipe() -> Answer:
    """Opens the detector with the model that is on this machine; downloads nothing."""
    with detector("mediapipe", model=find_model(download=False)) as opened:
        return Answer(found={"detectors": [f"{opened.info.name} {opened.info.version}"]})


PROBES: Final[Mapping[str, Callable[[], Answer]]] = {
    "llamafactory": _llamafactory,
    "lmms_eval": _lmms_eval,
    "devices": _devices,
    "deepspeed": _deepspeed,
    "mediapipe": ask_mediapipe,
}
"""Every question that can be asked."""


def main(question: str, out: str) -> None:
    """Answers one question into a file."""
    Path(out).write_text(PROBES[question]().model_dump_json(), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])

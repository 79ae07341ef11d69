"""Loading a network without ever running code from its file.

What `tag-plugin detector train` writes is a folder: `weights.safetensors`, which holds numbers
and nothing else, and `card.json` with the model definition and the weights' SHA-256. A checkpoint
that ultralytics wrote elsewhere (`.pt`) is a pickle: it is read with torch's `weights_only=True`
and ultralytics' own list of classes, so that a file with anything else in it is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from packaging.version import Version

from tag_plugin.detectors.base import DetectorError, file_sha256
from tag_plugin.detectors.yolo.calibration import Calibration
from tag_plugin.detectors.yolo.card import WEIGHTS, read_card
from tag_plugin.detectors.yolo.library import ultralytics
from tag_plugin.facs.action_units import ACTION_UNITS

SAFE_SINCE: Final = Version("8.4.190")
"""The first ultralytics whose restricted loading was checked."""


@dataclass(frozen=True, slots=True)
class Network:
    """A network ready to run, and how to read it.

    Attributes:
        model: a torch module: (n, 3, side, side) in 0..1 -> (n, 4 + classes, places).
        classes: the AU of each class number.
        calibration: the scales of the supported AUs.
        image_size: the side, in pixels, that it works on.
        sha256: of the weights file.
    """

    model: Any
    classes: tuple[int, ...]
    calibration: Mapping[int, Calibration]
    image_size: int
    sha256: str


def load(path: Path, sha256: str | None = None) -> Network:
    """The network of a detector's folder, or of an ultralytics checkpoint.

    Args:
        path: a folder that `detector train` wrote, or a `.pt` file whose class names are AUs.
        sha256: what the weights file must hash to; a folder's card knows its own.

    Raises:
        DetectorError: nothing usable there, another hash, or a checkpoint that holds more than
            an ultralytics detection model.
    """
    if path.is_dir():
        return _from_folder(path, sha256)
    if path.suffix != ".pt" or not path.is_file():
        raise DetectorError(
            f"{path}: neither a folder that `tag-plugin detector train` wrote nor an ultralytics "
            ".pt file; next: --option weights=FOLDER"
        )
    return _from_checkpoint(path, sha256)


def _from_folder(folder: Path, sha256: str | None) -> Network:
    card, path = read_card(folder), folder / WEIGHTS
    file_sha256(path, sha256)
    content_hash = file_sha256(path, card.weights_sha256)
    from safetensors.torch import load_file

    tasks = ultralytics("ultralytics.nn.tasks")
    model = tasks.DetectionModel(dict(card.definition), ch=3, nc=len(card.classes), verbose=False)
    try:
        model.load_state_dict(load_file(path), strict=True)
    except RuntimeError as error:
        raise DetectorError(f"{path} does not fit the card's definition: {error}") from None
    return Network(_ready(model), card.classes, card.calibration, card.image_size, content_hash)


def _from_checkpoint(path: Path, sha256: str | None) -> Network:
    content_hash = file_sha256(path, sha256)
    model = safe_checkpoint(path)
    classes, size = _named_aus(path, model.names), model.args.get("imgsz", 640)
    if not isinstance(size, int):
        raise DetectorError(f"{path} was trained on {size}; only square inputs are supported")
    return Network(
        _ready(model), classes, dict.fromkeys(classes, Calibration()), size, content_hash
    )


def safe_checkpoint(path: Path) -> Any:  # noqa: ANN401 - a torch module
    """The detection model in an ultralytics checkpoint; nothing of the file is run.

    Raises:
        DetectorError: it holds other things, or the installed ultralytics cannot load safely.
    """
    version = ultralytics().__version__
    if Version(version) < SAFE_SINCE:
        raise DetectorError(
            f"ultralytics {version} does not load checkpoints safely; next: pip install "
            f"'ultralytics>={SAFE_SINCE}'"
        )
    tasks = ultralytics("ultralytics.nn.tasks")
    try:
        content, _ = tasks.torch_safe_load(str(path), safe_only=True)
    except Exception as error:
        raise DetectorError(
            f"{path} is not loaded: it is damaged or holds more than an ultralytics model "
            f"({type(error).__name__})"
        ) from error
    model = content.get("ema") or content.get("model")
    if not isinstance(model, tasks.DetectionModel):
        raise DetectorError(f"{path} holds no ultralytics detection model")
    return model


def _named_aus(path: Path, names: Mapping[int, str]) -> tuple[int, ...]:
    aus = {unit.code.casefold(): unit.id for unit in ACTION_UNITS.values()}
    named = [names[number].strip().casefold() for number in range(len(names))]
    if unknown := [names[number] for number, name in enumerate(named) if name not in aus]:
        raise DetectorError(
            f"{path}: classes {unknown[:5]} are no AUs; they must be named AU1, AU2, ..."
        )
    return tuple(aus[name] for name in named)


def _ready(model: Any) -> Any:  # noqa: ANN401 - a torch module
    """One dense prediction a place, whatever head it was trained with; layers fused."""
    if getattr(model.model[-1], "end2end", False):
        model.model[-1].end2end = False
    return model.float().fuse(verbose=False).eval()

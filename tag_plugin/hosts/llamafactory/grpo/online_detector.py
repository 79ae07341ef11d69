"""References for rows that no detector has seen: measured when a reward first asks, then kept."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tag_plugin.data.model_error import checked
from tag_plugin.data.rows import Row
from tag_plugin.detectors.base import Detector, DetectorError
from tag_plugin.detectors.detection_cache import DetectionCache
from tag_plugin.detectors.face_landmarker_model import cache_directory
from tag_plugin.detectors.registry import DETECTORS, detector
from tag_plugin.facs.frozen import Frozen
from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError, unknown


class DetectorArgs(Frozen):
    """The part of a grounding reward's `args:` that is about an online detector."""

    detector: str
    detector_options: Mapping[str, Any] = {}
    detector_cache: Path | None = None


@dataclass(frozen=True)
class OnlineDetector:
    """A detector by name, with its options as JSON; opened in each process that asks."""

    name: str
    options: str
    directory: Path

    def complete(self, row: Row, image: str) -> Row:
        """The row with its detections; a row that a detector has seen stays as it is."""
        return row if row.detector is not None else _opened(self).detect(row, Path(image))

    def open(self) -> Detector:
        """The detector itself, to be closed by `with`.

        Raises:
            GrpoError: its library, its model or an option is missing or wrong.
        """
        try:
            return detector(self.name, **json.loads(self.options))
        except (DetectorError, TypeError, ValueError, OSError) as error:
            raise GrpoError(f"rewards: detector {self.name}: {error}") from None


def online_detector(reward: str, args: Mapping[str, Any]) -> OnlineDetector | None:
    """The online detector of a grounding reward, or None when its args name none.

    Raises:
        GrpoError: an argument is missing or wrong, or there is no such detector.
    """
    given = {name: value for name, value in args.items() if name in DetectorArgs.model_fields}
    if not given:
        return None
    chosen = checked(DetectorArgs, given, f"rewards: {reward}: args.", error=GrpoError)
    if chosen.detector not in DETECTORS:
        raise unknown(f"rewards: {reward}: unknown detector", chosen.detector, DETECTORS)
    options = json.dumps(chosen.detector_options, sort_keys=True)
    folder = chosen.detector_cache or cache_directory("detections")
    return OnlineDetector(chosen.detector, options, folder)


_open = ExitStack()


@cache
def _opened(online: OnlineDetector) -> DetectionCache:
    """Open until `closing_detectors` ends."""
    return DetectionCache(_open.enter_context(online.open()), online.directory)


@contextmanager
def closing_detectors() -> Iterator[None]:
    """Around a run: closes the detectors that its rewards have opened in this process.

    atexit would be too late: MediaPipe closes with the help of a thread pool, which has ended then.
    """
    try:
        yield
    finally:
        _opened.cache_clear()
        _open.close()

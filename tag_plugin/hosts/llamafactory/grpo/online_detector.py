"""References for rows that no detector has seen: measured when a reward first asks, then kept."""

import difflib
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from tag_plugin.data.rows import Row, dump_row
from tag_plugin.detectors.base import Detector, DetectorError
from tag_plugin.detectors.detection_cache import DetectionCache
from tag_plugin.detectors.face_landmarker_model import cache_directory
from tag_plugin.detectors.registry import DETECTORS, detector
from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError
from tag_plugin.hosts.rl_rewards import setting_problem

_MEMORY: Final = 8192  # rows of a process; the others are on disk


class DetectorArgs(BaseModel):
    """The part of a grounding reward's `args:` that is about an online detector."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    detector: str
    detector_options: dict[str, Any] = {}
    detector_cache: Path | None = None


@dataclass(frozen=True)
class OnlineDetector:
    """A detector by name, with its options as JSON; opened in each process that asks."""

    name: str
    options: str
    directory: Path

    def complete(self, row: str, image: str) -> str:
        """The row (as JSON) with its detections; a row that a detector has seen stays as it is."""
        return _completed(self, row, image)

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
    try:
        asked = DetectorArgs.model_validate(given)
    except ValidationError as error:
        raise GrpoError(f"rewards: {reward}: args.{setting_problem(error)}") from None
    if asked.detector not in DETECTORS:
        near = difflib.get_close_matches(asked.detector, DETECTORS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"next: one of {', '.join(DETECTORS)}"
        raise GrpoError(f"rewards: {reward}: unknown detector {asked.detector!r}; {hint}")
    options = json.dumps(asked.detector_options, sort_keys=True)
    return OnlineDetector(
        asked.detector, options, asked.detector_cache or cache_directory("detections")
    )


@lru_cache(maxsize=_MEMORY)
def _completed(online: OnlineDetector, row: str, image: str) -> str:
    known = Row.model_validate_json(row)
    if known.detector is not None:
        return row
    return dump_row(_opened(online).detect(known, Path(image)))


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

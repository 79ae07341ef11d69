"""DATA_DIR/<dataset>/baselines.json: answers that never look, fitted on the detected train faces.

`detect` and `build` write it, for they decide which AUs of a face are to be found; evaluation reads
it beside the test rows.
"""

from collections.abc import Iterator
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field

from tag_plugin.data.atomic_write import write_text
from tag_plugin.data.model_error import checked
from tag_plugin.data.rows import DetectorInfo, Row, RowError, read_rows
from tag_plugin.data.text_file import TextFileError, read_json_object
from tag_plugin.facs.emotions import label_set
from tag_plugin.facs.frozen import Frozen
from tag_plugin.pipeline.as_built import asked_as_built
from tag_plugin.pipeline.inputs import digests
from tag_plugin.pipeline.outcomes import StageError
from tag_plugin.scoring.baseline_fit import TrainFaces
from tag_plugin.scoring.baselines import Baselines
from tag_plugin.scoring.score import AskedUnits, JudgeConfig

BASELINES_FILE: Final = "baselines.json"
_TRAIN: Final = "detected/train.jsonl"


class FittedBaselines(Frozen):
    """The baselines, and what they were fitted on: which faces, measured by which detector.

    `asked` says which AUs of a face were to be found.
    """

    version: Literal[1] = 1
    label_set: str
    faces: Annotated[int, Field(ge=1)]
    rows_sha256: str
    detector: DetectorInfo | None
    asked: AskedUnits
    baselines: Baselines

    @cached_property
    def digest(self) -> str:
        """12 hexadecimal digits that change with anything in it."""
        return sha256(self.model_dump_json().encode()).hexdigest()[:12]


def asked_of(row: Row, asked: AskedUnits | None) -> AskedUnits:
    """Which AUs of a face the judge asks for: as the data were built, else by the detector."""
    if asked is not None or row.detector is None:
        return asked or AskedUnits()
    return AskedUnits(thresholds=row.detector.thresholds)


def write_baselines(directory: Path) -> FittedBaselines | None:
    """Fit them on the detected train faces, unless they are; None where no train face is detected.

    Raises:
        StageError: build.json is damaged.
    """
    train, path = directory / _TRAIN, directory / BASELINES_FILE
    first = next(_detected(train), None) if train.is_file() else None
    if first is None:
        return None  # a file that came with the test rows stays
    asked = asked_of(first, asked_as_built(directory))
    (rows_sha256,) = digests([train]).values()
    try:
        fitted = _read(path)
        if (fitted.rows_sha256, fitted.asked) == (rows_sha256, asked):
            return fitted
    except StageError:
        pass  # missing, or to be made anew
    fitted = _fitted(train, first, asked, rows_sha256)
    write_text(path, fitted.model_dump_json(indent=2) + "\n")
    return fitted


def read_baselines(directory: Path, row: Row) -> FittedBaselines:
    """Those that fit a test row of this dataset.

    Raises:
        StageError: there are none, they cannot be read, or they were fitted on what another
            detector saw or for other AUs; the message says the next command.
    """
    fitted = _read(directory / BASELINES_FILE)
    wanted = {
        "label_set": row.label_set,
        "detector": row.detector,
        "asked": asked_of(row, row.asked),
    }
    for name, value in wanted.items():
        if getattr(fitted, name) != value:
            raise StageError(
                f"{directory / BASELINES_FILE}: {name} is another one than that of the test rows; "
                f"{_next(directory)}"
            )
    return fitted


def _read(path: Path) -> FittedBaselines:
    again = f"; {_next(path.parent)}"
    try:
        content = read_json_object(path)
    except (TextFileError, OSError) as error:
        problem = f"no {path}" if isinstance(error, FileNotFoundError) else str(error)
        raise StageError(f"{problem}{again}") from None
    return checked(FittedBaselines, content, f"{path}: ", again, StageError)


def _next(directory: Path) -> str:
    return f"next: tag-plugin detect {directory} (on the train faces as well)"


def _fitted(train: Path, first: Row, asked: AskedUnits, rows_sha256: str) -> FittedBaselines:
    faces = TrainFaces(label_set(first.label_set), JudgeConfig().asking(asked))
    for row in _detected(train):
        if row.label_set == first.label_set:
            faces.add(row.reference)
    return FittedBaselines(
        label_set=first.label_set,
        faces=len(faces),
        rows_sha256=rows_sha256,
        detector=first.detector,
        asked=asked,
        baselines=faces.fitted(),
    )


def _detected(train: Path) -> Iterator[Row]:
    """The rows with a face; `build` names the lines that are none."""
    return (row for row in read_rows(train, _named_by_build) if row.detections is not None)


def _named_by_build(_: RowError) -> None:
    """Nothing: `detect` has just written this file, and `build` names what has changed since."""

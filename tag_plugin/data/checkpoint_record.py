"""What a checkpoint says about itself: `tag_plugin.json` beside its weights.

Training writes it, evaluation reads it: the box frame is declared once, and never guessed.
"""

from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from tag_plugin import __version__
from tag_plugin.data.atomic_write import atomic_write
from tag_plugin.data.text_file import TextFileError, read_json_object
from tag_plugin.facs.boxes import BoxFrame

RECORD_FILE: Final = "tag_plugin.json"


class RecordError(ValueError):
    """A `tag_plugin.json` that cannot be read; the message names it."""


class CheckpointRecord(BaseModel):
    """How the model of a checkpoint was asked, and in which frame it writes boxes.

    `template` is the host's chat template. `prompt_hash` identifies the wording of the question
    whatever the label set: `prompt_hash` of the prompt over all emotions, hashes joined by "+"
    when a run trained on several questions. `version` is tag-plugin's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    template: str
    box_frame: BoxFrame
    prompt_hash: str
    version: str = __version__


def write_checkpoint_record(directory: Path, record: CheckpointRecord) -> Path:
    """Writes `directory`/tag_plugin.json in one go and returns its path."""
    path = directory / RECORD_FILE
    with atomic_write(path) as partial:
        partial.write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return path


def read_checkpoint_record(directory: Path) -> CheckpointRecord | None:
    """The record of the checkpoint in `directory`, or None where it has none.

    Raises:
        RecordError: the file is there and is not a record.
    """
    path = directory / RECORD_FILE
    if not path.is_file():
        return None
    try:
        return CheckpointRecord.model_validate(read_json_object(path))
    except (ValidationError, TextFileError) as error:
        raise RecordError(
            f"{path} is not a checkpoint record ({_first(error)}); next: copy it from the training "
            "output"
        ) from None


def _first(error: ValidationError | TextFileError) -> str:
    if isinstance(error, TextFileError):
        return str(error)
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"

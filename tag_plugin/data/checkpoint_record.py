"""What a checkpoint says about itself: `tag_plugin.json` beside its weights.

Training writes it, evaluation reads it: the box frame is declared once, and never guessed.
"""

from pathlib import Path
from typing import Final

from tag_plugin import __version__
from tag_plugin.data.atomic_write import write_text
from tag_plugin.data.model_error import WrongValueError, checked
from tag_plugin.data.text_file import TextFileError, read_json_object
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.frozen import Frozen

RECORD_FILE: Final = "tag_plugin.json"


class RecordError(ValueError):
    """A `tag_plugin.json` that cannot be read; the message names it."""


class CheckpointRecord(Frozen):
    """How the model of a checkpoint was asked, and in which frame it writes boxes.

    `template` is the host's chat template. `prompt_hash` identifies the wording of the question
    whatever the label set: `prompt_hash` of the prompt over all emotions, hashes joined by "+"
    when a run trained on several questions. `version` is tag-plugin's.
    """

    template: str
    box_frame: BoxFrame
    prompt_hash: str
    version: str = __version__


def write_checkpoint_record(directory: Path, record: CheckpointRecord) -> Path:
    """Writes `directory`/tag_plugin.json in one go and returns its path."""
    path = directory / RECORD_FILE
    write_text(path, record.model_dump_json(indent=2) + "\n")
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
        return checked(CheckpointRecord, read_json_object(path))
    except (WrongValueError, TextFileError) as error:
        raise RecordError(
            f"{path} is not a checkpoint record ({error}); next: copy it from the training output"
        ) from None

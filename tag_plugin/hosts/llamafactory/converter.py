"""TAG row -> the host's sample. `formatting: tag` asks for the trace, `tag_label_only` does not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tag_plugin import __version__
from tag_plugin.data.face_frame import face_file
from tag_plugin.data.rows import Row, RowError, parse_row
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.emotions import LabelSet
from tag_plugin.hosts.llamafactory.model_view import picture_size
from tag_plugin.hosts.llamafactory.templates import frame_of, read_box_frame
from tag_plugin.trace.parse import ANY_EMOTION
from tag_plugin.trace.prompt import grounded_prompt, label_only_prompt, prompt_hash
from tag_plugin.trace.render import render, render_answer

LINE: Final = "line"
WHERE: Final = "where"
PROBLEM: Final = "_tag_problem"
"""The column that says why a row is skipped, empty for a good row; the loader removes it."""

PICTURE_SIZE: Final = "_tag_picture_size"
"""The column of the picture's bytes when the row was converted; the loader removes it."""

ROW: Final = "_tag_row"
"""The column that names a row and its line; the loader removes it."""

_COLUMNS_VERSION: Final = 2  # raised when a column is added: the host keeps what it converted

IMAGE: Final = "<image>"  # llamafactory/extras/constants.py: IMAGE_PLACEHOLDER


@dataclass(frozen=True, slots=True)
class Question:
    """What a TAG dataset asks its model, and what it should reply."""

    prompt: Callable[[LabelSet, BoxFrame], str]
    reply: Callable[[Row, BoxFrame], str]

    def wording(self, frame: BoxFrame) -> str:
        """Identifies the wording, whatever the label set."""
        return prompt_hash(self.prompt(ANY_EMOTION, frame))


def _trace(row: Row, frame: BoxFrame) -> str:
    if row.trace is None:
        raise RowError("it has no trace; next: tag-plugin build")
    return render(row.trace, frame)


QUESTIONS: Final[Mapping[str, Question]] = {
    "tag": Question(grounded_prompt, _trace),
    "tag_label_only": Question(
        lambda labels, _: label_only_prompt(labels), lambda row, _: render_answer(row.label)
    ),
}
"""`formatting:` in dataset_info.json -> the question."""


@dataclass(frozen=True, slots=True)
class TagConverter:
    """Turns {line, where} into the host's columns and the reason for skipping the row, if any.

    The fields are all that the result depends on apart from the row and its picture: the host
    keeps converted samples and finds them again by these fields. `asked`, for RL, says which AUs
    the dataset was built to name, as JSON.
    """

    formatting: str
    frame: BoxFrame
    image_root: str
    wording: str
    asked: str = ""

    def __call__(self, example: Mapping[str, str]) -> dict[str, Any]:
        """The host's sample, or an empty one that names its problem."""
        where = example[WHERE]
        try:
            row = parse_row(example[LINE], where)
        except RowError as error:
            return _columns("", "", "", str(error))
        name = f"{where}: row {row.id}"
        try:
            return self._convert(row) | {ROW: name}
        except ValueError as error:  # a RowError or ImageError, or a path that no file can have
            return _columns("", "", "", f"{name}: {error}")

    def _convert(self, row: Row) -> dict[str, Any]:
        reply = self._reply(row)
        prompt = QUESTIONS[self.formatting].prompt(row.reference.labels, self.frame)
        path = Path(self.image_root, row.image)
        face_file(path)
        return _columns(IMAGE + prompt, reply, str(path), "")

    def _reply(self, row: Row) -> str:
        return QUESTIONS[self.formatting].reply(row, self.frame)


def tag_converter(dataset_attr: Any, data_args: Any) -> TagConverter:
    """What the host's converter registry calls for `formatting: tag` and `tag_label_only`.

    Pictures lie beside the stage's folder: the rows of ferplus/built/train.jsonl name files
    relative to ferplus/.
    """
    formatting = dataset_attr.formatting
    frame = frame_of(data_args.template, read_box_frame(data_args.box_frame))
    file = Path(data_args.dataset_dir, dataset_attr.dataset_name)
    wording = f"{__version__} {_COLUMNS_VERSION} {QUESTIONS[formatting].wording(frame)}"
    return TagConverter(formatting, frame, str(file.parent.parent), wording)


def _columns(prompt: str, reply: str, image: str, problem: str) -> dict[str, Any]:
    """The columns of llamafactory/data/converter.py:align_dataset, and the problem."""
    return {
        "_prompt": [{"role": "user", "content": prompt}],
        "_response": [{"role": "assistant", "content": reply}],
        "_system": "",
        "_tools": "",
        "_images": [image],
        "_videos": None,
        "_audios": None,
        PROBLEM: problem,
        PICTURE_SIZE: picture_size(Path(image)) if image else 0,
        ROW: "",
    }

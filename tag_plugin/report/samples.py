"""Pictures from an evaluation's samples: what was to be found and what the model pointed at."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from PIL.Image import Image

from tag_plugin.data.face_frame import open_face
from tag_plugin.facs.action_units import action_unit
from tag_plugin.facs.boxes import box_from_values
from tag_plugin.report.overlay import LabelledBox, contact_sheet, overlay

SHEET: Final = "sheet.png"
_SHEET_ROWS: Final = 12
_RECORD: Final = "judged"


class SamplesError(ValueError):
    """No samples to draw; the message names the place and the next command."""


def sample_files(results: Path, task: str | None = None) -> list[Path]:
    """The newest samples file of each task below an output folder of lmms-eval, or the file itself.

    Raises:
        SamplesError: there is none.
    """
    if results.is_file():
        return [results]
    found = sorted(results.rglob(f"*samples_{task or 'tag_*'}.jsonl"))
    if not found:
        raise SamplesError(
            f"{results}: no samples of {task or 'a tag_ task'}; next: run lmms-eval with "
            "--log_samples --output_path"
        )
    newest = {
        path.name.rpartition("samples_")[2]: path for path in found
    }  # names begin with a date
    return list(newest.values())


def read_records(path: Path) -> Iterator[dict[str, Any]]:
    """The judged record of each sample.

    Raises:
        SamplesError: a line without one; the message names the file and the line.
    """
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            record = json.loads(line).get(_RECORD)
            if not isinstance(record, dict):
                raise SamplesError(f"{path}:{number}: not a sample of a tag_ task")
            yield record


def draw_record(record: dict[str, Any]) -> Image:
    """One sample as a picture: reference and predicted boxes, verdict and completion."""
    parts = record["parts"]
    verdict = "right" if parts["answer"] == 1 else "wrong"
    grounding = parts["grounding"]
    shown = "not applicable" if grounding is None else f"{grounding:.2f}"
    title = (
        f"{record['id']}   label {record['gold']}   answer {record['prediction'] or 'unparsable'}"
        f" ({verdict})   G {shown}"
    )
    defects = f"\nDefects: {', '.join(record['defects'])}" if record["defects"] else ""
    return overlay(
        open_face(Path(record["image"])),
        _boxes(record["reference"] or ()),
        _boxes(record["claims"]),
        title,
        record["completion"] + defects,
    )


def draw_samples(path: Path, out: Path, count: int) -> list[Path]:
    """Draw `count` samples, evenly spread over the file, and a sheet of the first twelve.

    Raises:
        SamplesError: the file holds no samples.
    """
    records = list(read_records(path))
    if not records:
        raise SamplesError(f"{path}: empty; next: run the evaluation again")
    out.mkdir(parents=True, exist_ok=True)
    step = max(1, len(records) // count)
    written, pages = [], []
    for record in records[::step][:count]:
        page = draw_record(record)
        file = out / f"{_file_name(str(record['id']))}.png"
        page.save(file)
        written.append(file)
        pages.append(page)
    contact_sheet(pages[:_SHEET_ROWS], columns=2).save(out / SHEET)
    return [*written, out / SHEET]


def _boxes(places: Sequence[dict[str, Any]]) -> list[LabelledBox]:
    return [
        LabelledBox(action_unit(place["au"]).code if place["au"] else "?", box_from_values(box))
        for place in places
        if (box := place["box"]) is not None
    ]


def _file_name(sample_id: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in sample_id)[:120]

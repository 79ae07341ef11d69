"""Pictures from an evaluation's samples: what was to be found and what the model pointed at."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PIL.Image import Image

from tag_plugin.data.face_frame import ImageError, open_face
from tag_plugin.data.file_names import plain_id
from tag_plugin.data.terminal import warn
from tag_plugin.facs.boxes import FACE_FRAME
from tag_plugin.report.contact_sheet import grid, write_sheet
from tag_plugin.report.overlay import overlay
from tag_plugin.results.reader import date_in, read_samples
from tag_plugin.results.record import ResultsError
from tag_plugin.scoring.record import JudgedSample

SHEET: Final = "sheet.png"
_SHEET_ROWS: Final = 12
_NAMED: Final = 5
"""So many problems are told one by one."""


class SamplesError(ValueError):
    """No samples to draw; the message names the place and the next command."""


def sample_files(results: Path, task: str | None = None) -> list[Path]:
    """The newest samples file of each model and task below an output folder, or the file itself.

    Raises:
        SamplesError: there is none.
    """
    if not results.is_dir() and results.exists():
        return [results]
    found = sorted(
        results.rglob(f"*samples_{task or 'tag_*'}.jsonl"),
        key=lambda path: (date_in(path.name), path),
    )
    if not found:
        raise SamplesError(
            f"{results}: no samples of {task or 'a tag_ task'}; next: run lmms-eval with "
            "--log_samples --output_path"
        )
    newest = {(path.parent, path.name.rpartition("samples_")[2]): path for path in found}
    return list(newest.values())


def picture_folders(files: Sequence[Path], results: Path) -> dict[Path, Path]:
    """Samples file -> where its pictures go: `<task>`, or `<model>/<task>` of several models."""
    several = len({path.parent for path in files}) > 1
    return {
        path: (path.parent.relative_to(results) if several else Path())
        / path.stem.rpartition("samples_")[2]
        for path in files
    }


def draw_record(sample: JudgedSample) -> Image:
    """One sample as a picture: reference and predicted boxes, verdict and completion.

    Raises:
        ImageError: its picture cannot be read.
    """
    grounding = sample.verdict.grounding
    title = (
        f"{sample.id[:80]}: label {sample.gold}, answer {sample.prediction or 'unparsable'}"
        f" ({'right' if sample.right else 'wrong'}), "
        f"G {'not applicable' if grounding is None else f'{grounding:.2f}'}"
    )
    defects = ", ".join(sample.verdict.parsed.defects)
    return overlay(
        open_face(Path(sample.image), FACE_FRAME),
        sample.verdict.targets or (),
        sample.claims,
        title,
        sample.completion + (f"\nDefects: {defects}" if defects else ""),
    )


def draw_samples(path: Path, out: Path, count: int) -> list[Path]:
    """Draw `count` samples, evenly spread over the file, and a sheet of the first twelve.

    Lines that are no samples and pictures that cannot be read are named on stderr and left out.

    Raises:
        SamplesError: the file holds no samples, or none whose picture can be read.
    """
    problems: list[object] = []
    try:
        samples = list(read_samples(path, problems.append))
    except ResultsError as error:  # no file, or no text at all
        raise SamplesError(f"{path}: nothing to draw ({error})") from None
    if not samples and not problems:
        raise SamplesError(f"{path}: empty; next: run the evaluation again")
    step = max(1, len(samples) // count)
    pages = {}
    for sample in samples[::step][:count]:
        try:
            pages[_file_name(sample.id)] = draw_record(sample)
        except ImageError as error:
            problems.append(f"{sample.id}: {error}")
    if not pages:
        raise SamplesError(
            f"{path}: nothing to draw ({problems[0]}); next: name a folder that lmms-eval "
            "wrote with --log_samples, where its pictures are"
        )
    for problem in problems[:_NAMED]:
        warn(f"{problem}; left out")
    if len(problems) > _NAMED:
        warn(f"{path}: {len(problems) - _NAMED} more left out")
    pages[SHEET] = grid(list(pages.values())[:_SHEET_ROWS], columns=2)
    return [write_sheet(page, out / name) for name, page in pages.items()]


def _file_name(sample_id: str) -> str:
    """Of each id another one, and none that of the sheet."""
    return "(sheet).png" if sample_id == "sheet" else f"{plain_id(sample_id)}.png"

"""Faces that a model has answered, changed and written as test sets for it to answer again."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tag_plugin.data.console import progress
from tag_plugin.data.face_frame import ImageError, read_face, write_face
from tag_plugin.data.rows import Row, write_rows
from tag_plugin.data.terminal import warn
from tag_plugin.facs.boxes import Box
from tag_plugin.results.reader import TaskRun
from tag_plugin.results.record import ResultsError
from tag_plugin.scoring.record import JudgedSample

Face = NDArray[np.uint8]
"""(448, 448, 3) RGB."""
Change = Callable[[JudgedSample, Face], Mapping[str, Face] | None]
"""What a face becomes in each test set; None: it cannot be changed."""


def write_changed(
    run: TaskRun, data_dir: Path, datasets: Sequence[str], change: Change
) -> dict[str, int]:
    """Write the test sets under `data_dir`, as `prepare` writes datasets.

    Returns what became of the run's faces: "written", "unchanged" (`change` gave None), "unusable".
    A face is unusable when there was no answer, no readable box of a known AU, or no picture; the
    last is named on stderr.

    Raises:
        ResultsError: no face can be changed, or the run kept no samples.
    """
    samples = list(run.samples())
    usable = [sample for sample in samples if sample.prediction and cited_boxes(sample)]
    if not usable:
        raise ResultsError(
            f"{run.samples_file}: no answer cites a box; next: mask a run of a grounded task"
        )
    written: list[JudgedSample] = []
    unchanged = 0
    for sample in progress(usable, "changing", len(usable)):
        try:
            changed = change(sample, read_face(Path(sample.image)))
        except ImageError as error:
            warn(f"{sample.id} left out: {error}")
            continue
        for dataset, face in (changed or {}).items():
            write_face(data_dir / dataset / _relative_image(sample), Image.fromarray(face))
        unchanged += changed is None
        written += [sample] if changed else []
    if not written and not unchanged:
        raise ResultsError(
            f"{run.samples_file}: none of the pictures that it names can be read here; next: mask "
            "where the evaluation ran"
        )
    for dataset in datasets if written else ():
        rows = (_row(sample, dataset) for sample in written)
        write_rows(data_dir / dataset / "prepared" / "test.jsonl", rows)
    unusable = len(samples) - len(written) - unchanged
    return {"written": len(written), "unchanged": unchanged, "unusable": unusable}


def cited_boxes(sample: JudgedSample) -> list[Box]:
    """The boxes that an answer cites: readable, in the frame, of a known AU."""
    return [c.box for c in sample.claims if c.box is not None and c.au is not None]


def paired_samples(
    first: Iterable[JudgedSample], *others: Iterable[JudgedSample]
) -> Iterator[tuple[JudgedSample, ...]]:
    """The samples of several runs side by side, of the ids that all of them judged."""
    tables = [{s.id: s for s in run if s.failed is None} for run in (first, *others)]
    for name in tables[0]:
        if all(name in table for table in tables):
            yield tuple(table[name] for table in tables)


def require_one_model(original: TaskRun, *others: TaskRun) -> None:
    """Checks that the faces and their changed copies were put to one model in one way.

    Raises:
        ResultsError: they were not; the message names what differs.
    """
    for run in others:
        for what, one, two in (
            ("model", original.model, run.model),
            ("weights", original.stated.weights, run.stated.weights),
            ("prompt_hash", original.protocol.prompt_hash, run.protocol.prompt_hash),
            ("model_input", original.protocol.model_input, run.protocol.model_input),
            ("decoding", original.protocol.decoding, run.protocol.decoding),
        ):
            if one != two:
                raise ResultsError(
                    f"{original.results_file} and {run.results_file} differ in {what}: {one} | "
                    f"{two}; next: evaluate the changed faces with the same model and options"
                )


def _row(sample: JudgedSample, dataset: str) -> Row:
    return Row(
        id=sample.id,
        dataset=dataset,
        split="test",
        image=_relative_image(sample),
        label=sample.gold,
        label_set=sample.label_set,
    )


def _relative_image(sample: JudgedSample) -> str:
    name = hashlib.sha256(sample.id.encode()).hexdigest()[:24]  # an id may hold any character
    return f"images/test/{name}.jpg"

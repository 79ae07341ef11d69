"""verify: a row's own trace must get full marks from the judge, in every box frame."""

from typing import Final

from pydantic import ValidationError

from tag_plugin.data.model_error import first_problem
from tag_plugin.data.rows import NO_FACE, Provenance, Row, dump_row
from tag_plugin.facs.boxes import GRIDS
from tag_plugin.pipeline.outcomes import Dropped, Kept, Outcome
from tag_plugin.pipeline.rules import WRITER_NAME, write_trace
from tag_plugin.scoring.score import JudgeConfig, score_completion
from tag_plugin.trace.grammar import Trace
from tag_plugin.trace.render import render

NOT_GOLD: Final = "the judge finds fault with the trace"


def why_not_gold(row: Row, config: JudgeConfig) -> str | None:
    """Why the trace of a row is not gold, or None when every part that applies is exactly 1.

    Raises:
        ValueError: the row has no trace.
    """
    if row.trace is None:
        raise ValueError(f"row {row.id!r} has no trace")
    for frame in GRIDS:
        scored = score_completion(render(row.trace, frame), row.reference, frame, config)
        parts = {"format": scored.format, "answer": scored.answer, "grounding": scored.grounding}
        short = [f"{name} {part:.3f}" for name, part in parts.items() if part not in (None, 1.0)]
        if short:
            defects = ", ".join(map(str, scored.parsed.defects))
            return f"{', '.join(short)} in the {frame} frame{': ' + defects if defects else ''}"
    return None


def with_trace(
    row: Row, trace: Trace | None, provenance: Provenance, judge: JudgeConfig
) -> Outcome:
    """The row with this trace where it is gold, else why it is not."""
    built = row.model_copy(update={"trace": trace, "provenance": provenance})
    fault = why_not_gold(built, judge)
    return Kept(dump_row(built), row.label) if fault is None else Dropped(row.id, NOT_GOLD, fault)


def with_rules_trace(row: Row, seed: int, judge: JudgeConfig) -> Outcome:
    """The row with the trace of the `rules` writer.

    Where it is dropped no trace of these detections can be gold, whoever writes it: two boxes of
    one AU in the same place are such a reason.
    """
    if row.detections is None:
        return Dropped(row.id, NO_FACE)
    try:
        trace = write_trace(row.label, row.detections, f"{seed}:{row.id}", judge)
    except ValidationError as error:
        return Dropped(row.id, NOT_GOLD, first_problem(error))
    return with_trace(row, trace, Provenance(writer=WRITER_NAME, seed=seed), judge)

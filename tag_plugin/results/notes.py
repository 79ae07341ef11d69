"""What a reader of one task's numbers must know; each note is one line."""

from collections.abc import Iterator, Sequence

from tag_plugin.facs.action_units import action_unit
from tag_plugin.facs.emotions import LabelSet
from tag_plugin.scoring.baselines import Baselines
from tag_plugin.scoring.contributions import FEWEST, units_left_out
from tag_plugin.scoring.metrics import FEW, few_faces
from tag_plugin.scoring.record import JudgedSample
from tag_plugin.scoring.statistics import Floats


def notes(
    judged: Sequence[JudgedSample], baselines: Baselines | None, answers: Floats, labels: LabelSet
) -> Iterator[str]:
    """The notes about these judged samples; `answers` is their confusion matrix."""
    few = few_faces(answers, labels)
    if few:
        shown = ", ".join(f"{label} ({count})" for label, count in few.items())
        yield (
            f"* fewer than {FEW} faces: {shown}; the intervals of such a class, of UAR and of "
            "macro-F1 may be too narrow"
        )
    grounded = [sample for sample in judged if sample.verdict.targets is not None]
    if not grounded:
        return
    if baselines is None:
        yield (
            "box skill, right for the right reason and the baselines of G are absent: there are no "
            f"baselines.json and train faces in $TAG_DATA_DIR/{grounded[0].dataset}; next: "
            f"tag-plugin detect $TAG_DATA_DIR/{grounded[0].dataset}, then evaluate again"
        )
    if left_out := units_left_out(grounded):
        shown = ", ".join(
            f"{action_unit(au).code} ({present} show it, {absent} do not)"
            for au, (present, absent) in left_out.items()
        )
        yield f"kappa leaves out AUs with fewer than {FEWEST} faces on a side: {shown}"

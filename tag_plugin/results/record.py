"""The record of a judged sample, read from a line of a samples file."""

from typing import Any, TypeVar

from tag_plugin.data.model_error import checked
from tag_plugin.scoring.record import RECORD, AnsweredSample, JudgedSample

Record = TypeVar("Record", bound=AnsweredSample)


class ResultsError(ValueError):
    """Results that cannot be read or used; the message names the place and the next command."""


def read_record(sample: Any, where: str) -> JudgedSample:  # noqa: ANN401  # any JSON value
    """The record in a sample of the samples file.

    Raises:
        ResultsError: there is none, or of another version; the message begins with `where`.
    """
    record = _record(sample, where)
    if "verdict" not in record and "parts" in record:
        raise ResultsError(
            f"{where}: judged by an older tag-plugin, which kept less of it; next: tag-plugin "
            "rejudge RESULTS, which writes new files beside the old ones"
        )
    return _checked(JudgedSample, record, where)


def read_answer(sample: Any, where: str) -> AnsweredSample:  # noqa: ANN401  # any JSON value
    """What was asked and answered, whichever version judged it.

    Raises:
        ResultsError: as `read_record`, or what it was judged by is missing.
    """
    record = _record(sample, where)
    answered = _checked(AnsweredSample, record, where)
    verdict = record.get("verdict", {"targets": record.get("reference")})
    if answered.detections is None and isinstance(verdict, dict) and verdict.get("targets"):
        raise ResultsError(
            f"{where}: {answered.id} has no detections to be judged by; next: evaluate again with "
            "--log_samples"
        )
    return answered


def _record(sample: Any, where: str) -> dict[str, Any]:  # noqa: ANN401  # any JSON value
    record = sample.get(RECORD) if isinstance(sample, dict) else None
    if not isinstance(record, dict):
        raise ResultsError(
            f"{where}: not a sample of a tag_ task; next: evaluate again with --log_samples"
        )
    return record


def _checked(kind: type[Record], record: dict[str, Any], where: str) -> Record:
    return checked(
        kind, record, f"{where}: ", "; next: evaluate again with this version", ResultsError
    )

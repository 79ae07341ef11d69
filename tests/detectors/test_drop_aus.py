"""AUs that the user does not trust a detector with are unsupported, not absent."""

import pytest

from tag_plugin.data.rows import write_rows
from tag_plugin.detectors.base import DetectorError
from tag_plugin.detectors.registry import detector
from tests.pipeline.detected_rows import INFO, hand_made, prepared_row


@pytest.fixture
def stored(tmp_path):
    rows = [prepared_row(number, "train") for number in range(2)]
    found = [hand_made(rows[0].id), None]
    write_rows(
        tmp_path / "rows.jsonl",
        [
            row.model_copy(update={"detections": face, "detector": INFO})
            for row, face in zip(rows, found, strict=True)
        ],
    )
    return rows, tmp_path / "rows.jsonl"


def test_the_aus_are_gone_from_the_detections_and_from_the_support(stored):
    rows, path = stored
    with detector("cached", rows=path, without="12,25") as narrowed:
        assert narrowed.supported == {1, 4, 15, 26}
        first, second = narrowed.detect_rows(rows, [lambda: None] * 2)
        assert {each.au for each in first.detections} == first.supported == {1, 4, 15, 26}
        assert second is None
        assert narrowed.detect_row(rows[0], lambda: None) == first
        assert narrowed.info.version == "1-without-12-25"
        assert narrowed.info.name == INFO.name


@pytest.mark.parametrize(
    ("without", "message"),
    [("17", r"hand does not measure \[17\]; it measures 1, 4, 12"), ("AU12", "needs AU numbers")],
)
def test_a_mistake_is_named(stored, without, message):
    with pytest.raises(DetectorError, match=message):
        detector("cached", rows=stored[1], without=without)

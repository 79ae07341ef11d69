"""The report of an evaluation of 10,000 samples: light enough to send, quick enough to open."""

from random import Random

import pytest
from playwright.sync_api import expect

from tag_plugin.report.write import write_report
from tests.report.browsing import renderer_seconds
from tests.report.evaluated import evaluate, write_results

COUNT = 10_000
BYTES = 66e6  # 200 MB for 30,000
# Of CPU. Idle machines take 1; machines differ by 1.6, and what is not linear takes far longer.
SECONDS = 4.0


@pytest.mark.slow
def test_ten_thousand_samples_open_at_once_and_weigh_under_66_megabytes(
    faces, tmp_path, visit, browser, pictures_read_once
):
    """Each sample has a picture of its own, for those are what weighs."""
    pictures, rows = faces
    answers = [sample for seed in range(5) for sample in evaluate(rows, pictures, 0.6, seed)]
    samples = []
    for number in range(COUNT):
        answer = Random(number).choice(answers)
        picture = tmp_path / f"{number}.jpg"
        picture.hardlink_to(answer.image)
        samples.append(
            answer.model_copy(update={"id": f"face-{number:05d}", "image": str(picture)})
        )
    write_report([write_results(tmp_path / "results", "tuned", samples)], tmp_path / "r.html")
    assert (tmp_path / "r.html").stat().st_size < BYTES
    before = renderer_seconds(browser)
    with visit(tmp_path / "r.html") as page:
        expect(page.locator("#grid .card")).to_have_count(48)
        assert renderer_seconds(browser) - before < SECONDS
        expect(page.locator("#count")).to_have_text(f"{COUNT} of {COUNT} samples")

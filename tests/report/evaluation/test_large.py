"""A page of 30,000 samples: light enough to send, quick enough to open."""

from random import Random

import pytest
from playwright.sync_api import expect

from tag_plugin.report.write import write_report
from tests.report.evaluated import judged, write_results
from tests.report.scripted import completion

COUNT = 30_000
SECONDS = 3.0


@pytest.mark.slow
def test_thirty_thousand_samples_open_in_three_seconds_and_weigh_under_200_megabytes(
    faces, tmp_path, visit
):
    """Distinct pictures are what weighs, so each sample has its own."""
    random = Random(0)
    folder, rows = faces
    base = [judged(row, completion(row, 0.7, random), folder) for row in rows for _ in range(20)]
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    samples = []
    for number in range(COUNT):
        sample = base[number % len(base)]
        picture = pictures / f"{number}.jpg"
        picture.hardlink_to(sample.image)
        changes = {"id": f"{sample.id}-{number}", "image": str(picture)}
        samples.append(sample.model_copy(update=changes))
    write_report([write_results(tmp_path / "run", "m", samples)], tmp_path / "r.html")
    assert (tmp_path / "r.html").stat().st_size < 200e6
    with visit(tmp_path / "r.html") as page:
        expect(page.locator("#grid .card")).to_have_count(48)
        assert opened(page) < SECONDS


def opened(page) -> float:
    """Seconds from the start of the navigation to the end of the page's own script."""
    return page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd") / 1000

"""A page of 10,000 samples: light enough to send, quick enough to open."""

import json
from random import Random

import pytest
from playwright.sync_api import expect

from tag_plugin.report.grpo.page import write_grpo_report
from tests.report.browsing import renderer_seconds
from tests.report.scripted import write_grpo_run

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
    run = write_grpo_run(tmp_path / "run", rows, pictures, steps=20)
    rollouts = [json.loads(line) for line in (run / "rollouts.jsonl").open(encoding="utf-8")]
    with (run / "rollouts.jsonl").open("w", encoding="utf-8") as out:
        for number in range(COUNT):
            rollout = Random(number).choice(rollouts)
            picture = tmp_path / f"{number}.jpg"
            picture.hardlink_to(rollout["images"][0])
            mine = {"prompt_id": f"face-{number}", "images": [str(picture)], "reference": None}
            out.write(json.dumps(rollout | mine) + "\n")
    write_grpo_report(run, tmp_path / "r.html")
    assert (tmp_path / "r.html").stat().st_size < BYTES
    before = renderer_seconds(browser)
    with visit(tmp_path / "r.html") as page:
        expect(page.locator("#grid .card")).to_have_count(48)
        assert renderer_seconds(browser) - before < SECONDS
        page.locator('input[name="group"][value=""]').check()
        expect(page.locator("#count")).to_have_text(f"{COUNT} of {COUNT} samples")

"""The report of a GRPO run's directory, read in a real browser."""

import json

import pytest

from tag_plugin.report.grpo.page import write_grpo_report
from tests.report.accessibility import violations
from tests.report.scripted import write_grpo_run, write_lines


@pytest.fixture(scope="module")
def report(faces, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / 'a "quoted" <run>'
    pictures, rows = faces
    write_grpo_run(folder, rows, pictures, steps=40)
    write_grpo_report(folder, folder / "report.html")
    return folder / "report.html"


def test_every_part_of_the_run_is_there(report, visit):
    with visit(report) as page:
        assert page.inner_text("h1") == 'a "quoted" <run>'
        headings = page.locator("main section h2").all_inner_texts()
        assert headings == [
            "At a glance",
            "Rewards",
            "Signal",
            "Response lengths",
            "Optimisation",
            "Drift of the Action Units",
            "Completions",
        ]
        titles = page.locator("figcaption").all_inner_texts()
        for title in ("Total reward", "Rewards by part", "Why", "Clipped share"):
            assert title in titles
        assert "The run has gone silent" in page.inner_text(".verdict")


def test_the_best_come_first_and_the_worst_are_a_click_away(report, visit):
    rollouts = [json.loads(line) for line in (report.parent / "rollouts.jsonl").open()]
    totals = sorted(each["total"] for each in rollouts)
    with visit(report) as page:
        scores = page.locator("#grid .small span:last-child")
        assert page.locator("#grid .card").count() == 48
        assert float(scores.first.inner_text()) >= totals[-48] - 0.01
        page.get_by_label("Worst (48)").check()
        assert float(scores.first.inner_text()) == pytest.approx(totals[0], abs=0.01)


def test_hovering_a_line_of_the_trace_lights_its_box_and_what_it_is_paired_with(report, visit):
    with visit(report) as page:
        page.locator("select[name=sort]").select_option("high")
        page.locator("#grid .card:has(rect.said)").first.click()
        line = page.locator("#viewer .trace button").first
        line.hover()
        name = line.inner_text().split("→")[1].split("(")[0].strip()
        assert page.locator("#viewer .face g.said.lit").all_text_contents() == [name]
        seen = page.locator("#viewer .face g.reference")
        paired = [name] if name in seen.all_text_contents() else []
        assert page.locator("#viewer .face g.reference.lit").all_text_contents() == paired


def test_the_keyboard_alone_is_enough(report, visit):
    with visit(report) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.locator("#grid .card").nth(1).focus()
        page.keyboard.press("Enter")
        title = page.locator("#viewer-title")
        assert "2 of 48" in title.inner_text()
        page.keyboard.press("ArrowRight")
        assert "3 of 48" in title.inner_text()
        page.keyboard.press("Escape")
        assert not page.locator("#viewer").is_visible()
        assert page.evaluate("document.activeElement.className") == "card"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_to_object_to(report, visit, scheme):
    with visit(report, color_scheme=scheme) as page:
        assert violations(page) == []
        page.locator("#grid .card").first.click()
        assert violations(page) == []


def test_pointing_at_a_curve_reads_its_values(report, visit):
    log = [json.loads(line) for line in (report.parent / "grpo_log.jsonl").open()]
    with visit(report) as page:
        page.locator("#rewards svg").first.hover(position={"x": 300, "y": 80})
        text = page.locator("#rewards .readout").first.inner_text()
        step = int(text.split(":")[0].removeprefix("step "))
        shown = float(f"{log[step - 1]['reward']:.4g}")
        assert f"training {shown}" in text


EVIL = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


def test_what_a_model_writes_is_shown_and_never_run(faces, tmp_path, visit):
    pictures, rows = faces
    run = write_grpo_run(tmp_path / "run", rows, pictures, steps=2)
    rollouts = [json.loads(line) for line in (run / "rollouts.jsonl").open()]
    evil = rollouts[0] | {
        "text": f"{EVIL}\n</script>{EVIL}\u2028<!--",
        "prompt_id": f"{EVIL}\"'",
        "solution": "anger",
        "images": [f"{tmp_path}/a \"quoted\" 'name'<b>.jpg"],
        "defects": [EVIL],
        "total": 9,
    }
    write_lines(run / "rollouts.jsonl", [evil, *rollouts])
    write_grpo_report(run, tmp_path / "report.html")
    with visit(tmp_path / "report.html") as page:
        page.locator("select[name=sort]").select_option("high")
        page.locator("#grid .card").first.click()
        assert EVIL in page.inner_text("#viewer .trace")
        assert page.title() != "owned"
        assert page.locator("main img").count() == 0
        assert "picture not found" in page.text_content("#viewer svg")
    assert EVIL not in (tmp_path / "report.html").read_text(encoding="utf-8")

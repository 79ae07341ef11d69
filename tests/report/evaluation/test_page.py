"""The report of evaluations, read in a real browser."""

import json
import re
from random import Random

import pytest
from playwright.sync_api import expect

from tag_plugin.report.write import write_report
from tag_plugin.results.reader import read_runs
from tests.report.accessibility import violations
from tests.report.evaluated import TASK, evaluate, judged, write_results
from tests.report.scripted import completion


@pytest.fixture(scope="module")
def sources(faces, tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    pictures, rows = faces
    many = [row.model_copy(update={"id": f"{row.id}-{n}"}) for n in range(6) for row in rows]
    first = write_results(folder / "a", "sft", evaluate(many, pictures, 0.3))
    second = write_results(folder / "b", "grpo", evaluate(many, pictures, 0.9))
    return [first, second]


@pytest.fixture(scope="module")
def report(sources, tmp_path_factory):
    out = tmp_path_factory.mktemp("report") / "report.html"
    write_report(sources, out)
    return out


def test_numbers_stand_with_interval_and_fingerprint(report, sources, visit):
    with visit(report) as page:
        for source, row in zip(sources, page.locator("table.headline tbody tr").all(), strict=True):
            (run,) = read_runs(source)
            text = row.inner_text()
            assert run.protocol.fingerprint in text
            for metric in ("accuracy", "uar", "grounding", "au_f1"):
                found = run.summary.metrics[metric]
                assert f"{found.value:.3f}" in text
                assert f"{found.low:.3f} to {found.high:.3f}" in text


def test_two_runs_of_one_protocol_have_paired_differences(report, visit):
    with visit(report) as page:
        table = page.locator("table", has_text="paired differences")
        assert "grpo - sft" in table.inner_text()
        assert "Accuracy" in table.inner_text()
        assert re.search(r"[+-]\d\.\d{3} \[[+-]\d\.\d{3}, [+-]\d\.\d{3}\]", table.inner_text())


def test_a_cell_of_the_confusion_matrix_leads_to_its_faces(report, sources, visit):
    (_, run) = (run for source in sources for run in read_runs(source))
    labels, counts = run.summary.labels, run.summary.confusion
    gold = max(range(len(labels)), key=lambda n: counts[n][n])
    with visit(report) as page:
        matrix = page.locator("table.confusion").nth(1)
        matrix.locator("tbody tr").nth(gold).locator("td").nth(gold).locator("button").click()
        assert page.locator("#count").inner_text().startswith(f"{counts[gold][gold]} of ")
        shown = page.locator("#grid .labels").all_inner_texts()
        assert {text.strip() for text in shown} == {f"✓ {labels[gold]}"}


def test_search_reads_the_text_of_every_sample(report, sources, visit):
    (run,) = read_runs(sources[0])
    wanted = next(s for s in run.samples() if s.claims).claims[0].observation
    expected = sum(wanted in sample.completion for sample in run.samples())
    with visit(report) as page:
        for text, count in (("an unusual word", 0), (wanted.upper(), expected)):
            page.locator("input[type=search]").fill(text)
            expect(page.locator("#count")).to_have_text(re.compile(rf"^{count} of"))


def test_two_runs_stand_side_by_side_on_the_same_face(report, visit):
    with visit(report) as page:
        page.locator("select[name=compare]").select_option("wrong 1")
        page.locator("#grid .card").first.click()
        panels = page.locator("#viewer .one-run")
        assert panels.count() == 2
        assert panels.nth(0).locator(".facts .wrong").count() == 1
        assert panels.nth(1).locator(".facts .right").count() == 1


def test_the_kinds_are_counted_as_the_samples_say(report, sources, visit):
    (run,) = read_runs(sources[0])
    samples = list(run.samples())
    grounded = [s for s in samples if s.right and s.verdict.grounding >= 0.5]
    with visit(report) as page:
        text = page.locator("#filters fieldset").inner_text()
        assert f"Right & grounded ({len(grounded)})" in text
        assert f"Unparsable ({sum(s.prediction is None for s in samples)})" in text


def test_axe_finds_nothing_to_object_to(report, visit):
    with visit(report) as page:
        assert violations(page) == []
        page.locator("#grid .card").first.click()
        assert violations(page) == []


def test_runs_of_different_protocols_are_not_compared(faces, tmp_path):
    pictures, rows = faces
    samples = evaluate(rows, pictures, 0.5)
    first = write_results(tmp_path / "a", "one", samples)
    second = write_results(tmp_path / "b", "two", samples, split="dev")
    write_report([first, second], tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "their numbers do not compare" in page
    assert "two and one differ in split: dev and test" in page
    assert 'class="best"' not in page


def test_samples_without_detections_or_pictures_are_shown(faces, tmp_path, visit):
    _, rows = faces
    bare = [row.model_copy(update={"detections": None}) for row in rows]
    texts = [completion(row, 0.9, Random(1)) for row in rows]
    samples = [judged(row, text, tmp_path) for row, text in zip(bare, texts, strict=True)]
    write_report([write_results(tmp_path / "a", "m", samples)], tmp_path / "r.html")
    with visit(tmp_path / "r.html") as page:
        assert "Grounding G" not in page.inner_text("table.headline")
        page.locator("#grid .card").first.click()
        assert "No detections of this face" in page.inner_text("#viewer")


def test_results_without_samples_still_have_their_numbers(sources, tmp_path, visit):
    (run,) = read_runs(sources[0])
    copy = tmp_path / "run" / run.results_file.name
    copy.parent.mkdir()
    copy.write_text(run.results_file.read_text(encoding="utf-8"), encoding="utf-8")
    write_report([copy], tmp_path / "r.html")
    with visit(tmp_path / "r.html") as page:
        assert "--log_samples" in page.inner_text("main")
        assert page.locator("table.headline tbody tr").count() == 1


EVIL = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


def test_hostile_text_ids_and_names_are_harmless(faces, tmp_path, visit):
    _, rows = faces
    row = rows[0].model_copy(update={"id": f"\"'{EVIL}"})
    sample = judged(row, f"{EVIL}</script>{EVIL}", tmp_path / 'a "b" <i>')
    write_report([write_results(tmp_path / "a", 'm "x"', [sample])], tmp_path / "r.html")
    page_text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert EVIL not in page_text
    with visit(tmp_path / "r.html") as page:
        page.locator("#grid .card").first.click()
        assert EVIL in page.inner_text("#viewer .trace")
        assert page.title() != "owned"
        assert page.locator("script").count() == page_text.count("</script>")


def test_every_task_of_a_folder_gets_its_section(faces, tmp_path):
    pictures, rows = faces
    folder = write_results(tmp_path / "a", "m", evaluate(rows, pictures, 0.5))
    (results,) = folder.rglob("*_results.json")
    content = json.loads(results.read_text())
    stated = content["tag_plugin"][TASK]
    content["tag_plugin"]["tag_other"] = stated
    results.write_text(json.dumps(content))
    write_report([folder], tmp_path / "r.html")
    assert 'id="task-tag_other"' in (tmp_path / "r.html").read_text(encoding="utf-8")

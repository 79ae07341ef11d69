"""The blind page in a real browser, and its answers back in."""

import json

import pytest
from typer.testing import CliRunner

from tag_plugin.cli import app
from tag_plugin.preference.pairs import PreferenceError, make_study
from tag_plugin.preference.raters import agreement, read_answers, write_rating_page
from tests.preference.two_runs import sample, write_two_runs
from tests.report.accessibility import violations
from tests.report.scripted import write_lines


@pytest.fixture
def study(tmp_path):
    a, b = write_two_runs(tmp_path, 6, identical=1)
    made = make_study(a, b, None, seed=3)
    write_rating_page(made, tmp_path / "rate.html")
    return made


def test_a_rater_who_prefers_a_is_read_as_preferring_a(study, tmp_path, visit):
    with visit(tmp_path / "rate.html") as page:
        for number in range(6):
            assert f"number {number + 1}" in page.inner_text("#progress")
            left = "run A" in page.locator(".side .trace").first.inner_text()
            page.keyboard.press("1" if left else "2")
        assert page.locator("#finished").is_visible()
        page.locator("#rater").fill("kim")
        with page.expect_download() as saved:
            page.get_by_text("Save the answers", exact=True).click()
        saved.value.save_as(tmp_path / "answers.json")
    a, b = (str(tmp_path / f"{run}_samples_tag_synth.jsonl") for run in "AB")
    words = ["prefer", a, b, "--seed", "3", "--out", str(tmp_path / "o")]
    done = CliRunner().invoke(app, [*words, "--answers", str(tmp_path / "answers.json")])
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "o" / "preference.json").read_text())["preferences"]
    assert found["rater kim"]["wins_a"] == 6
    assert found["rater kim"]["identical"] == 1


def test_the_sides_differ_from_face_to_face_and_the_page_is_blind(study, tmp_path):
    assert len({study.a_first(pair) for pair in study.asked}) == 2
    page = (tmp_path / "rate.html").read_text(encoding="utf-8")
    for word in ("samples_tag", "s000", "gold", "anger"):
        assert word not in page


def test_axe_finds_nothing_to_object_to(study, tmp_path, visit):
    with visit(tmp_path / "rate.html") as page:
        assert violations(page) == []


def test_answers_survive_a_closed_page_where_the_browser_keeps_them(study, tmp_path, browser):
    context = browser.new_context()
    for expected in ("number 1", "number 2"):
        page = context.new_page()
        page.goto((tmp_path / "rate.html").as_uri())
        assert expected in page.inner_text("#progress")
        page.keyboard.press("0")
        page.close()
    context.close()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("no json", "no saved answers"),
        ('{"study": "else", "rater": "", "answers": {}}', "answers the study else"),
        ('{"study": "ID", "rater": "", "answers": {"99": "left"}}', "no pair 99"),
        ('{"study": "ID", "rater": "", "answers": {"0": "A"}}', "no saved answers"),
    ],
)
def test_other_files_are_refused(study, tmp_path, content, message):
    (tmp_path / "x.json").write_text(content.replace("ID", study.id))
    with pytest.raises(PreferenceError, match=message):
        read_answers(tmp_path / "x.json", study)


def test_another_seed_is_another_study(tmp_path):
    paths = write_two_runs(tmp_path, 6)
    assert make_study(*paths, None, 0).id != make_study(*paths, None, 1).id
    assert make_study(*paths, 3, 0).id == make_study(*paths, 3, 0).id


def test_faces_that_do_not_match_are_refused(tmp_path):
    a, b = write_two_runs(tmp_path, 2)
    other = sample(0, "B", tmp_path / "face.png", gold="fear").model_dump(mode="json")
    write_lines(b, [{"judged": other}])
    with pytest.raises(PreferenceError, match="s000 is not the same face"):
        make_study(a, b, None, 0)
    write_lines(b, [{"judged": other | {"id": "elsewhere"}}])
    with pytest.raises(PreferenceError, match="share no answered face"):
        make_study(a, b, None, 0)


def test_raters_agree_as_kappa_says(tmp_path):
    a, b = write_two_runs(tmp_path, 12)
    study = make_study(a, b, None, 0)
    places = ["left", "right", "tie"] * 4
    opinions = []
    for rater, answers in (("x", places), ("y", places), ("z", [*places[:11], "left"])):
        content = {"study": study.id, "rater": rater, "answers": dict(enumerate(answers))}
        (tmp_path / f"{rater}.json").write_text(json.dumps(content))
        opinions.append(read_answers(tmp_path / f"{rater}.json", study)[1])
    assert agreement(opinions[:2]) == pytest.approx(1.0)
    assert 0.8 < agreement(opinions) < 1.0
    assert agreement(opinions[:1]) is None

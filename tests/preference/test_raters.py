"""The blind page in a real browser, and its answers back in."""

import json

import pytest
from typer.testing import CliRunner

from tag_plugin.cli import app
from tag_plugin.data.terminal import one_line
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


def answers(folder, name, made_for, content=None, **changes):
    saved = {"study": made_for.id, "rater": "kim", "answers": {"0": "left", "1": "tie"}}
    whole = json.dumps(saved | changes).encode()
    (folder / name).write_bytes(whole if content is None else content)
    return folder / name


def prefer(folder, *files):
    a, b = (str(folder / f"{run}_samples_tag_synth.jsonl") for run in "AB")
    named = [word for file in files for word in ("--answers", str(file))]
    return CliRunner().invoke(app, ["prefer", a, b, "--out", str(folder / "o"), *named])


@pytest.fixture
def small(tmp_path):
    return make_study(*write_two_runs(tmp_path, 3), 200, 0)


SAVED = {
    "empty": b"",
    "no JSON": b"left",
    "binary": bytes(range(256)),
    "UTF-16 without its mark": '{"a": 1}'.encode("utf-16-le"),
    "deep": b"[" * 100_000,
    "a list": b"[]",
    "null": b"null",
    "a number": b"3",
    "no keys": b"{}",
    "half a surrogate pair": b'{"rater": "\\ud800"}',
}
CHANGED = {
    "another study": {"study": "0" * 5_000_000},
    "study null": {"study": None},
    "rater a list": {"rater": ["kim"]},
    "rater of 5 MB": {"rater": "k" * 5_000_000},
    "answers a list": {"answers": ["left"]},
    "answers null": {"answers": None},
    "a side that is none": {"answers": {"0": "A"}},
    "a side that is a number": {"answers": {"0": 1}},
    "no such pair": {"answers": {"3": "left"}},
    "a pair below zero": {"answers": {"-1": "left"}},
    "a pair that is no number": {"answers": {"one": "left"}},
    "one pair under two names": {"answers": {"0": "left", "00": "right"}},
    "a pair of 5,000 digits": {"answers": {"9" * 5000: "left"}},
    "something else": {"mood": 1},
}


@pytest.mark.parametrize("kind", [*SAVED, *CHANGED])
def test_answers_that_cannot_be_read_are_named(small, tmp_path, kind):
    file = answers(tmp_path, "x.json", small, SAVED.get(kind), **CHANGED.get(kind, {}))
    done = prefer(tmp_path, file)
    assert isinstance(done.exception, PreferenceError), repr(done.exception)
    line = one_line(str(done.exception))
    assert str(file) in line and "next: " in line
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("rater", ["[/bold]", "\x1b[31mkim", "a\nb", "日本", "", "  "])
def test_a_rater_may_have_any_name(small, tmp_path, rater):
    done = prefer(tmp_path, answers(tmp_path, "x.json", small, rater=rater))
    assert done.exit_code == 0, repr(done.exception)
    assert "\x1b" not in done.output
    found = json.loads((tmp_path / "o" / "preference.json").read_text())["preferences"]
    assert list(found) == [f"rater {' '.join(rater.split()) or 'x'}"]


def test_two_files_of_one_rater_are_never_one_of_them(small, tmp_path):
    first = answers(tmp_path, "a.json", small)
    other = answers(tmp_path, "b.json", small, answers={"0": "right", "1": "tie"})
    done = prefer(tmp_path, first, other)
    assert f"{other} and {first} are both of a rater 'kim' and differ" in str(done.exception)
    same = answers(tmp_path, "c.json", small)
    done = prefer(tmp_path, first, same)
    assert done.exit_code == 0 and f"{same} says the same as {first}" in done.stderr
    found = json.loads((tmp_path / "o" / "preference.json").read_text())["preferences"]
    assert list(found) == ["rater kim"] and found["rater kim"]["pairs"] == 2

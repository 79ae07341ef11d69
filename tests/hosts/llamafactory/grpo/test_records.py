"""Lines after the step that a run resumes from are forgotten, half a line too."""

from pathlib import Path

from tag_plugin.hosts.llamafactory.grpo.records import StepFile


def test_keep_until(tmp_path: Path):
    file = StepFile(tmp_path / "out/log.jsonl")
    assert file.keep_until(3) is None
    for step in (1, 2, 2, 4):
        file.append([{"step": step, "text": "ü → \u2028"}])
    with file.path.open("a") as out:
        out.write('{"step": 3, "te')
    assert file.keep_until(3) == 2
    assert file.keep_until(3) == 2
    assert file.path.read_text(encoding="utf-8").count("\n") == 3
    assert file.keep_until(0) is None
    assert file.path.read_text() == ""

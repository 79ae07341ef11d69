"""Lines after the step that a run resumes from are forgotten, half a line too."""

from pathlib import Path

import pytest

from tag_plugin.hosts.llamafactory.grpo.step_file import StepFile


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


@pytest.mark.parametrize("end", [b'{"step": 3, "text": "\xe2\x86', b"\xe2", b'{"step": 3', b"{"])
def test_a_line_that_was_cut_in_a_character_goes_in_silence(
    end: bytes, tmp_path: Path, host_log: list[str]
):
    file = StepFile(tmp_path / "log.jsonl")
    file.append([{"step": 2, "text": "→"}])
    with file.path.open("ab") as out:
        out.write(end)
    assert file.keep_until(3) == 2
    assert file.path.read_text(encoding="utf-8") == '{"step": 2, "text": "→"}\n'
    assert host_log == []


FOREIGN = (b"\xe2\x86", b"[1]", b"null", b'{"step": "3"}', b'{"step": true}', b'{"step": NaN}',
           b'{"text": 1}', b"[" * 100_000)  # fmt: skip


@pytest.mark.parametrize("line", FOREIGN, ids=lambda line: str(line[:12]))
def test_a_line_that_no_run_wrote_is_left_out_and_named(
    line: bytes, tmp_path: Path, host_log: list[str]
):
    file = StepFile(tmp_path / "log.jsonl")
    file.path.write_bytes(b'{"step": 1}\n' + line + b'\n{"step": 2}\n{"step": 4}\n')
    assert file.keep_until(3) == 2
    assert file.path.read_bytes() == b'{"step": 1}\n{"step": 2}\n'
    (told,) = host_log
    assert told.startswith(f"1 lines left out, the first: {file.path}:2: ")
    file.begin()
    assert file.keep_until(3) is None

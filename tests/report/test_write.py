"""Which kind of report a directory gets."""

import pytest

from tag_plugin.report.write import ReportError, write_report
from tests.report.scripted import write_lines


def test_a_run_directory_gets_the_report_of_a_run(tmp_path):
    write_lines(tmp_path / "grpo_log.jsonl", [{"step": 1, "reward": 0.5}])
    write_report([tmp_path], tmp_path / "r.html")
    assert "GRPO run" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_other_directories_say_what_to_name(tmp_path):
    with pytest.raises(ReportError, match="--output_path"):
        write_report([tmp_path], tmp_path / "r.html")


def test_a_run_is_not_mixed_with_others(tmp_path):
    write_lines(tmp_path / "grpo_log.jsonl", [{"step": 1, "reward": 0.5}])
    with pytest.raises(ReportError, match="page of its own"):
        write_report([tmp_path, tmp_path], tmp_path / "r.html")

"""A disk that is full: the file is named, nothing half written takes a whole one's place."""

import resource
from contextlib import contextmanager

import pytest
from typer.testing import CliRunner

from tag_plugin.cli import app
from tag_plugin.data.rows import read_rows
from tests.pipeline.write.faces import write_detected


@contextmanager
def no_file_above(size):
    """The kernel refuses to let a file grow, as it does when the disk is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.parametrize("size", [0, 100, 2_000, 9_000])
def test_build_names_the_file_and_the_next_run_ends_as_if_nothing_had_been(tmp_path, size):
    directory = tmp_path / "ferplus"
    write_detected(directory, 8)
    with no_file_above(size):
        full = run("build", directory, "--workers", 1, "--support", "any")
    assert full.exit_code == 1
    assert str(directory) in str(full.exception)
    assert "next: make room, then the same command again" in str(full.exception)
    assert run("build", directory, "--workers", 1, "--support", "any").exit_code == 0
    assert len(list(read_rows(directory / "built" / "train.jsonl"))) == 8
    assert not list(directory.rglob("*.partial"))


@pytest.mark.parametrize("size", [0, 2_000])
def test_make_names_the_file(tmp_path, size):
    directory = tmp_path / "ferplus"
    write_detected(directory, 8)
    assert run("build", directory, "--workers", 1, "--support", "any").exit_code == 0
    with no_file_above(size):
        full = run("data", "make", directory)
    assert full.exit_code == 1
    assert str(directory / "dataset") in str(full.exception)
    assert "next: make room" in str(full.exception)
    assert not list(directory.rglob("*.partial"))

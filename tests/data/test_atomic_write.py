"""A file is whole or not there, whatever happens while it is written."""

import subprocess
import sys
from multiprocessing import get_context

import pytest

from tag_plugin.data.atomic_write import atomic_write, private_partial

KILLED = """
import os, signal, sys
from pathlib import Path
from tag_plugin.data.atomic_write import atomic_write
with atomic_write(Path(sys.argv[1])) as partial:
    partial.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_file_appears_when_the_block_ends_in_folders_made_for_it(tmp_path):
    path = tmp_path / "a" / "b.json"
    with atomic_write(path) as partial:
        partial.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("before", [None, "old"])
def test_after_an_error_all_is_as_it_was(tmp_path, before):
    path = tmp_path / "b.json"
    if before:
        path.write_text(before)
    with pytest.raises(KeyError), atomic_write(path) as partial:
        partial.write_text("half")
        raise KeyError
    assert [each.read_text() for each in tmp_path.iterdir()] == ([before] if before else [])


def test_a_killed_process_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "b.json"
    path.write_text("old")
    subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert path.read_text() == "old"
    with atomic_write(path) as partial:
        partial.write_text("new")
    assert path.read_text() == "new"


def test_no_two_processes_write_the_same_file(tmp_path):
    with get_context("spawn").Pool(2, maxtasksperchild=1) as pool:
        names = pool.map(private_partial, [tmp_path / "b.json"] * 2, chunksize=1)
    assert len({*names, private_partial(tmp_path / "b.json")}) == 3

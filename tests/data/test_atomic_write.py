"""A file is whole or not there, whatever happens while it is written."""

import os
import resource
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
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


def test_threads_that_write_one_path_do_not_disturb_each_other(tmp_path):
    path = tmp_path / "b.json"

    def write(number):
        with atomic_write(path) as partial:
            partial.write_text(str(number) * 1000)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(200)))
    assert len(set(path.read_text())) <= 3, "one writer's text, whole"
    assert list(tmp_path.iterdir()) == [path]


def test_the_next_run_removes_what_a_killed_one_left_and_nothing_else(tmp_path):
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "old.json")], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [each.suffix for each in tmp_path.iterdir()] == [".partial"]
    of_a_living_one = tmp_path / f"c.json.{socket.gethostname()}-{os.getppid()}-0.partial"
    of_another_machine = tmp_path / "c.json.elsewhere-1-0.partial"
    of_another_program = tmp_path / "c.json.partial"
    kept = {of_a_living_one, of_another_machine, of_another_program}
    for each in kept:
        each.touch()
    code = KILLED.replace("os.kill(os.getpid(), signal.SIGKILL)", "")
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "new.json")], check=True)
    assert set(tmp_path.iterdir()) == kept | {tmp_path / "new.json"}


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_others_may_read_it_as_the_umask_says(tmp_path, umask):
    before = os.umask(umask)
    try:
        with atomic_write(tmp_path / "b.json") as partial:
            partial.write_text("x")
    finally:
        os.umask(before)
    assert (tmp_path / "b.json").stat().st_mode & 0o777 == 0o666 & ~umask


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_is_no_file_is_not_replaced(tmp_path, make):
    make(tmp_path / "b")
    with pytest.raises(OSError, match="b is a folder, a pipe or a device; next: "):
        atomic_write(tmp_path / "b").__enter__()
    assert [each.name for each in tmp_path.iterdir()] == ["b"]


def test_a_name_as_long_as_names_may_be_is_written(tmp_path):
    path = tmp_path / ("é" * 125 + ".json")
    with atomic_write(path) as partial:
        partial.write_text("x")
    assert path.read_text() == "x"


def test_a_full_disk_is_an_error_that_names_the_file(tmp_path):
    path = tmp_path / "b.json"
    path.write_text("old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with (
            pytest.raises(OSError, match=r"next: make room.*b\.json"),
            atomic_write(path) as partial,
        ):
            partial.write_text("x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [each.read_text() for each in tmp_path.iterdir()] == ["old"]

import pytest

from tag_plugin.hosts import paths


@pytest.mark.parametrize("where", ["package/_shipped/tasks", "tasks"])
def test_tasks_are_found_in_a_wheel_and_in_a_checkout(tmp_path, monkeypatch, where):
    (tmp_path / where).mkdir(parents=True)
    monkeypatch.setattr(paths, "_PACKAGE", tmp_path / "package")
    assert paths.tasks_dir() == tmp_path / where


def test_missing_files_say_where_they_were_looked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "_PACKAGE", tmp_path / "package")
    with pytest.raises(FileNotFoundError, match=r"recipes/ folder is missing .*next: pip install"):
        paths.recipes_dir()


def test_copying_the_recipes_overwrites_nothing(tmp_path):
    out = paths.copy_recipes(tmp_path / "recipes")
    assert out == tmp_path / "recipes"
    with pytest.raises(FileExistsError):
        paths.copy_recipes(out)

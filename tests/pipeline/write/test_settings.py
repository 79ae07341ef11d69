"""A file and flags over it; whatever is wrong is named."""

import textwrap
from pathlib import Path

import pytest
import yaml

from tag_plugin.pipeline.write.settings import Price, WriterSettings, load_settings

FILE = "model: m\nbase_url: http://127.0.0.1:8000/v1\nprice: {input: 1}\nbudget: {tokens: 10}\n"


def stored(tmp_path, text=FILE):
    (tmp_path / "writer.yaml").write_text(text)
    return tmp_path / "writer.yaml"


def test_flags_win_and_a_budget_is_joined(tmp_path):
    found = load_settings(stored(tmp_path), {"model": "n", "mode": None, "budget": {"cost": 2.0}})
    assert (found.model, found.mode) == ("n", "insert")
    assert (found.budget.tokens, found.budget.cost) == (10, 2.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (FILE + "colour: red\n", "colour: Extra inputs"),
        (FILE + "mode: guess\n", "mode: Input should be 'insert' or 'verify'"),
        ("model: m\n", "needs base_url"),
        ("base_url: http://h/v1\n", "model: Field required"),
        (FILE.replace("http", "ftp"), "must begin with http"),
        (FILE.replace("127", "me:secret@127"), "must not hold a key"),
        (FILE.replace("v1", "v1?key=secret"), "must not hold a key"),
        ("model: [", "is not YAML"),
        ("- a\n", "must hold settings"),
        ("model: m\nbase_url: http://h/v1\nbudget: {cost: 1}\n", "needs price"),
    ],
)
def test_a_mistake_is_named_without_the_key(tmp_path, text, message):
    with pytest.raises(ValueError, match=message) as error:
        load_settings(stored(tmp_path, text), {})
    assert "secret" not in str(error.value)
    assert "\n" not in str(error.value)


def test_only_what_decides_the_rows_is_decisive():
    settings = WriterSettings(model="m", base_url="http://h/v1")
    same = {
        "base_url": "http://other:1/v1",
        "concurrency": 99,
        "timeout": 1,
        "budget": {"tokens": 1},
    }
    assert settings.decisive == WriterSettings(**{"model": "m", **same}).decisive
    for change in ({"mode": "verify"}, {"parameters": {}}, {"format_retries": 1}):
        assert (
            settings.decisive
            != WriterSettings(model="m", base_url="http://h/v1", **change).decisive
        )


def test_a_price_is_by_the_million():
    assert Price(input=2, output=10).of(500_000, 100_000) == pytest.approx(2.0)


def test_the_documented_defaults_are_the_real_ones():
    text = (Path(__file__).parents[3] / "docs" / "writers.md").read_text(encoding="utf-8")
    block = text[text.index("    writer: openai") : text.index("A model that thinks")]
    documented = yaml.safe_load(textwrap.dedent(block))
    assert set(documented) == set(WriterSettings.model_fields)
    found = WriterSettings.model_validate(documented)
    default = WriterSettings(model=found.model, base_url=found.base_url)
    examples = {"price": found.price, "budget": found.budget}
    assert found == default.model_copy(update=examples)

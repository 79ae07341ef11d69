"""A file and flags over it; whatever is wrong is named."""

import textwrap
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from tag_plugin.asking.request import AskingError
from tag_plugin.asking.settings import EndpointSettings, Price
from tag_plugin.pipeline.write.settings import WriterSettings, load_settings

BOMB = "model: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in pairwise("abcdefgh")
)
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
        ("model: [", r":\d: not YAML"),
        ("- a\n", "not a mapping"),
        ("model: m\nbase_url: http://h/v1\nbudget: {cost: 1}\n", "needs price"),
        ("7\n", "not a mapping"),
        ("5: m\n", "quote it"),
        ("[" * 3000, "YAML"),
        ("model: &a [*a]\n", "an alias inside"),
        (BOMB, "aliases followed"),
        (FILE + "api_key: secret\n", "api_key: Extra inputs"),
        (FILE + "model: [a, b]\n", "model: Input should be a valid string"),
        (FILE.replace("{tokens: 10}", "lots"), "budget: Input should be"),
        (FILE.replace("{tokens: 10}", "[1]"), "budget: Input should be"),
        (FILE.replace("{tokens: 10}", "{tokens: -1}"), r"budget\.tokens: "),
        (FILE.replace("{tokens: 10}", "{tokens: 10, hours: 3}"), r"budget\.hours: Extra"),
        (FILE.replace("{input: 1}", "5"), "price: Input should be"),
        (FILE.replace("{input: 1}", "{input: .nan}"), r"price\.input: "),
        (FILE.replace("8000", "99999"), "base_url: .*Port out of range"),
        (FILE.replace("8000", "eight"), "base_url: .*Port could not be cast"),
        (FILE.replace("http://127.0.0.1:8000/v1", "'http://[::1'"), "base_url: .*Invalid IPv6"),
        (FILE.replace("127.0.0.1:8000", ""), "must begin with http"),
        (FILE.replace("/v1", "/v 1"), "base_url: .*nothing else"),
        (FILE + "concurrency: 0\n", "concurrency: "),
        (FILE + "concurrency: 1000000000\n", "concurrency: "),
        (FILE + "concurrency: many\n", "concurrency: "),
        (FILE + "timeout: .inf\n", "timeout: "),
        (FILE + "timeout: -1\n", "timeout: "),
        (FILE + "min_iou: 2\n", "min_iou: "),
        (FILE + "min_iou: .nan\n", "min_iou: "),
        (FILE + "writer: local\n", "writer local: .*llamafactory-cli api, vLLM or SGLang"),
        (FILE + "batch_size: 8\ndevice: auto\n", "batch_size, device: .*no model runs in this"),
        (FILE + "parameters: [1]\n", "parameters: "),
        (FILE + "parameters: {temperature: .nan}\n", "parameters: .*cannot be sent as JSON"),
        (FILE + "parameters: {since: 2026-01-01}\n", "parameters: .*cannot be sent as JSON"),
        (FILE + "parameters: {max_tokens: lots}\n", "parameters: .*max_tokens must be"),
        (FILE + "parameters: {messages: []}\n", "parameters: .*messages is not a parameter"),
        (FILE + "x" * 2**20, "too long for settings"),
        (FILE + "".join(f"k{n}: secret\n" for n in range(40_000)), "and 39999 more"),
    ],
    ids=lambda text: text[-40:],
)
def test_a_mistake_is_named_without_the_key(tmp_path, text, message):
    with pytest.raises(ValueError, match=message) as error:
        load_settings(stored(tmp_path, text), {})
    assert "secret" not in str(error.value)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(f"{tmp_path / 'writer.yaml'}")
    assert len(str(error.value)) < len(str(tmp_path)) + 500


@pytest.mark.parametrize(
    "content",
    [FILE.encode("utf-16"), FILE.encode("utf-8-sig"), FILE.replace("\n", "\r\n").encode()],
    ids=["utf-16", "a mark", "crlf"],
)
def test_the_encoding_of_the_file_does_not_matter(tmp_path, content):
    (tmp_path / "writer.yaml").write_bytes(content)
    assert load_settings(tmp_path / "writer.yaml", {}) == load_settings(stored(tmp_path), {})


def test_bytes_that_are_no_text_are_named_with_the_file(tmp_path):
    (tmp_path / "writer.yaml").write_bytes(FILE.encode() + b"mode: \xff\n")
    with pytest.raises(ValueError, match=r"writer\.yaml:5: not UTF-8"):
        load_settings(tmp_path / "writer.yaml", {})


def test_a_name_that_is_no_text_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"writer\.yaml: model: "):
        load_settings(stored(tmp_path), {"model": "half \ud83d"})


@pytest.mark.parametrize("key", ["se\ncret", "sécret", "se\x1bcret"])
def test_a_key_with_characters_that_no_key_has_is_refused_and_not_shown(monkeypatch, key):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(AskingError, match="OPENAI_API_KEY holds characters") as error:
        assert EndpointSettings(model="m").key is None
    assert "cret" not in str(error.value)


def test_spaces_around_a_key_are_not_part_of_it(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", " key\n")
    assert EndpointSettings(model="m").key == "key"
    local = {"model": "m", "base_url": "http://h/v1", "api_key_env": "NO_SUCH_VARIABLE"}
    assert EndpointSettings(**local).key is None


def test_settings_without_a_value_are_those_that_were_not_given(tmp_path):
    found = load_settings(stored(tmp_path, FILE + "budget:\nprice:\nparameters:\n"), {})
    assert (found.budget.tokens, found.price, dict(found.parameters)) == (None, Price(), {})


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


def test_a_setting_that_does_nothing_any_more_is_named_and_passed_over(tmp_path, capsys):
    assert load_settings(stored(tmp_path, FILE + "backoff: 2\n"), {}).base_url
    assert "backoff does nothing any more" in capsys.readouterr().err


def test_a_price_is_by_the_million():
    assert Price(input=2, output=10).of(500_000, 100_000) == pytest.approx(2.0)


def test_the_documented_defaults_are_the_real_ones():
    text = (Path(__file__).parents[3] / "docs" / "writers.md").read_text(encoding="utf-8")
    block = text[text.index("    writer: openai") : text.index("openai's own client")]
    documented = yaml.safe_load(textwrap.dedent(block))
    assert set(documented) == set(WriterSettings.model_fields)
    found = WriterSettings.model_validate(documented)
    default = WriterSettings(model=found.model, base_url=found.base_url)
    examples = {"price": found.price, "budget": found.budget}
    assert found == default.model_copy(update=examples)

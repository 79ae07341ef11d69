"""Text of files reaches the terminal as text: it neither steers it nor breaks a table."""

import pytest
from rich.table import Table
from rich.text import Text

from tag_plugin.data.console import console, progress
from tag_plugin.data.terminal import echo, one_line, plain, warn

HOSTILE = [
    "\x1b[2J\x1b[31m",
    "\x1b]0;title\x07",
    "\x9b31m",
    "\u202egpj.exe",
    "\ud800",
    "\r",
    "\x08",
]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_no_way_out_lets_a_steering_character_through(text, capsys):
    echo(text)
    echo(text, err=True)
    warn(ValueError(text))
    table = Table(text, title=text, caption=text)
    table.add_row(text)
    table.add_row(Text(text))
    console().print(table)
    console(stderr=True).print(text)
    assert list(progress([1, 2], text)) == [1, 2]
    out, err = capsys.readouterr()
    assert text not in out + err.replace("\r\x1b[2K", "")
    assert not set(out) & set("\x1b\x9b\x07\u202e\ud800\r\x08")


@pytest.mark.parametrize("text", ["[/bold]", "[bold]x[/bold]", ":smile:", "\\[x]", "[link=a]b"])
def test_markup_stands_as_it_is_written(text, capsys):
    table = Table("name", title=text)
    table.add_row(text)
    console(width=60).print(table)
    assert list(progress([1], text)) == [1]
    assert capsys.readouterr().out.count(text) == 2


def test_lines_and_tabs_of_our_own_stay():
    assert plain("a\n\tb → “c”") == "a\n\tb → “c”"


def test_a_message_is_one_line_and_of_a_long_one_both_ends_are_seen():
    text = one_line("rows.jsonl:3:\nbad " + "x" * 1_000_000 + "\u2028; next: mend it")
    assert text.startswith("rows.jsonl:3: bad x") and text.endswith("x ; next: mend it")
    assert "characters left out" in text and len(text) < 1_600 and len(text.splitlines()) == 1

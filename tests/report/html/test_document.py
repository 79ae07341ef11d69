"""The page around the data: escaping, and a policy that allows its own script and style alone."""

import base64
import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tag_plugin.report.html.document import (
    SCRIPTS,
    STYLES,
    content_security_policy,
    json_block,
    write_page,
)

CONTEXT = {"contents": [], "blocks": []}


@given(st.text(alphabet=st.characters(), max_size=60))
def test_a_data_block_is_ascii_and_holds_one_element(text):
    block = str(json_block("x", {"text": text}))
    assert block.isascii()
    assert block.count("<") == block.count(">") == 2


def test_the_policy_allows_what_the_page_holds_and_nothing_else(tmp_path):
    write_page(tmp_path / "p.html", "base.html.j2", CONTEXT, STYLES, SCRIPTS)
    page = (tmp_path / "p.html").read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1]
    policy = policy.replace("&#39;", "'")
    for tag in ("script", "style"):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page)


def test_an_undefined_value_is_an_error_and_leaves_no_half_page(tmp_path):
    with pytest.raises(Exception, match="contents"):
        write_page(tmp_path / "p.html", "base.html.j2", {}, STYLES, SCRIPTS)
    assert not (tmp_path / "p.html").exists()


def test_the_policy_changes_with_the_script():
    assert content_security_policy("a", "b") != content_security_policy("a", "c")

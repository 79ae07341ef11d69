"""The bodies of real servers: a reply that can be stored, or the server's own words."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tag_plugin.asking.client import NoCompletionError, read_completion
from tag_plugin.asking.request import Reply

TOLD = {"prompt_tokens": 500, "completion_tokens": 90, "total_tokens": 590}


def body(content="calm", finish="stop", usage=TOLD, **message):
    choice = {"index": 0, "message": {"content": content, **message}, "finish_reason": finish}
    return json.dumps({"choices": [choice], "usage": usage}).encode()


@pytest.mark.parametrize(
    ("sent", "text", "finish"),
    [
        (body(), "calm", "stop"),
        (b"\n \n" + body(), "calm", "stop"),  # kept alive by white space
        (b"\xef\xbb\xbf" + body(), "calm", "stop"),  # a byte order mark
        (body([{"type": "text", "text": "ca"}, {"type": "text", "text": "lm"}]), "calm", "stop"),
        (body([{"type": "image"}, 7, {"type": "text", "text": "calm"}]), "calm", "stop"),
        (body("calm", reasoning_content="hm"), "calm", "stop"),
        (body(None, reasoning_content="calm"), "calm", "stop"),  # a parser that saw no end
        (body("", reasoning="calm"), "calm", "stop"),
        (body(None, "length", reasoning_content="hm"), "", "length"),
        (body(None, "content_filter"), "", "content_filter"),
        (body(None, refusal="I'm sorry."), "I'm sorry.", "refusal"),
        (body(None, "tool_calls", tool_calls=[{"id": "c"}]), "", "tool_calls"),
        (body(None), "", "stop"),
        (body(7), "", "stop"),
        (body("calm", None), "calm", ""),
        (body("calm", "\ud800"), "calm", "?"),
        (body("calm", "x" * 1000), "calm", "x" * 40),
    ],
)
def test_a_reply_is_read_from_every_shape(sent, text, finish):
    assert read_completion(sent) == Reply(text, finish, 500, 90)


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        (None, (None, None)),
        ({}, (None, None)),
        ([1], (None, None)),
        ({"prompt_tokens": 10**30, "completion_tokens": 1}, (None, 1)),
        ({"prompt_tokens": -1, "completion_tokens": True}, (None, None)),
        ({"prompt_tokens": float("nan"), "completion_tokens": "9"}, (None, None)),
    ],
)
def test_a_count_that_is_none_was_not_told(usage, counts):
    reply = read_completion(body(usage=usage))
    assert (reply.prompt_tokens, reply.completion_tokens) == counts


@pytest.mark.parametrize(
    ("sent", "status", "words"),
    [
        (b'{"error": {"message": "Rate limit exceeded", "code": 429}}', 429, "Rate limit exceeded"),
        (b'{"error": {"message": "flagged", "code": 403}, "choices": null}', 403, "flagged"),
        (b'{"error": {"message": "odd", "code": "rate_limit_exceeded"}}', 502, "odd"),
        (b'{"error": {"message": "odd", "code": 200}}', 502, "odd"),
        (b'{"error": "no model"}', 502, "no model"),
        (b'{"error": {"message": ["x"]}}', 502, "an error"),
        (b'{"choices": []}', 502, "no chat completion: IndexError"),
        (b'{"detail": "loading"}', 502, "no chat completion: KeyError"),
        (b"data: {}\n\ndata: [DONE]\n\n", 502, "no chat completion: JSONDecodeError"),
    ],
)
def test_whatever_else_comes_is_an_error_with_its_words(sent, status, words):
    with pytest.raises(NoCompletionError) as error:
        read_completion(sent)
    assert (error.value.status, str(error.value)) == (status, words)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "error", "usage", "text"]), inside
        )
    ),
    max_leaves=20,
)


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_reply_or_an_error(sent):
    try:
        assert isinstance(read_completion(sent), Reply)
    except NoCompletionError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply("calm", "stop"), None),
        (Reply("", "stop"), None),  # another seed may say more
        (Reply("cal", "length"), None),  # asked to be shorter, it may fit
        (Reply("", "length"), "all of max_tokens went into reasoning"),
        (Reply(" \n", "content_filter"), "content_filter"),
        (Reply("", "tool_calls"), "tool_calls"),
        (Reply("I'm\nsorry \ud800", "refusal"), "the model refuses: I'm sorry ?"),
    ],
)
def test_what_cannot_get_better_is_named(reply, reason):
    assert (reply.hopeless or "None").startswith(str(reason)) or str(reason) in reply.hopeless

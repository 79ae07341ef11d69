import pytest

from tag_plugin.facs.emotions import LABEL_SETS, LabelSet, canonical_emotion, label_set


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sadness", "sadness"),
        (" Sad ", "sadness"),
        ("**Happy**.", "happiness"),
        ('"angry"', "anger"),
        ("(fear)", "fear"),
        ("not happy", None),
        ("happy or sad", None),
        ("happinesss", None),
        ("", None),
        ("sad" * 10_000, None),
    ],
)
def test_only_a_declared_name_is_read_as_an_emotion(text, expected):
    assert canonical_emotion(text) == expected


@pytest.mark.parametrize(
    ("name", "size", "first", "last"),
    [
        ("rafdb", 7, "surprise", "neutral"),
        ("ferplus", 8, "neutral", "contempt"),
        ("affectnet7", 7, "neutral", "anger"),
        ("affectnet8", 8, "neutral", "contempt"),
        ("synth", 7, "neutral", "anger"),
    ],
)
def test_label_sets_follow_the_published_order(name, size, first, last):
    labels = LABEL_SETS[name].labels
    assert (len(labels), labels[0], labels[-1]) == (size, first, last)


def test_a_label_outside_the_set_is_no_label_of_it():
    assert label_set("rafdb").canonical("contempt") is None
    assert label_set("ferplus").canonical("contempt") == "contempt"


def test_a_label_set_refuses_unknown_and_repeated_labels():
    for labels in (("joyous",), ("fear", "fear")):
        with pytest.raises(ValueError, match="unknown or repeated"):
            LabelSet("mine", labels)


def test_an_unknown_label_set_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match="known: rafdb, ferplus"):
        label_set("fer")

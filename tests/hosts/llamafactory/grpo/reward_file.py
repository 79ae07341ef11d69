"""Rewards of a user's own, as `file.py:function`; those after NOT_A_FUNCTION are wrong."""

import numpy as np


def short(completions, **_):
    """1 for an empty completion, less the longer it is."""
    return [1 / (1 + len(text)) for text in completions]


def vowels(completions, letters="aeiou", **_):
    return [sum(text.count(each) for each in letters) / (1 + len(text)) for text in completions]


def names_the_number(completions, solution, tag_row, **_):
    """For the plain data only, to show that the data set's own answer travels along."""
    return [
        None if row else float(text[-2:] in answer)
        for text, answer, row in zip(completions, solution, tag_row, strict=True)
    ]


def best_at_step_2(completions, trainer_state, **_):
    return [1 / (1 + abs(trainer_state.global_step - 2)) for _ in completions]


def never_applies(completions, **_):
    return [None for _ in completions]


def any_number(completions, **_):
    return np.array([0.5, None, True], dtype=object)[: len(completions)]


NOT_A_FUNCTION = 3


def no_keywords(completions):
    return [0.0 for _ in completions]


def needs_more(completions, ground_truth, **_):
    return [0.0 for _ in completions]


def too_few(completions, **_):
    return [1.0]


def one_number(completions, **_):
    return 1.0


def words(completions, **_):
    return ["good" for _ in completions]


def not_a_number(completions, **_):
    return [0.0, float("nan")]


def raises(completions, **_):
    return [1 / len(text[1:]) for text in completions]

"""Rewards of a user's own, as `file.py:function`."""


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


NOT_A_FUNCTION = 3

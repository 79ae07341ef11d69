"""A reward file that also makes a completion's draws depend on its place in its group alone.

torch draws for a whole batch at once, so that another number of processes would write other
completions. Here every row draws by the Gumbel trick from a generator of its own.
"""

import os

import torch

GROUP = 4
_drawn = 0


def draw(probabilities, num_samples, **_):
    """Stands in for torch.multinomial in the run that loads this file as its reward."""
    assert num_samples == 1
    rows = [
        torch.rand(probabilities.shape[1], generator=torch.Generator().manual_seed(_seed(index)))
        for index in range(len(probabilities))
    ]
    noise = -torch.log(-torch.log(torch.stack(rows).clamp(1e-9, 1 - 1e-9)))
    return (probabilities.clamp_min(1e-30).log() + noise).argmax(dim=1, keepdim=True)


def _seed(index):
    global _drawn
    _drawn += index == 0
    return _drawn * GROUP + index % GROUP


if "TAG_TEST_SAME_DRAWS" in os.environ:  # not in pytest's own process, which imports every file
    torch.multinomial = draw


def vowels(completions, **_):
    return [sum(text.count(each) for each in "aeiou") / (1 + len(text)) for text in completions]

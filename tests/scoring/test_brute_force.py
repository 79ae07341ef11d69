"""The judge against the plain second one; `benchmarks/judge_brute_force.py` tries 60,000 cases."""

from random import Random

from benchmarks.judge_brute_force import completion, disagreement, expected, random_case


def test_the_judge_agrees_with_a_second_one_that_tries_every_pairing():
    random = Random(1)
    cases = [random_case(random) for _ in range(1000)]
    assert [found for found in map(disagreement, cases) if found] == []
    graded = [expected(case)[0] for case in cases]
    assert len({value for value in graded if value is not None}) > 100, "all kinds of scores"
    assert None in graded
    assert max(len(completion(case).splitlines()) for case in cases) == 14

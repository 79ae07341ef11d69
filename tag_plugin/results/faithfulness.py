"""How often an answer flips when its cited boxes are masked, beyond what masking alone does."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tag_plugin.results.masking import paired_samples
from tag_plugin.results.reader import TaskRun
from tag_plugin.results.record import ResultsError
from tag_plugin.scoring.estimates import Estimate, estimate
from tag_plugin.scoring.record import JudgedSample
from tag_plugin.scoring.statistics import McNemar, mcnemar, resampled_sums


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """Flip rates with intervals, their paired difference cited - random, and McNemar's test.

    `to_unparsable` are the shares of flips after which no answer could be read.
    """

    n: int
    cited: Estimate
    random: Estimate
    difference: Estimate
    mcnemar: McNemar
    cited_to_unparsable: float
    random_to_unparsable: float


def faithfulness(original: TaskRun, cited: TaskRun, random: TaskRun) -> Faithfulness:
    """Compare a run with the same model's runs on its masked faces.

    Raises:
        ResultsError: the runs are of other models or questions, or share no item.
    """
    _require_one_model(original, cited, random)
    paired = paired_samples(original.samples(), cited.samples(), random.samples())
    triples = [triple for triple in paired if triple[0].prediction is not None]
    if not triples:
        raise ResultsError(
            f"{original.results_file} and {cited.results_file} share no answered item; next: "
            f"tag-plugin mask {original.results_file} again"
        )
    return flips(triples)


def flips(triples: Sequence[tuple[JudgedSample, ...]]) -> Faithfulness:
    """From (original, cited masked, random masked) of each face."""
    changed = np.array(
        [[one.prediction != masked.prediction for masked in others] for one, *others in triples],
        dtype=np.float64,
    )
    columns = np.column_stack([changed, changed[:, 0] - changed[:, 1]])
    sums = resampled_sums(columns) / len(triples)
    every = (estimate(columns[:, k].mean(), sums[:, k]) for k in range(3))
    cited, random, difference = filter(None, every)  # flips are always defined
    lost = [[others[k].prediction is None for _, *others in triples] for k in range(2)]
    return Faithfulness(
        n=len(triples),
        cited=cited,
        random=random,
        difference=difference,
        mcnemar=mcnemar(list(changed[:, 0] > 0), list(changed[:, 1] > 0)),
        cited_to_unparsable=float(np.mean(lost[0])),
        random_to_unparsable=float(np.mean(lost[1])),
    )


def _require_one_model(original: TaskRun, *masked: TaskRun) -> None:
    for run in masked:
        for what, one, two in (
            ("model", original.model, run.model),
            ("weights", original.stated.weights, run.stated.weights),
            ("prompt_hash", original.protocol.prompt_hash, run.protocol.prompt_hash),
            ("model_input", original.protocol.model_input, run.protocol.model_input),
            ("decoding", original.protocol.decoding, run.protocol.decoding),
        ):
            if one != two:
                raise ResultsError(
                    f"{original.results_file} and {run.results_file} differ in {what}: {one} | "
                    f"{two}; next: evaluate the masked faces with the same model and options"
                )

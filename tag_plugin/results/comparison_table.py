"""Comparisons and masking experiments as text for people."""

from rich.table import Table

from tag_plugin.results.compare import Comparison
from tag_plugin.results.faithfulness import Faithfulness
from tag_plugin.results.table import interval_text


def comparison_table(found: Comparison) -> Table:
    """Second - first with intervals and p, under the protocol of both."""
    names = f"A = {found.first.results_file}\nB = {found.second.results_file}"
    across = "".join(
        f"\nacross {name}: {one} | {two}" for name, (one, two) in found.allowed.items()
    )
    notes = "".join(f"\n{note}" for note in found.notes)
    title = f"{found.first.protocol.name}   n = {found.n}\n{names}{across}{notes}"
    table = Table(title=title, title_justify="left")
    for column in ("metric", "A", "B", "B - A", "p", "better"):
        table.add_column(column, justify="left" if column in ("metric", "better") else "right")
    better = {"first": "A", "second": "B", "undecided": "-"}
    for name, difference in found.differences.items():
        one, two = (run.summary.metrics.get(name) for run in (found.first, found.second))
        interval = difference.interval
        text = f"{difference.difference:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"
        table.add_row(
            name,
            f"{one.value:.3f}" if one else "-",
            f"{two.value:.3f}" if two else "-",
            text,
            f"{difference.p_value:.4f}",
            better[found.verdict(name)],
        )
    return table


def mcnemar_line(found: Comparison) -> str:
    """McNemar's test of the right answers, in one sentence."""
    test = found.mcnemar
    kind = "exact" if test.exact else "chi-squared, corrected"
    return (
        f"McNemar ({kind}): only A right on {test.only_first} items, only B on "
        f"{test.only_second}, p = {test.p_value:.4f}"
    )


def faithfulness_table(found: Faithfulness) -> Table:
    """Flip rates, and their difference with its interval."""
    table = Table(title=f"answers that flip, of {found.n} faces")
    table.add_column("masked")
    table.add_column("flip rate", justify="right")
    table.add_column("to unparsable", justify="right")
    for name, estimate, lost in (
        ("boxes that the model cited", found.cited, f"{found.cited_to_unparsable:.3f}"),
        ("random boxes of the same size", found.random, f"{found.random_to_unparsable:.3f}"),
        ("cited - random", found.difference, "-"),
    ):
        table.add_row(name, interval_text(estimate), lost)
    table.caption = f"McNemar p = {found.mcnemar.p_value:.4f}"
    return table

"""Numbers as text for people: tables with intervals, the protocol's fingerprint in each title."""

from rich.console import JustifyMethod
from rich.table import Table

from tag_plugin.results.compare import Comparison
from tag_plugin.results.faithfulness import Faithfulness
from tag_plugin.results.moving import Movement
from tag_plugin.results.protocol import Protocol
from tag_plugin.results.redrawn import REDRAWN_METRICS
from tag_plugin.results.summary import Summary
from tag_plugin.scoring.estimates import Estimate
from tag_plugin.scoring.metrics import METRICS


def interval_text(estimate: Estimate) -> str:
    """`0.880 [0.842, 0.915]`, with a star where a class of few faces makes it unsure."""
    star = " *" if estimate.few else ""
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]{star}"


def summary_table(protocol: Protocol, summary: Summary) -> Table:
    """One task's metrics with intervals, by class and by subgroup."""
    table = Table(title=f"{protocol.name}   n = {summary.n}   failed = {summary.failed}")
    table.add_column("metric")
    table.add_column(f"{summary.bootstrap.level:.0%} interval", justify="right")
    names = [name for metric in METRICS.values() for name in metric.names(summary.labels)]
    for name in (*names, *REDRAWN_METRICS):
        if name in summary.metrics:
            table.add_row(name, interval_text(summary.metrics[name]))
    for attribute, groups in summary.subgroups.items():
        for value, group in groups.items():
            accuracy = group.metrics.get("accuracy")
            label = f"accuracy, {attribute} {value} (n = {group.n})"
            table.add_row(label, interval_text(accuracy) if accuracy else "-")
    table.caption = "\n".join(summary.notes) or None
    table.caption_justify = "left"
    return table


def comparison_table(found: Comparison) -> Table:
    """Second - first with intervals and p, under the protocol of both."""
    names = f"A = {found.first.results_file}\nB = {found.second.results_file}"
    across = "".join(
        f"\nacross {name}: {one} | {two}" for name, (one, two) in found.allowed.items()
    )
    notes = "".join(f"\n{note}" for note in found.notes)
    title = f"{found.first.protocol.name}   n = {found.n}\n{names}{across}{notes}"
    # Without rules a line fits into 80 columns.
    table = Table(
        title=title, title_justify="left", box=None, collapse_padding=True, pad_edge=False
    )
    for column in ("metric", "A", "B", "B - A", "p", "Holm", "better"):
        justify: JustifyMethod = "left" if column in ("metric", "better") else "right"
        table.add_column(column, justify=justify, no_wrap=True)
    better = {"first": "A", "second": "B", "undecided": "-"}
    for name, difference in found.tests.differences.items():
        values = [run.summary.metrics.get(name) for run in (found.first, found.second)]
        interval = difference.interval
        star = " *" if any(each and each.few for each in values) else ""
        table.add_row(
            f"{name}{star}",
            *(f"{each.value:.3f}" if each else "-" for each in values),
            f"{difference.difference:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]",
            f"{difference.p_value:.3f}",
            f"{found.tests.adjusted[name]:.3f}",
            better[found.tests.verdict(name)],
        )
    table.caption_justify = "left"
    table.caption = (
        f"Holm: p adjusted for the {len(found.tests.differences)} tests of this table; it "
        "decides what is better; the p of accuracy is McNemar's; * unsure: a class of few faces"
    )
    return table


def mcnemar_line(found: Comparison) -> str:
    """McNemar's test of the right answers, in one sentence."""
    test = found.tests.mcnemar
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
        ("as much in AU regions not cited", found.uncited, f"{found.uncited_to_unparsable:.3f}"),
        ("cited - not cited", found.difference, "-"),
    ):
        table.add_row(name, interval_text(estimate), lost)
    table.caption = f"McNemar p = {found.mcnemar.p_value:.4f}"
    return table


def movement_table(name: str, found: Movement) -> Table:
    """How boxes and claims follow a picture that is mirrored or shifted."""
    table = Table(title=f"{name} pictures of {found.n} faces")
    table.add_column("on the moved picture")
    table.add_column("95% interval", justify="right")
    for title, estimate in (
        ("boxes follow: (moved - stay) / (1 - stay)", found.follows),
        ("IoU with the old boxes moved", found.moved),
        ("IoU if the boxes stay", found.still),
        ("same AUs claimed (Dice)", found.units),
        ("same answer", found.answers),
    ):
        table.add_row(title, interval_text(estimate) if estimate else "-")
    return table

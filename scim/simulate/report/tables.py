"""The outcome as tables for people."""

from collections import Counter

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from scim.simulate.job.journal import Action, Failed
from scim.simulate.report.outcome import Outcome, Plan
from scim.simulate.report.readback import DELETED
from scim.simulate.source.mapping import ENTERPRISE

_SHOWN = 20


def show(plan: Plan, outcome: Outcome, console: Console) -> None:
    """Print the provisioning log, the requests, the failures, the differences and the verdict."""
    if outcome.equal is not None:
        console.print(_log(outcome))
        _details(outcome, console)
    console.print(_requests(outcome))
    if outcome.journal.failures:
        console.print(_failures(outcome.journal.failures))
    if outcome.differences:
        console.print(_differences(outcome))
        console.print(f"Differences: {escape(_by_attribute(outcome))}.", soft_wrap=True)
    for remark, count in outcome.measures.remarks.most_common():
        console.print(f"Remark: {escape(remark)} ({count} times)", soft_wrap=True)
    _verdict(plan, outcome, console)


def _log(outcome: Outcome) -> Table:
    table = Table(title="Provisioning log")
    table.add_column("")
    for action in Action:
        table.add_column(action.capitalize(), justify="right")
    for subject, counts in outcome.journal.summary().items():
        table.add_row(subject.capitalize(), *(str(counts[str(action)] or "") for action in Action))
    return table


def _details(outcome: Outcome, console: Console) -> None:
    journal = outcome.journal
    console.print(f"Members added {journal.members_added}, removed {journal.members_removed}.")
    for reason, count in journal.skipped.most_common():
        console.print(f"Skipped {count}: {escape(reason)}", soft_wrap=True)
    events: Counter[str] = Counter()
    for report in outcome.cycles:
        events.update(report.events)
    happened = ", ".join(f"{count} {event}" for event, count in events.items()) or "nothing changed in the source"
    hours = outcome.cycles[-1].hour
    console.print(f"{len(outcome.cycles)} cycles over {hours:.1f} simulated hours: {happened}.", soft_wrap=True)


def _requests(outcome: Outcome) -> Table:
    table = Table(title="Requests")
    for name in ("Kind", "Count", "p50 ms", "p99 ms", "Answers"):
        table.add_column(name, justify="left" if name in ("Kind", "Answers") else "right")
    for kind, figures in sorted(outcome.measures.kinds.items()):
        summary = figures.summary()
        answers = ", ".join(_answers(kind, status, count) for status, count in summary["statuses"].items())
        table.add_row(kind, str(summary["count"]), f"{summary['p50_ms']}", f"{summary['p99_ms']}", answers)
    return table


def _answers(kind: str, status: str, count: int) -> str:
    expected = " as expected" if kind.startswith(DELETED) and status == "404" else ""
    return f"{status}: {count}{expected}"


def _failures(failures: list[Failed]) -> Table:
    table = Table(title=f"Failures ({len(failures)}), by reason")
    for name in ("Count", "About", "Reason", "Status", "Detail", "For example"):
        table.add_column(name, overflow="fold")
    grouped: dict[tuple[str, str, str, str], list[Failed]] = {}
    for failure in failures:
        status = str(failure.status or "none")
        grouped.setdefault((str(failure.subject), failure.code, status, failure.detail[:60]), []).append(failure)
    by_count = sorted(grouped.items(), key=lambda item: -len(item[1]))
    for (subject, code, status, _), group in by_count[:_SHOWN]:
        example = group[0]
        table.add_row(str(len(group)), subject, code, status, escape(example.detail), escape(example.name))
    return table


def _differences(outcome: Outcome) -> Table:
    total = len(outcome.differences)
    shown = f", the first {_SHOWN}" if total > _SHOWN else ""
    table = Table(title=f"Differences ({total}{shown})")
    for name in ("About", "Name", "Attribute", "Directory", "Endpoint"):
        table.add_column(name, overflow="fold")
    for one in outcome.differences[:_SHOWN]:
        words = (one.name, _short(one.attribute), one.expected, one.found)
        table.add_row(str(one.subject), *(escape(word) for word in words))
    return table


def _short(attribute: str) -> str:
    return attribute.replace(ENTERPRISE, "enterprise")


def _by_attribute(outcome: Outcome) -> str:
    """Return how many differences there are of each attribute, for the rows that the table leaves out."""
    counts = Counter(_short(one.attribute) or f"whole {one.subject}" for one in outcome.differences)
    return ", ".join(f"{count} {attribute}" for attribute, count in counts.most_common())


def _verdict(plan: Plan, outcome: Outcome, console: Console) -> None:
    measures = outcome.measures
    if measures.throttled or measures.unavailable:
        answers = f"{measures.throttled} answers 429 and {measures.unavailable} answers 503"
        console.print(f"Tried again after {answers}, {measures.waited:.1f} s waited.")
    if outcome.quarantines:
        reason = escape(outcome.quarantine_reason) or "lifted since"
        console.print(f"Quarantined {outcome.quarantines} times: {reason}.", soft_wrap=True)
    if outcome.waiting or outcome.given_up:
        console.print(f"{outcome.waiting} objects still wait for a retry, {outcome.given_up} were given up.")
    if outcome.findings.left_over:
        left = f"{outcome.findings.left_over} resources of an earlier run with this seed are left"
        console.print(f"{left}; --clean-only deletes them.")
    if outcome.findings.orphans:
        lost = f"{outcome.findings.orphans} resources stem from creations whose answer was lost"
        console.print(f"{lost}, and whose source changed before the retry.")
    if outcome.equal is not None:
        read = f"{outcome.findings.read} resources read back from {plan.wire.base}"
        word = "Equal" if outcome.equal else f"Not equal, {len(outcome.differences)} differences"
        console.print(f"[bold]{word}[/bold]: {escape(read)}.", soft_wrap=True)
    if outcome.cleaned is not None:
        console.print(f"Deleted {outcome.cleaned} resources, {outcome.clean_failures} could not be deleted.")

"""Results as tables for a terminal, and as JSON for machines.

The table of a check has a row for each program and a column for each class of configurations; a cell is the number of judged pairs (input ×
configuration) when all agree, and agreed/judged when not. What lies behind a cell that is not whole is listed below the table, in full.
"""

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fuzz.tally import Result, Summary, summarise
from fuzz.verdict import Verdict
from jit import options
from jit.config import BASE_CONFIGS, Config


def _any_of(*isas: str) -> frozenset[str]:
    return frozenset(isas)


_BEFORE_RELEASES = _any_of("mips1", "mips2", "mips3", "mips4", "mips5")

CLASSES: tuple[tuple[str, Callable[[Config], bool]], ...] = (
    ("o32\nI II", lambda c: c.width == 32 and not c.cpu_64 and c.isa in _BEFORE_RELEASES),
    ("o32\n32r1-r5", lambda c: c.width == 32 and not c.cpu_64 and c.isa[-2:] in ("r1", "r2", "r3", "r5")),
    ("o32\n32r6", lambda c: c.width == 32 and not c.cpu_64 and c.isa.endswith("r6")),
    ("o32\nIII-V", lambda c: c.width == 32 and c.cpu_64 and c.isa in _BEFORE_RELEASES),
    ("o32\n64r1-r5", lambda c: c.width == 32 and c.cpu_64 and c.isa[-2:] in ("r1", "r2", "r3", "r5")),
    ("o32\n64r6", lambda c: c.width == 32 and c.cpu_64 and c.isa.endswith("r6")),
    ("n64\nIII-V", lambda c: c.width == 64 and c.isa in _BEFORE_RELEASES),
    ("n64\n64r1-r5", lambda c: c.width == 64 and c.isa[-2:] in ("r1", "r2", "r3", "r5")),
    ("n64\n64r6", lambda c: c.width == 64 and c.isa.endswith("r6")),
)
"""The columns: ABI over the ISAs that run it. Each configuration is in exactly one."""


def class_of(config: Config) -> int:
    """The number of the configuration's column."""
    return next(number for number, (_, holds) in enumerate(CLASSES) if holds(config))


@dataclasses.dataclass(slots=True)
class _Row:
    versions: set[str] = dataclasses.field(default_factory=set)
    agreed: Counter[int] = dataclasses.field(default_factory=Counter)
    judged: Counter[int] = dataclasses.field(default_factory=Counter)
    troubled: bool = False

    def add(self, result: Result) -> None:
        self.versions.add(result.version)
        self.troubled |= bool(result.findings or result.wrong or result.failure or result.inconclusive or result.unusable)
        for config, count in result.judged.items():
            self.judged[class_of(config)] += count
            self.agreed[class_of(config)] += result.agreed.get(config, 0)

    def cells(self, columns: Sequence[int]) -> Iterator[str]:
        for column in columns:
            judged, agreed = self.judged[column], self.agreed[column]
            yield "-" if not judged else str(judged) if judged == agreed else f"[red]{agreed}/{judged}[/red]"


def _table(results: Sequence[Result]) -> Table:
    rows: dict[str, _Row] = {}
    orders = {"little": _Row(), "big": _Row()}
    for result in results:
        rows.setdefault(result.name, _Row()).add(result)
        orders[result.byte_order].add(result)
    columns = sorted({class_of(config) for result in results for config in result.judged})
    versions = any(row.versions != {""} for row in rows.values())
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("program", no_wrap=True)
    if versions:
        table.add_column("versions", no_wrap=True)
    for column in columns:
        table.add_column(CLASSES[column][0], justify="right", no_wrap=True)
    for name, row in sorted(rows.items()):
        span = [" ".join(sorted(row.versions))] if versions else []
        name = escape(name)
        table.add_row(f"[red]{name}[/red]" if row.troubled else name, *span, *row.cells(columns))
    table.add_section()
    for order, row in orders.items():
        if row.versions:
            table.add_row(f"{order}-endian", *([""] if versions else []), *row.cells(columns))
    return table


def print_results(results: Sequence[Result], seconds: float, notes: Sequence[str], output: Console | None = None) -> None:
    """The table, every finding, and the summary, on standard output; in colour where that is a terminal."""
    console = output or _console()
    if any(result.judged for result in results):
        console.print(_table(results))
        console.print()
    for line in findings(results):
        console.print(line, markup=False)
    for line in (*_packets(results), *_by_axis_judged(results), *_summary(summarise(results), seconds, notes)):
        console.print(line, markup=False)


def findings(results: Sequence[Result]) -> Iterator[str]:
    """Everything that is not agreement. Runs of a program that differ in the same way are put together, with their configurations."""
    for result in sorted(results, key=lambda result: (result.name, result.source, result.section, result.byte_order)):
        where = f"{result.source}: {result.section}"
        for line in result.wrong:
            yield f"WRONG {where}: {line}"
        if result.failure:
            yield f"FAILURE {where}: {result.byte_order}-endian: {result.failure}"
        groups: dict[tuple[int, str], list[Verdict]] = {}
        for verdict in result.findings:
            details = "\n".join(f"    {detail}" for detail in (*verdict.differences, *verdict.trips))
            groups.setdefault((verdict.input, details), []).append(verdict)
        for (number, details), verdicts in groups.items():
            configs = " ".join(str(verdict.config) for verdict in verdicts)
            yield f"{verdicts[0].status.name} {where}: input {number} on {configs}"
            yield details
            for verdict in verdicts:
                if verdict.explanation:
                    yield f"    on {verdict.config}:"
                    yield "\n".join(f"      {line}" for line in verdict.explanation.splitlines())


_XDP_ACTIONS = ("XDP_ABORTED", "XDP_DROP", "XDP_PASS", "XDP_TX", "XDP_REDIRECT")


def _packets(results: Sequence[Result]) -> Iterator[str]:
    """What each program does with the packets: how many it accepts, or its actions; with the byte order where that makes a difference."""
    lines: dict[str, dict[str, str]] = {}
    for result in sorted(results, key=lambda result: result.name):
        if not result.returned:
            continue
        if result.context == "xdp":
            names = {value: _XDP_ACTIONS[value] if value < len(_XDP_ACTIONS) else str(value) for value in sorted(result.returned)}
            what = f"returns {', '.join(f'{names[value]} for {result.returned[value]}' for value in names)}"
        else:
            what = f"accepts {sum(count for value, count in result.returned.items() if value)}"
        key = f"{result.version + ' ' if result.version else ''}on {result.byte_order}-endian machines"
        lines.setdefault(result.name, {})[key] = f"{what} of {result.inputs} packets"
    for name, different in lines.items():
        if len(set(different.values())) == 1:
            yield f"{name} {next(iter(different.values()))}"
        else:
            yield from (f"{name} {what}, {where}" for where, what in different.items())


def _summary(summary: Summary, seconds: float, notes: Sequence[str]) -> Iterator[str]:
    programs = f"programs {summary.programs}, versions {summary.versions}, inputs {summary.inputs}"
    yield f"{programs}, configurations {summary.configurations}, {seconds:.1f} s"
    yield f"judged        {summary.judged} (program × input × configuration)"
    repeated = f", {summary.repeated} of them not run: the same image agrees on the same CPU of the emulator" if summary.repeated else ""
    yield f"AGREE         {summary.agree}{repeated}"
    yield f"DIFFER        {summary.differ}"
    yield f"TRIPPED       {summary.tripped}"
    if summary.engine:
        yield f"ENGINE        {summary.engine} pairs on which the engines disagree"
    yield f"INCONCLUSIVE  {sum(summary.inconclusive.values())}"
    for reason, count in summary.inconclusive.items():
        yield f"    {count} {reason}"
    if summary.wrong:
        yield f"WRONG         {summary.wrong} runs of the oracle are at odds with the answer"
    if summary.failures:
        yield f"FAILURE       {summary.failures} programs could not be judged to the end"
    if summary.expected_errors:
        yield f"expected errors  {summary.expected_errors}"
    for reason, count in summary.unseen.items():
        yield f"of the judged not watched to the end  {count}: {reason}"
    images = summary.images
    if images.compiled < images.wanted:
        compiled = f"{images.compiled} compilations, those with other keys and addresses among them; {images.checked} more as a check, all the same"
        yield f"images        {images.wanted} (program × configuration): {compiled}; {images.run} run"
    yield from notes


def results_json(results: Sequence[Result], seconds: float, refused: Sequence[str], notes: Sequence[str]) -> str:
    """One document: the summary, and each result with its counts by configuration and its findings."""
    document = {
        "summary": dataclasses.asdict(summarise(results)) | {"seconds": round(seconds, 3)},
        "refused": list(refused),
        "notes": list(notes),
        "results": [_result(result) for result in results],
    }
    return json.dumps(document, indent=1)


def _result(result: Result) -> dict[str, Any]:
    return {
        "name": result.name,
        "version": result.version,
        "source": result.source,
        "section": result.section,
        "byte_order": result.byte_order,
        "inputs": result.inputs,
        "configurations": {str(config): {"judged": count, "agreed": result.agreed.get(config, 0)} for config, count in result.judged.items()},
        "findings": [_verdict(verdict) for verdict in result.findings],
        "inconclusive": [_verdict(verdict) for verdict in result.inconclusive],
        "wrong": list(result.wrong),
        "failure": result.failure,
        "expected_errors": result.expected_errors,
        "unusable": result.unusable,
        "images": dataclasses.asdict(result.images),
        "context": result.context,
        "returned": {str(value): count for value, count in sorted(result.returned.items())},
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "status": verdict.status.value,
        "configuration": str(verdict.config),
        "input": verdict.input,
        "differences": [dataclasses.asdict(difference) for difference in verdict.differences],
        "trips": [dataclasses.asdict(trip) for trip in verdict.trips],
        "reason": verdict.reason,
        "explanation": verdict.explanation,
    }


def _console() -> Console:
    """Standard output. Its width is fixed, because a cell that is cut off is worth nothing: a narrow terminal breaks the lines."""
    return Console(highlight=False, soft_wrap=True, width=200)


def _facts(config: Config, cpu_model: str) -> dict[str, Any]:
    return {
        "name": str(config),
        "isa": config.isa,
        "width": config.width,
        "abi": "n64" if config.width == 64 else "o32",
        "byte_order": "big" if config.big_endian else "little",
        "cpu": config.cpu,
        "options": list(config.options),
        "cpu_model": cpu_model,
    }


def print_configs(configs: Sequence[tuple[Config, str]]) -> None:
    """A line for each configuration with its CPU model, and their number; where there is more than the base ones, numbers by axis as well."""
    headings = ("configuration", "ISA", "width", "ABI", "byte order", "CPU model")
    keys = ("name", "isa", "width", "abi", "byte_order", "cpu_model")
    rows = [tuple(str(facts[key]) for key in keys) for facts in (_facts(config, cpu_model) for config, cpu_model in configs)]
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    console = _console()
    for row in (headings, *rows):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        console.print(line, markup=False, style="bold" if row is headings else None)
    console.print(f"{len(configs)} configurations")
    if any(config not in BASE_CONFIGS for config, _ in configs):
        for line in _by_axis([config for config, _ in configs]):
            console.print(line, markup=False)


def _axes(config: Config) -> Iterator[tuple[str, str]]:
    """Where a configuration counts: axis and value."""
    if config in BASE_CONFIGS:
        yield "base", "ISA, width, byte order"
    yield "ISA", config.isa
    yield "width", str(config.width)
    yield "byte order", "big" if config.big_endian else "little"
    if config.cpu != config.isa and not config.errata:
        yield "CPU", "the CPU has a newer ISA than the code"
    for name in config.options:
        yield options.BY_NAME[name].kind, name


AXES = ("base", "ISA", "width", "byte order", "CPU", *options.KINDS)


def _by_axis(configs: Sequence[Config]) -> Iterator[str]:
    """How many configurations there are with each value of an axis."""
    counts = _sums(dict.fromkeys(configs, (1,)))
    for axis in AXES:
        yield f"  {axis:<12}" + (", ".join(f"{value} {count}" for value, (count,) in counts.get(axis, {}).items()) or "none")


def _by_axis_judged(results: Sequence[Result]) -> Iterator[str]:
    """Where options and errata were judged: configurations and pairs for each value of an axis, agreed/judged where not all agree."""
    judged: Counter[Config] = Counter()
    agreed: Counter[Config] = Counter()
    for result in results:
        judged.update(result.judged)
        agreed.update(result.agreed)
    if all(config in BASE_CONFIGS for config in judged):
        return
    yield "axis          configurations        judged  "
    sums = _sums({config: (1, count, agreed[config]) for config, count in judged.items()})
    for axis in AXES:
        for value, (configurations, count, agree) in sums.get(axis, {}).items():
            yield f"{axis:<12}  {configurations:>14}  {count if count == agree else f'{agree}/{count}':>12}  {value}"
    yield ""


def _sums(numbers: Mapping[Config, tuple[int, ...]]) -> dict[str, dict[str, tuple[int, ...]]]:
    """The sums over the configurations that have a value of an axis."""
    sums: dict[str, dict[str, tuple[int, ...]]] = {}
    for config, counts in numbers.items():
        for axis, value in _axes(config):
            values = sums.setdefault(axis, {})
            values[value] = tuple(map(sum, zip(values[value], counts, strict=True))) if value in values else counts
    return sums


def configs_json(configs: Sequence[tuple[Config, str]]) -> str:
    """The same as one JSON array."""
    return json.dumps([_facts(config, cpu_model) for config, cpu_model in configs], indent=1)

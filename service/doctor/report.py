"""The report of `pag doctor`: the findings of all checks, as text or JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict

from service.doctor import configuration, host
from service.doctor.finding import FAIL, OK, Finding
from service.printable import printable
from service.settings import Settings

CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    host.versions,
    host.cpus,
    host.kernels,
    host.native_operator,
    host.runtime,
    configuration.models,
    host.memory,
    host.open_files,
    host.port,
    configuration.access,
    configuration.tracing_extra,
    configuration.limits,
)


def main(settings: Settings, *, as_json: bool) -> int:
    """Print all findings; the exit status: 1 if one is a failure."""
    findings = examine(settings)
    failed = any(finding.status == FAIL for finding in findings)
    if as_json:
        print(json.dumps({"ok": not failed, "findings": [asdict(finding) for finding in findings]}, indent=2))
    else:
        for finding in findings:
            print(f"{finding.status:4}  {finding.name:16} {printable(finding.detail)}")
            if finding.status != OK:
                print(f"{'':6}{'':16} -> {printable(finding.fix)}")
    return int(failed)


def examine(settings: Settings) -> list[Finding]:
    """All findings; a check that breaks is a failure, not the end of the others."""
    findings: list[Finding] = []
    for check in CHECKS:
        try:
            findings += check(settings)
        except Exception as error:
            name = check.__name__.replace("_", " ")
            fix = "report this: a check should not break"
            findings.append(Finding(name, FAIL, f"the check broke: {error!r}", fix))
    return findings

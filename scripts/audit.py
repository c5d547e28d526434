#!/usr/bin/env python3
"""Known vulnerabilities of the installed packages: fails on one, says SKIPPED where nobody can be asked.

Run by the environment that is to be examined; further arguments go to pip-audit (--ignore-vuln ID).
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from typing import Any

# The first that answers is believed; the second is for networks that let only one through.
SERVICES = ("pypi", "osv")
OPTIONS = ("--progress-spinner", "off", "--timeout", "10", "--format", "json")
INSTALLED = ("--local", "--skip-editable")
ONE_LINE = ("--requirement", "/dev/stdin", "--no-deps", "--disable-pip")
# What pip-audit prints when nobody answers, or something in between that knows of no advisories.
UNREACHABLE = ("ConnectionError", "could not connect", "ReadTimeout", "not redirecting", "ServiceError")
Report = list[dict[str, Any]]


def main(arguments: list[str]) -> int:
    """Exit status: 1 for a vulnerability, or for a failure of the audit itself."""
    for service in SERVICES:
        # One package tells in a moment what a hundred would tell in minutes.
        one, said = ask(service, *ONE_LINE, *arguments, line=f"pip-audit=={version('pip-audit')}")
        if one is None and not any(words in said for words in UNREACHABLE):
            return broken(said)
        if one and audited(one):
            # Whoever has answered must go on to: after a failure now, something found would stay untold.
            report, said = ask(service, *INSTALLED, *arguments)
            return broken(said) if report is None else tell(report, service)
    print(f"SKIPPED: neither {' nor '.join(SERVICES)} can be asked from here for known vulnerabilities")
    return 0


def ask(service: str, *options: str, line: str = "") -> tuple[Report | None, str]:
    """What pip-audit found by asking `service`, None if it did not come to an end; and what it printed."""
    command = [sys.executable, "-m", "pip_audit", "--vulnerability-service", service, *OPTIONS, *options]
    ended = subprocess.run(command, input=line, capture_output=True, text=True, check=False)
    try:
        report: Report = json.loads(ended.stdout)["dependencies"]
    except (ValueError, KeyError):
        return None, ended.stderr
    return report, ended.stderr


def broken(said: str) -> int:
    """Exit status of an audit that failed by itself, which says why."""
    print(said, file=sys.stderr)
    print("the audit failed: whether there are vulnerabilities is not known", file=sys.stderr)
    return 1


def audited(report: Report) -> Report:
    """Packages that the service knew. An index that serves files alone knows none: that is no clean bill."""
    return [package for package in report if "vulns" in package]


def tell(report: Report, service: str) -> int:
    """Print each vulnerability and what could not be examined; exit status 1 if there is one."""
    known = audited(report)
    for package in report:
        if "vulns" not in package:
            print(f"not audited: {package['skip_reason']}")
    found = [(package, vulnerability) for package in known for vulnerability in package["vulns"]]
    for package, vulnerability in found:
        names = " ".join([vulnerability["id"], *vulnerability.get("aliases", ())])
        fixed = ", ".join(vulnerability["fix_versions"]) or "no version"
        print(f"VULNERABLE: {package['name']} {package['version']}: {names}; fixed in {fixed}")
    print(f"{len(found)} known vulnerabilities in {len(known)} packages, by {service}")
    return int(bool(found))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

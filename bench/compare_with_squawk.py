"""Put the examination's questions to squawk alone as well, and print a table of both.

Needs squawk-cli, which the project's extra `check` brings: python -m bench.compare_with_squawk
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from importlib import metadata
from pathlib import Path

from deploy.check.catalogue import CATEGORIES, Finding
from tests.unit.check.exam import Question, Result, examine, questions
from tests.unit.check.test_exam import our_findings

RULES = {
    "adding-field-with-default": "lock",
    "adding-foreign-key-constraint": "lock",
    "adding-not-nullable-field": "lock",
    "adding-required-field": "lock",
    "adding-serial-primary-key-field": "lock",
    "changing-column-type": "lock",
    "constraint-missing-not-valid": "lock",
    "disallowed-unique-constraint": "lock",
    "require-concurrent-index-creation": "lock",
    "require-concurrent-index-deletion": "lock",
    "require-concurrent-partition-attach": "lock",
    "require-concurrent-partition-detach": "lock",
    "require-concurrent-reindex": "lock",
    "ban-alter-domain-with-add-constraint": "lock",
    "ban-create-domain-with-constraint": "lock",
    "ban-alter-identity": "destructive",
    "ban-drop-column": "destructive",
    "ban-drop-constraint": "destructive",
    "ban-drop-database": "destructive",
    "ban-drop-default": "destructive",
    "ban-drop-domain": "destructive",
    "ban-drop-extension": "destructive",
    "ban-drop-function": "destructive",
    "ban-drop-generated-expression": "destructive",
    "ban-drop-not-null": "destructive",
    "ban-drop-schema": "destructive",
    "ban-drop-sequence": "destructive",
    "ban-drop-table": "destructive",
    "ban-drop-type": "destructive",
    "ban-drop-view": "destructive",
    "ban-set-schema": "destructive",
    "ban-truncate": "destructive",
    "ban-truncate-cascade": "destructive",
    "renaming-column": "destructive",
    "renaming-object": "destructive",
    "renaming-table": "destructive",
    "prefer-robust-stmts": "idempotency",
    "require-enum-value-ordering": "idempotency",
    "ban-concurrent-index-creation-in-transaction": "transaction",
    "ban-uncommitted-transaction": "transaction",
    "transaction-nesting": "transaction",
    "require-enum-value-commit": "transaction",
    "syntax-error": "syntax",
}
"""squawk's rules as categories of ours; those of taste (prefer-text-field, require-timeout-settings, …) count neither for nor against it."""


def squawk_of(options: list[str]) -> tuple[dict[str, list[Finding]], set[str]]:
    """Return what squawk finds in the last file of each question, by its title, and the rules that are left out."""
    program = shutil.which("squawk") or str(Path(sys.executable).with_name("squawk"))
    found = defaultdict(list)
    left_out = set()
    with tempfile.TemporaryDirectory() as directory:
        titles = {}
        for number, question in enumerate(questions()):
            path = Path(directory, f"{number:04}.sql")
            path.write_bytes(question.files[-1][1])
            titles[str(path)] = question.title
        for name, title in titles.items():  # one by one: it gives up all of them for one that isn't UTF-8
            done = subprocess.run([program, "--reporter", "json", *options, name], capture_output=True, check=False)
            for each in json.loads(done.stdout or b"[]"):
                rule, line = each["rule_name"], each["line"] + 1
                if rule in RULES:
                    found[title].append(Finding(name, line, 1, rule, RULES[rule], "warning", each["message"]))
                else:
                    left_out.add(rule)
    return found, left_out


def table(results: dict[str, Result]) -> str:
    names = list(results)
    lines = [f"| category | defects | {' | '.join(names)} |", "|---|--:|" + "--:|" * len(names)]
    for category in CATEGORIES:
        shares = [f"{each.recall(category):.0%}" for each in results.values()]
        lines.append(f"| {category} | {results[names[0]].asked[category]} | {' | '.join(shares)} |")
    flagged = [f"{each.flagged / each.clean:.1%}" for each in results.values()]
    lines.append(f"| clean files flagged | {results[names[0]].clean} | {' | '.join(flagged)} |")
    return "\n".join(lines)


def main() -> None:
    alone, left_out = squawk_of([])
    wrapped, more = squawk_of(["--assume-in-transaction"])

    def checker(found: dict[str, list[Finding]]) -> Result:
        def findings_of(question: Question) -> list[Finding]:
            return found.get(question.title, [])

        return examine(findings_of, places=False)

    results = {
        "`fab check`, place and all": examine(our_findings),
        f"squawk {metadata.version('squawk-cli')}": checker(alone),
        "squawk `--assume-in-transaction`": checker(wrapped),
    }
    sys.stdout.write(f"{table(results)}\n")
    sys.stderr.write(f"of squawk's rules left out: {', '.join(sorted(left_out | more)) or 'none'}\n")


if __name__ == "__main__":
    main()

"""``cislens models add``: tries a model, prints what was found, and offers it from then on."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from genome.errors import UserError

if TYPE_CHECKING:  # torch is loaded only when a model is added
    from models.check import Finding


def add_model(options: Namespace) -> int:
    """Checks a folder or published files and keeps the model on this server."""
    from models.install import Refused, add

    if not options.path:
        raise UserError("Say which folder to add, e.g. cislens models add my-model.")
    try:
        added = add(Path(options.path), name=options.name, form=options.format)
    except Refused as error:
        _print_findings(error.findings)
        raise
    _print_findings(added.findings)
    print(f"{added.spec.model_id}\t{added.spec.title}\t{added.folder}")
    if added.archived is not None:
        print(
            f"cislens: {added.archived} still answers to its own id, so old links keep their numbers.", file=sys.stderr
        )
    return 0


def _print_findings(findings: tuple[Finding, ...]) -> None:
    """One line each; what is merely worth knowing is marked otherwise than what the model is refused for."""
    for finding in findings:
        mark = "ok" if finding.ok else "REFUSED" if finding.hard else "note"
        print(f"{mark:<8}{finding.name:<14}{finding.text}", file=sys.stderr)

"""Every setting in one table: read from the environment, documented in README.md (a test compares the two)."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from genome.errors import UserError


@dataclass(frozen=True)
class Setting:
    """One thing an administrator may decide.

    Attributes:
        name: environment variable; ``<NAME>`` stands for a genome's name in upper case.
        default: what holds when it is not set.
        meaning: one sentence.
    """

    name: str
    default: str
    meaning: str


SETTINGS = (
    Setting("CISLENS_HOME", "~/.cache/cislens", "Folder for downloaded genomes, indexes, caches and stored sequences."),
    Setting(
        "CISLENS_REMOTE",
        "ask",
        "Reading bases from UCSC and names from Ensembl: `ask` each visitor, `allow` or `deny`.",
    ),
    Setting("CISLENS_GENOMES", "", "A table of further genomes (TOML, as genome/genomes.toml)."),
    Setting(
        "CISLENS_GENOME_<NAME>", "", "A local FASTA of a declared genome, e.g. `CISLENS_GENOME_HG19=/data/hg19.fa.gz`."
    ),
    Setting("CISLENS_GENES_<NAME>", "", "A local BED or GTF of its genes."),
    Setting("CISLENS_MODELS", "", "Further folders of models, separated like PATH."),
    Setting(
        "CISLENS_ARCHITECTURES",
        "",
        "Import paths of networks that a model.toml may name, e.g. `our_lab.networks:Dilated`, separated by commas.",
    ),
    Setting(
        "CISLENS_MAX_MODEL_BYTES", "", "Most memory for one model's weights, in bytes; empty: half of what is free."
    ),
    Setting("CISLENS_DEVICE", "", "Device for the models: `cpu`, `cuda`, `mps`; empty takes the best there is."),
    Setting("CISLENS_CACHE_MB", "512", "Memory for computed answers, in megabytes."),
    Setting("CISLENS_JOBS_GB", "5", "Disk for the results of jobs, in gigabytes; the least recently used go first."),
    Setting("CISLENS_UPLOAD_DAYS", "7", "How long files of variants that people give stay on this server, in days."),
    Setting("CISLENS_UPLOAD_MB", "200", "The largest such file that is taken, in megabytes."),
    Setting(
        "CISLENS_STORE",
        "",
        "Database of projects and lineage, e.g. `postgresql+psycopg://user@host/cislens`; empty: SQLite in `CISLENS_HOME`.",
    ),
    Setting("CISLENS_NPM", "", "`wheel` makes set-up take Node from the package index even where npm is installed."),
    Setting("CISLENS_DATA", "", "Folder of measured data; only training and some tests read it."),
)


def setting(name: str) -> str:
    """The value of a setting without a placeholder in its name."""
    defaults = {row.name: row.default for row in SETTINGS}
    return os.environ.get(name, "") or defaults[name]


def remote_policy() -> str:
    """``ask``, ``allow`` or ``deny``.

    Raises:
        UserError: when the administrator wrote something else.
    """
    policy = setting("CISLENS_REMOTE").lower()
    if policy not in ("ask", "allow", "deny"):
        raise UserError(f"CISLENS_REMOTE is '{policy[:20]}'; set it to ask, allow or deny.")
    return policy


def cache_bytes() -> int:
    """Memory for computed answers, in bytes."""
    text = setting("CISLENS_CACHE_MB")
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < 1:
        raise UserError(f"CISLENS_CACHE_MB is '{text[:20]}'; set it to a number of megabytes such as 512.")
    return int(text) * 1_000_000


def jobs_bytes() -> int:
    """Disk for the results of jobs, in bytes."""
    text = setting("CISLENS_JOBS_GB")
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", text) or float(text) == 0:
        raise UserError(f"CISLENS_JOBS_GB is '{text[:20]}'; set it to a number of gigabytes such as 5.")
    return int(float(text) * 1e9)


def upload_days() -> float:
    """How long a file that somebody gave is kept, in days."""
    text = setting("CISLENS_UPLOAD_DAYS")
    if not re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,3})?", text) or float(text) == 0:
        raise UserError(f"CISLENS_UPLOAD_DAYS is '{text[:20]}'; set it to a number of days such as 7.")
    return float(text)


def upload_bytes() -> int:
    """The largest file that somebody may give, in bytes."""
    text = setting("CISLENS_UPLOAD_MB")
    if not re.fullmatch(r"[0-9]{1,6}", text) or int(text) == 0:
        raise UserError(f"CISLENS_UPLOAD_MB is '{text[:20]}'; set it to a number of megabytes such as 200.")
    return int(text) * 1_000_000

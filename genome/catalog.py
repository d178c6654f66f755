"""The table of genomes, and the one door through which they are opened."""

from __future__ import annotations

import difflib
import os
import re
import threading
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from genome.errors import UserError
from genome.genes import Genes, read_genes
from genome.home import home
from genome.remote import UCSC_URL, Ensembl, RemoteGenome
from genome.source import Genome

TABLE = Path(__file__).with_name("genomes.toml")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,40}")
_SOURCES = ("sandbox", "local", "ucsc")
_lock = threading.RLock()
_opened: dict[tuple[str, ...], Genome] = {}
_genes: dict[tuple[str, Path], Genes] = {}


class RemoteNotAllowed(UserError):
    """The genome would have to be read from a server, and nobody has allowed that yet. The text says what goes where."""


@dataclass(frozen=True)
class GenomeEntry:
    """One row of the table of genomes.

    Attributes:
        name: what links and the command line say, e.g. ``hg19``.
        title: what people read.
        build: the assembly, e.g. ``GRCh37``.
        source: ``sandbox``, ``local`` or ``ucsc``.
        path: the FASTA on this computer, or None.
        genes: the file of genes (BED or GTF), or None.
        aliases: other spellings of chromosome names.
        url: where ``fetch`` downloads it from, or empty.
        sha256: its checksum, or empty.
        checksums: address of an md5sum.txt that lists it, or empty.
        ensembl: species, assembly and url of the Ensembl service, or empty.
        server: address of the UCSC service.
    """

    name: str
    title: str
    build: str
    source: str
    path: Path | None = None
    genes: Path | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    sha256: str = ""
    checksums: str = ""
    ensembl: Mapping[str, str] = field(default_factory=dict)
    server: str = UCSC_URL

    @property
    def synthetic(self) -> bool:
        """Whether no organism has this sequence."""
        return self.source == "sandbox"

    @property
    def is_local(self) -> bool:
        """Whether it can be read without a network."""
        return self.synthetic or self.path is not None


def genomes() -> tuple[GenomeEntry, ...]:
    """The declared genomes, in the table's order, with what the administrator set in the environment.

    Raises:
        UserError: when the administrator's table is wrong.
    """
    return tuple(_entry(name, row) for name, row in _declared().items())


def genome_entry(name: str) -> GenomeEntry:
    """The row of one genome.

    Raises:
        UserError: when there is none of that name, suggesting the near one.
    """
    rows = _declared()
    names = {known.lower(): known for known in rows}
    found = names.get(name.strip().lower())
    if found is not None:
        return _entry(found, rows[found])
    near = difflib.get_close_matches(name.strip().lower(), list(names), n=1)
    hint = f"did you mean {names[near[0]]}?" if near else f"it knows {', '.join(rows)}."
    raise UserError(f"Cislens knows no genome '{' '.join(name.split())[:40]}'; {hint}")


def open_genome(name: str, *, remote_allowed: bool = False) -> Genome:
    """Opens a genome; the same object for all sessions and threads of the process.

    Args:
        name: a name in the table.
        remote_allowed: whether the places looked at may be sent to a server when the genome is not kept here.

    Raises:
        RemoteNotAllowed: when it would have to be read from a server, saying what would be sent where.
        UserError: when the name is unknown or its file cannot be read.
    """
    entry = genome_entry(name)
    if not entry.is_local and entry.source != "ucsc":
        raise UserError(
            f"{entry.name} is not on this computer; set CISLENS_GENOME_{_variable(entry.name)} to its FASTA file."
        )
    if not entry.is_local and not remote_allowed:
        raise RemoteNotAllowed(remote_notice(entry))
    key = (entry.name, entry.source, entry.build, str(entry.path), _stamp(entry.path), entry.server, str(home()))
    with _lock:
        if key not in _opened:
            _opened[key] = _open(entry)
        return _opened[key]


def open_genes(name: str) -> Genes | None:
    """The genes of a genome if a file of them is declared, read once per process; else None.

    Raises:
        UserError: when the declared file cannot be read.
    """
    entry = genome_entry(name)
    if entry.genes is None:
        return None
    key = (_stamp(entry.genes), entry.genes)
    with _lock:
        if key not in _genes:
            _genes[key] = read_genes(entry.genes, aliases=entry.aliases)
        return _genes[key]


def open_ensembl(name: str, *, remote_allowed: bool = False) -> Ensembl | None:
    """The service that knows rsIDs and gene names of a genome; None when not allowed or when there is none."""
    entry = genome_entry(name)
    if not remote_allowed or not entry.ensembl:
        return None
    return Ensembl(entry.ensembl["species"], entry.ensembl["assembly"], entry.ensembl["url"])


def remote_notice(entry: GenomeEntry) -> str:
    """What allowing remote reading means for a genome: one sentence that says what would be sent where."""
    host = urlsplit(entry.server).hostname or entry.server
    return (
        f"{entry.name} is not kept on this computer: reading it here would send the genome's name and the chromosome and "
        f"positions you look at (never pasted or edited bases) to the UCSC server {host}; allow remote reading, or keep "
        f"it locally with 'cislens genomes fetch {entry.name}'."
    )


def fetched_path(name: str) -> Path:
    """Where ``fetch`` keeps a genome's FASTA (it may not be there)."""
    return home() / "genomes" / name / f"{name}.fa"


def _open(entry: GenomeEntry) -> Genome:
    if entry.source == "sandbox" and entry.path is None:
        from genome.sandbox import sandbox_genome

        return sandbox_genome(entry.name, entry.build)
    if entry.path is not None:
        from genome.fasta import LocalGenome

        return LocalGenome(entry.path, name=entry.name, build=entry.build, aliases=entry.aliases)
    return RemoteGenome(entry.name, build=entry.build, aliases=entry.aliases, base_url=entry.server)


def _entry(name: str, row: Mapping[str, Any]) -> GenomeEntry:
    entry = GenomeEntry(name=name, **{"title": name, "build": name, "source": "local", **row})
    if entry.source not in _SOURCES:
        raise UserError(f"The genome {name} has the source '{entry.source}'; it must be one of {', '.join(_SOURCES)}.")
    path = os.environ.get(f"CISLENS_GENOME_{_variable(name)}")
    genes = os.environ.get(f"CISLENS_GENES_{_variable(name)}")
    if path:
        entry = replace(entry, path=Path(path).expanduser())
    elif entry.path is None and fetched_path(name).exists():
        entry = replace(entry, path=fetched_path(name))
    if genes:
        entry = replace(entry, genes=Path(genes).expanduser())
    elif entry.source == "sandbox" and entry.genes is None:
        from genome.sandbox import ASSETS

        entry = replace(entry, genes=ASSETS / "genes.bed")
    return entry


def _declared() -> dict[str, dict[str, Any]]:
    """The rows of the table, those of the administrator's own over ours."""
    rows = dict(_rows(TABLE, _stamp(TABLE)))
    own = os.environ.get("CISLENS_GENOMES")
    if own:
        table = Path(own).expanduser()
        for name, row in _rows(table, _stamp(table)).items():
            rows[name] = {**rows.get(name, {}), **row}
    return rows


@lru_cache(maxsize=16)
def _rows(table: Path, _unchanged: str) -> dict[str, dict[str, Any]]:
    """The rows of one TOML file, checked, not to be changed; paths made absolute. Its stamp makes a changed file a new entry."""
    try:
        content = tomllib.loads(table.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(
            f"The table of genomes {table} cannot be read ({error.strerror}); check CISLENS_GENOMES."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"The table of genomes {table} is not TOML: {error}; check CISLENS_GENOMES.") from error
    known = {item.name for item in fields(GenomeEntry)} - {"name"}
    for name, row in content.items():
        wrong = sorted(set(row) - known) if isinstance(row, dict) else ["a value outside a [genome]"]
        if not _NAME.fullmatch(name) or wrong:
            raise UserError(
                f"The table of genomes {table}: {name} is not understood ({', '.join(wrong) or 'bad name'})."
            )
        for key, value in row.items():
            if not isinstance(value, dict if key in ("aliases", "ensembl") else str):
                raise UserError(
                    f"The table of genomes {table}: '{key}' of {name} has the wrong form; see genomes.toml."
                )
            if key in ("path", "genes"):
                row[key] = table.parent / Path(str(value)).expanduser()
        if "ensembl" in row and set(row["ensembl"]) != {"species", "assembly", "url"}:
            raise UserError(f"The table of genomes {table}: 'ensembl' of {name} needs species, assembly and url.")
    return content


def _variable(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", name.upper())


def _stamp(path: Path | None) -> str:
    """Changes when a file is replaced, so that it is opened anew."""
    if path is None:
        return ""
    try:
        state = path.stat()
    except OSError:
        return "missing"
    return f"{state.st_size}-{state.st_mtime_ns}"

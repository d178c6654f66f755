"""What people make, as rows: projects, hypotheses, designs, uploads, measurements, verdicts.

A record is the JSON that its own type writes. It is kept whole, and each project keeps it once: adding it again, perhaps
after a kill that came before the answer, gives the row that is there.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import Connection, Table, func, insert, select

from experiment import store_tables as tables
from genome.errors import UserError

Kind = Literal["hypotheses", "designs", "measurements", "verdicts", "refinements"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Record = Mapping[str, Any]
_LONGEST_NAME = 200


@dataclass(frozen=True)
class Project:
    """What belongs together.

    Attributes:
        id: its number.
        name: what people call it, unique.
        words: what it is about.
        created: seconds since 1970.
    """

    id: int
    name: str
    words: str
    created: float


@dataclass(frozen=True)
class Entry:
    """One record of a project, without the record itself.

    Attributes:
        id: its number among those of its kind.
        project: number of the project.
        digest: 64 hex digits of SHA-256 over the record.
        created: seconds since 1970.
        columns: what is known of it by name, such as ``claim`` and ``predicted`` of a hypothesis; of a design and of
            measurements also ``n_rows``.
    """

    id: int
    project: int
    digest: str
    created: float
    columns: Mapping[str, Any]


def add_project(connection: Connection, name: str, words: str) -> int:
    """The number of the project of that name, which is made if it is not there."""
    name = " ".join(name.split())
    if not 0 < len(name) <= _LONGEST_NAME:
        raise UserError(f"The name of a project has 1 to {_LONGEST_NAME} characters; this one has {len(name)}.")
    found = connection.execute(select(tables.projects.c.id).where(tables.projects.c.name == name)).scalar()
    if found is not None:
        return int(found)
    return _insert(connection, tables.projects, name=name, words=words, created=time.time())


def projects(connection: Connection) -> tuple[Project, ...]:
    """Every project, the newest first."""
    rows = connection.execute(select(tables.projects).order_by(tables.projects.c.id.desc()))
    return tuple(Project(**row) for row in rows.mappings())


def add_hypothesis(connection: Connection, project: int, record: Record) -> int:
    """Keeps a hypothesis; returns its number."""
    texts = {key: str(record[key]) for key in ("link", "claim", "model_id", "track", "unit")}
    numbers = {key: _finite(record[key]) for key in ("predicted", "low", "high")}
    return add_record(connection, tables.hypotheses, project, record, texts | numbers)[0]


def add_design(connection: Connection, project: int, record: Record) -> int:
    """Keeps a design, each of its elements, and the hypotheses that it tests; returns its number."""
    texts = {key: str(record[key]) for key in ("name", "model_id", "genome", "assay")}
    texts["name"] = texts["name"][:_LONGEST_NAME]
    columns = texts | {"seed": int(record["plan"]["seed"])}
    design, is_new = add_record(connection, tables.designs, project, record, columns)
    names = ("name", "kind", "arm", "bases", "locus", "link", "hypothesis")
    if is_new:
        rows = ({name: str(element[name]) for name in names} for element in record["elements"])
        _insert_all(connection, tables.elements, "design", design, rows)
        for hypothesis in record["hypotheses"]:
            add_hypothesis(connection, project, hypothesis)
    return design


def add_upload(connection: Connection, digest: str, size: int, name: str) -> None:
    """Notes that a file is kept; the same bytes given again keep their first name."""
    known = connection.execute(select(tables.uploads.c.digest).where(tables.uploads.c.digest == digest)).scalar()
    if known is None:
        name = " ".join(name.split())[:_LONGEST_NAME]
        connection.execute(insert(tables.uploads).values(digest=digest, size=size, name=name, created=time.time()))


def uploads(connection: Connection) -> set[str]:
    """Digests of every file that is kept."""
    return set(connection.execute(select(tables.uploads.c.digest)).scalars())


def add_measurements(connection: Connection, project: int, record: Record, design: int | None) -> int:
    """Keeps measurements and each of their rows; returns their number."""
    columns = {key: str(record[key]) for key in ("name", "assay", "unit")}
    columns["name"] = columns["name"][:_LONGEST_NAME]
    more = {"upload": str(record["digest"]), "design": design}
    number, is_new = add_record(connection, tables.measurements, project, record, columns | more)
    if is_new:
        _insert_all(connection, tables.measured_rows, "measurements", number, _tidy(record["rows"]))
    return number


def add_verdict(connection: Connection, hypothesis: int, record: Record, measurements: int | None) -> int:
    """Keeps what a measurement says of a hypothesis, in the project of the hypothesis; returns its number."""
    where = tables.hypotheses.c.id == hypothesis
    project = connection.execute(select(tables.hypotheses.c.project).where(where)).scalar()
    if project is None:
        raise ValueError(f"{hypothesis=} is not in the store")
    columns = {"hypothesis": hypothesis, "measurements": measurements, "verdict": str(record["verdict"])}
    return add_record(connection, tables.verdicts, int(project), record, columns, also=(hypothesis, measurements))[0]


def add_record(
    connection: Connection,
    table: Table,
    project: int,
    record: Record,
    columns: Mapping[str, Any],
    also: tuple[Any, ...] = (),
) -> tuple[int, bool]:
    """Keeps a record whole, and the columns that are looked for.

    Args:
        connection: a transaction that writes.
        table: of its kind.
        project: number of the project.
        record: its JSON.
        columns: values of the columns that only this kind has.
        also: what else makes it another record than one with the same JSON.

    Returns:
        Its number, and whether it is new.
    """
    if connection.execute(select(tables.projects.c.id).where(tables.projects.c.id == project)).scalar() is None:
        raise UserError("This project is not in the store; choose another.")
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    digest = hashlib.sha256("\n".join([text, *map(str, also)]).encode()).hexdigest()
    where = (table.c.project == project) & (table.c.digest == digest)
    known = connection.execute(select(table.c.id).where(where)).scalar()
    if known is not None:
        return int(known), False
    made = _insert(connection, table, project=project, digest=digest, created=time.time(), record=text, **columns)
    return made, True


def entries(connection: Connection, kind: Kind, project: int | None) -> tuple[Entry, ...]:
    """The records of a kind, of one project or of all, the newest first."""
    table = table_of(kind)
    wanted = [column for column in table.c if column.name != "record"]
    counted = {"designs": tables.elements, "measurements": tables.measured_rows}.get(kind)
    if counted is not None:
        rows_of = counted.c[{"designs": "design", "measurements": "measurements"}[kind]]
        wanted.append(select(func.count()).where(rows_of == table.c.id).scalar_subquery().label("n_rows"))  # type: ignore[arg-type]
    query = select(*wanted).order_by(table.c.id.desc())
    if project is not None:
        query = query.where(table.c.project == project)
    return tuple(_entry(dict(row)) for row in connection.execute(query).mappings())


def record(connection: Connection, kind: Kind, number: int) -> dict[str, Any]:
    """The JSON of one record, as it was given.

    Raises:
        UserError: when it is not in the store.
    """
    table = table_of(kind)
    text = connection.execute(select(table.c.record).where(table.c.id == number)).scalar()
    if text is None:
        raise UserError(f"Number {number} of {kind} is not in this store; choose one that is listed.")
    found: dict[str, Any] = json.loads(text)
    return found


def elements(connection: Connection, design: int) -> list[dict[str, Any]]:
    """The elements of a design in its order, each with the link it came from."""
    table = tables.elements
    rows = connection.execute(select(table).where(table.c.design == design).order_by(table.c.position))
    return [dict(row) for row in rows.mappings()]


def measured_rows(connection: Connection, measurements: int) -> list[dict[str, Any]]:
    """The tidy rows of measurements, in the order of the upload."""
    table = tables.measured_rows
    rows = connection.execute(select(table).where(table.c.measurements == measurements).order_by(table.c.position))
    return [dict(row) for row in rows.mappings()]


def table_of(kind: Kind) -> Table:
    """The table that keeps a kind of record."""
    if kind not in KINDS:
        raise ValueError(f"{kind=} is not one of {KINDS}")
    return tables.METADATA.tables[kind]


def _entry(row: Mapping[str, Any]) -> Entry:
    own = {key: value for key, value in row.items() if key not in ("id", "project", "digest", "created")}
    return Entry(int(row["id"]), int(row["project"]), str(row["digest"]), float(row["created"]), own)


def _insert(connection: Connection, table: Table, **values: Any) -> int:
    made = connection.execute(insert(table).values(**values)).inserted_primary_key
    if made is None:
        raise ValueError(f"{table.name} gave no number")
    return int(made[0])


def _insert_all(connection: Connection, table: Table, owner: str, number: int, rows: Iterable[Record]) -> None:
    numbered = [{owner: number, "position": position, **row} for position, row in enumerate(rows)]
    if numbered:
        connection.execute(insert(table), numbered)


def _tidy(columns: Mapping[str, list[Any]]) -> Iterable[Record]:
    """Rows of measurements, which their record keeps column by column."""
    names = ("name", "bases", "replicate", "value", "sd", "barcodes")
    for cells in zip(*(columns[name] for name in names), strict=True):
        row = dict(zip(names, cells, strict=True))
        sd, barcodes = row["sd"], row["barcodes"]
        yield row | {
            "value": _finite(row["value"]),
            "sd": None if sd is None else _finite(sd),
            "barcodes": None if barcodes is None else int(barcodes),
        }


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value=} is no finite number")
    return number

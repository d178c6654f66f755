"""The lineage of models: who came from whom, by which data and which code, and which of them answers to a name.

A refined model is a new model that never changes. Promoting it and rolling it back adds a row; nothing is deleted, and
every model goes on answering to its full model_id.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, func, insert, select, update

from experiment import store_records
from experiment import store_tables as tables
from genome.errors import UserError

Action = Literal["promote", "roll back"]


@dataclass(frozen=True)
class Node:
    """One model of a lineage.

    Attributes:
        model_id: its full id.
        name: the name it may answer to.
        parent: model_id it was refined from; None for the first of its line.
        depth: how many refinements lie before it.
        created: when the store first heard of it, seconds since 1970.
        refinement: number of the refinement that made it; None for the first of its line.
        project: number of the project of that refinement, or None.
        strategy: how it was refined; empty for the first of its line.
        accepted: what the acceptance gate said; None for the first of its line.
        code_version: of the code that refined it.
        seed: of the refinement.
        data: SHA-256 of the data it learned from.
        answers: whether it is the one that was promoted for its name.
        record: the refinement as it was recorded, its metrics in it.
    """

    model_id: str
    name: str
    parent: str | None
    depth: int
    created: float
    refinement: int | None
    project: int | None
    strategy: str
    accepted: bool | None
    code_version: str
    seed: int
    data: tuple[str, ...]
    answers: bool
    record: Mapping[str, Any]


@dataclass(frozen=True)
class Promotion:
    """One change of what answers to a name.

    Attributes:
        id: its number.
        name: the name.
        model_id: what answers since then; None: whatever the registry has under that name without the store.
        before: the model_id that answered until then.
        action: promote, or roll back.
        why: what was said about it.
        created: seconds since 1970.
    """

    id: int
    name: str
    model_id: str | None
    before: str
    action: Action
    why: str
    created: float


def add_refinement(connection: Connection, project: int, record: Mapping[str, Any], name: str, parent_name: str) -> int:
    """Keeps a refinement and what it made; the same child again gives the refinement that made it first.

    Args:
        connection: a transaction that writes.
        project: number of the project.
        record: the refinement's JSON.
        name: name of the child.
        parent_name: name of the parent.
    """
    table, child, parent = tables.refinements, str(record["child"]), str(record["parent"])
    if child in _line_of(connection, parent):
        raise ValueError(f"{child=} would be its own ancestor")
    known = connection.execute(select(table.c.id).where(table.c.child == child)).scalar()
    if known is not None:
        return int(known)
    _add_model(connection, parent, parent_name, None)
    _add_model(connection, child, name, parent)
    columns = {
        "parent": parent,
        "child": child,
        "strategy": str(record["strategy"]),
        "code_version": str(record["code_version"]),
        "seed": int(record["seed"]),
        "accepted": int(bool(record["accepted"])),
    }
    number, _ = store_records.add_record(connection, table, project, record, columns)
    rows = [{"refinement": number, "position": i, "digest": str(d)} for i, d in enumerate(record["data"])]
    if rows:
        connection.execute(insert(tables.refinement_data), rows)
    return number


def lineage(connection: Connection, name: str | None = None) -> tuple[Node, ...]:
    """The models of a name, or all, as a tree: each parent before its children, children in the order they were made."""
    rows = [dict(row) for row in connection.execute(_with_refinements()).mappings()]
    data = _data(connection)
    answering = answers(connection)
    nodes: list[Node] = []

    def put(parent: str | None, depth: int) -> None:
        for row in (row for row in rows if row["parent"] == parent):
            nodes.append(_node(row, depth, data.get(row["id"], ()), answering.get(row["name"]) == row["model_id"]))
            put(row["model_id"], depth + 1)

    put(None, 0)
    return tuple(node for node in nodes if name is None or node.name == name)


def answers(connection: Connection) -> dict[str, str]:
    """Name -> model_id that was promoted for it and answers now."""
    table = tables.promotions
    newest = select(func.max(table.c.id)).group_by(table.c.name)
    rows = connection.execute(select(table.c.name, table.c.model_id).where(table.c.id.in_(newest)))
    return {name: model_id for name, model_id in rows if model_id is not None}


def promote(connection: Connection, model_id: str, before: str, why: str) -> str:
    """Lets a model of the lineage answer to its name; returns the name.

    Args:
        connection: a transaction that writes.
        model_id: the model.
        before: model_id that answers until now, for the record.
        why: what is said about it.

    Raises:
        UserError: when the model is in no lineage, or its gate did not accept it and nothing is said why it should answer.
    """
    name = name_of(connection, model_id)
    made = tables.refinements
    accepted = connection.execute(select(made.c.accepted).where(made.c.child == model_id)).scalar()
    if accepted is not None and not accepted and not why.strip():
        raise UserError(
            f"The acceptance gate did not accept {model_id[:100]}; say why it should answer to '{name}' all the same."
        )
    newest = _newest(connection, name)
    if newest is None or newest["model_id"] != model_id:
        _add(connection, name, model_id, before, None if newest is None else newest["id"], "promote", why)
    return name


def roll_back(connection: Connection, model_id: str, before: str, why: str) -> None:
    """Lets what answered before a model was promoted answer again.

    Args:
        connection: a transaction that writes.
        model_id: the model that was promoted.
        before: model_id that answers until now, for the record.
        why: what is said about it.

    Raises:
        UserError: when it is not the one that was promoted last for its name.
    """
    name = name_of(connection, model_id)
    newest = _newest(connection, name)
    if newest is None or newest["model_id"] != model_id:
        raise UserError(
            f"{model_id[:100]} is not promoted to answer to '{name}' now, so there is nothing to roll back."
        )
    table = tables.promotions
    under = connection.execute(select(table).where(table.c.id == newest["under"])).mappings().first()
    answers_again, below = (None, None) if under is None else (under["model_id"], under["under"])
    _add(connection, name, answers_again, before, below, "roll back", why)


def promotions(connection: Connection, name: str | None = None) -> tuple[Promotion, ...]:
    """Every change of what answers to a name, or to any, the newest first."""
    table = tables.promotions
    query = select(*(column for column in table.c if column.name != "under")).order_by(table.c.id.desc())
    if name is not None:
        query = query.where(table.c.name == name)
    return tuple(Promotion(**row) for row in connection.execute(query).mappings())


def children(connection: Connection) -> set[str]:
    """Every model that a refinement made: those whose folders the store keeps."""
    return set(connection.execute(select(tables.refinements.c.child)).scalars())


def name_of(connection: Connection, model_id: str) -> str:
    """The name that a model of the lineage may answer to.

    Raises:
        UserError: when it is in no lineage.
    """
    name = connection.execute(select(tables.models.c.name).where(tables.models.c.model_id == model_id)).scalar()
    if name is None:
        raise UserError(f"'{model_id[:100]}' is in no lineage; promote a model that a refinement made or started from.")
    return str(name)


def _with_refinements() -> Any:
    """Models in the order they were made, with the refinement of each where there is one."""
    models, made = tables.models, tables.refinements
    names = ("id", "project", "strategy", "accepted", "code_version", "seed", "record")
    return (
        select(models, *(made.c[name] for name in names))
        .select_from(models.outerjoin(made, made.c.child == models.c.model_id))
        .order_by(models.c.created, models.c.model_id)
    )


def _data(connection: Connection) -> dict[int, tuple[str, ...]]:
    table = tables.refinement_data
    found: dict[int, tuple[str, ...]] = {}
    for number, digest in connection.execute(
        select(table.c.refinement, table.c.digest).order_by(table.c.refinement, table.c.position)
    ):
        found[number] = (*found.get(number, ()), digest)
    return found


def _node(row: Mapping[str, Any], depth: int, data: Sequence[str], is_answering: bool) -> Node:
    return Node(
        model_id=row["model_id"],
        name=row["name"],
        parent=row["parent"],
        depth=depth,
        created=row["created"],
        refinement=row["id"],
        project=row["project"],
        strategy=row["strategy"] or "",
        accepted=None if row["accepted"] is None else bool(row["accepted"]),
        code_version=row["code_version"] or "",
        seed=row["seed"] or 0,
        data=tuple(data),
        answers=is_answering,
        record={} if row["record"] is None else json.loads(row["record"]),
    )


def _newest(connection: Connection, name: str) -> Mapping[str, Any] | None:
    table = tables.promotions
    query = select(table).where(table.c.name == name).order_by(table.c.id.desc()).limit(1)
    found = connection.execute(query).mappings().first()
    return None if found is None else dict(found)


def _add_model(connection: Connection, model_id: str, name: str, parent: str | None) -> None:
    table = tables.models
    known = connection.execute(select(table.c.model_id).where(table.c.model_id == model_id)).scalar()
    if known is None:
        values = {"model_id": model_id, "name": name, "parent": parent, "created": time.time()}
        connection.execute(insert(table).values(**values))
    elif parent is not None:  # so far it was known as somebody's parent only
        connection.execute(update(table).where(table.c.model_id == model_id).values(parent=parent))


def _line_of(connection: Connection, model_id: str) -> list[str]:
    """A model and those it came from, up to the first of its line."""
    table = tables.models
    parent_of = {row[0]: row[1] for row in connection.execute(select(table.c.model_id, table.c.parent))}
    line: list[str] = []
    at: str | None = model_id
    while at is not None:
        line.append(at)
        at = parent_of.get(at)
    return line


def _add(
    connection: Connection, name: str, model_id: str | None, before: str, under: int | None, action: Action, why: str
) -> None:
    values = {"name": name, "model_id": model_id, "before": before, "under": under, "action": action, "why": why}
    connection.execute(insert(tables.promotions).values(**values, created=time.time()))

"""What a project holds, as tables for people: columns by their heading. No Streamlit here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from experiment.store import Store

Table = Mapping[str, Sequence[Any]]
MOST_ROWS = 500


def hypotheses(kept: Store, project: int) -> Table:
    """Each claim with its predicted effect, its interval, its newest verdict and a link to look at it."""
    verdicts: dict[int, str] = {}
    for entry in kept.entries("verdicts", project):
        verdicts.setdefault(entry.columns["hypothesis"], entry.columns["verdict"])
    found = kept.entries("hypotheses", project)[:MOST_ROWS]
    columns = [entry.columns for entry in found]
    return {
        "Claim": [row["claim"] for row in columns],
        "Predicted": [row["predicted"] for row in columns],
        "From": [row["low"] for row in columns],
        "To": [row["high"] for row in columns],
        "Unit": [row["unit"] for row in columns],
        "Track": [row["track"] for row in columns],
        "Model": [row["model_id"] for row in columns],
        "Verdict": [verdicts.get(entry.id, "not measured") for entry in found],
        "Open": [address(row["link"]) for row in columns],
    }


def designs(kept: Store, project: int) -> Table:
    """Each design: what for, how many elements."""
    found = kept.entries("designs", project)[:MOST_ROWS]
    return {
        "Design": [entry.columns["name"] for entry in found],
        "Assay": [entry.columns["assay"] for entry in found],
        "Elements": [entry.columns["n_rows"] for entry in found],
        "Genome": [entry.columns["genome"] for entry in found],
        "Model": [entry.columns["model_id"] for entry in found],
        "Seed": [entry.columns["seed"] for entry in found],
        "Saved": [day(entry.created) for entry in found],
    }


def elements(kept: Store, design: int) -> Table:
    """The elements of a design, each with the link it came from."""
    rows = kept.elements(design)[:MOST_ROWS]
    names = {"Name": "name", "Arm": "arm", "Kind": "kind", "Locus": "locus", "Tests": "hypothesis"}
    table: dict[str, list[Any]] = {title: [row[name] for row in rows] for title, name in names.items()}
    return table | {"Open": [address(row["link"]) for row in rows]}


def measurements(kept: Store, project: int) -> Table:
    """Each upload that was read: assay, rows, and the digest of its bytes."""
    names = {entry.id: entry.columns["name"] for entry in kept.entries("designs", project)}
    found = kept.entries("measurements", project)[:MOST_ROWS]
    return {
        "File": [entry.columns["name"] for entry in found],
        "Assay": [entry.columns["assay"] for entry in found],
        "Rows": [entry.columns["n_rows"] for entry in found],
        "Unit": [entry.columns["unit"] for entry in found],
        "Design": [names.get(entry.columns["design"], "") for entry in found],
        "SHA-256": [entry.columns["upload"] for entry in found],
        "Saved": [day(entry.created) for entry in found],
    }


def address(link: str) -> str:
    """The address of a link on this server; empty where there is none. Whatever stood before its question is left out."""
    question = link.rpartition("?")[2]
    pairs = parse_qsl(question, keep_blank_values=True) if "=" in question else []
    return f"/?{urlencode(pairs)}" if pairs else ""


def day(created: float) -> str:
    """A date for people."""
    return f"{datetime.fromtimestamp(created).astimezone():%d %B %Y, %H:%M}"

"""The tables of the store: column types that SQLite and PostgreSQL both have, and nothing that only one of them does.

Every record is kept whole, as the JSON text it came as, beside the columns that are looked for. Times are seconds since
1970; digests are 64 hex digits of SHA-256; positions in lists count from 0.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, ForeignKey, Integer, MetaData, String, Table, Text, UniqueConstraint

# The newest migration. A test compares it with those in the folder, and what they make with the tables below.
REVISION = "0001"

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _record(name: str, *columns: Column[object]) -> Table:
    """A table of records that belong to a project, each kept once there."""
    return Table(
        name,
        METADATA,
        Column("id", Integer, primary_key=True),
        Column("project", ForeignKey("projects.id"), nullable=False),
        Column("digest", String(64), nullable=False),
        Column("created", Double, nullable=False),
        Column("record", Text, nullable=False),
        *columns,
        UniqueConstraint("project", "digest"),
    )


# One row: which folder of files belongs to this database.
identity = Table("identity", METADATA, Column("store", String(32), primary_key=True))

projects = Table(
    "projects",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("words", Text, nullable=False),
    Column("created", Double, nullable=False),
)

hypotheses = _record(
    "hypotheses",
    Column("link", Text, nullable=False),
    Column("claim", Text, nullable=False),
    Column("model_id", String(100), nullable=False, index=True),
    Column("track", String(200), nullable=False),
    Column("predicted", Double, nullable=False),
    Column("low", Double, nullable=False),
    Column("high", Double, nullable=False),
    Column("unit", String(200), nullable=False),
)

designs = _record(
    "designs",
    Column("name", String(200), nullable=False),
    Column("model_id", String(100), nullable=False, index=True),
    Column("genome", String(100), nullable=False),
    Column("assay", String(50), nullable=False),
    Column("seed", Integer, nullable=False),
)

elements = Table(
    "elements",
    METADATA,
    Column("design", ForeignKey("designs.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("name", String(300), nullable=False, index=True),
    Column("kind", String(50), nullable=False),
    Column("arm", String(50), nullable=False),
    Column("bases", Text, nullable=False),
    Column("locus", String(300), nullable=False),
    Column("link", Text, nullable=False),
    Column("hypothesis", Text, nullable=False),
)

uploads = Table(
    "uploads",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("name", String(200), nullable=False),
    Column("created", Double, nullable=False),
)

measurements = _record(
    "measurements",
    Column("design", ForeignKey("designs.id"), nullable=True),
    Column("upload", ForeignKey("uploads.digest"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("assay", String(50), nullable=False),
    Column("unit", String(200), nullable=False),
)

measured_rows = Table(
    "measured_rows",
    METADATA,
    Column("measurements", ForeignKey("measurements.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("name", String(300), nullable=False, index=True),
    Column("bases", Text, nullable=False),
    Column("replicate", String(100), nullable=False),
    Column("value", Double, nullable=False),
    Column("sd", Double, nullable=True),
    Column("barcodes", Integer, nullable=True),
)

verdicts = _record(
    "verdicts",
    Column("hypothesis", ForeignKey("hypotheses.id"), nullable=False, index=True),
    Column("measurements", ForeignKey("measurements.id"), nullable=True),
    Column("verdict", String(50), nullable=False),
)

# The lineage: every model that a refinement made, and the models they came from.
models = Table(
    "models",
    METADATA,
    Column("model_id", String(100), primary_key=True),
    Column("name", String(100), nullable=False, index=True),
    Column("parent", ForeignKey("models.model_id"), nullable=True),
    Column("created", Double, nullable=False),
)

refinements = _record(
    "refinements",
    Column("parent", ForeignKey("models.model_id"), nullable=False, index=True),
    Column("child", ForeignKey("models.model_id"), nullable=False, unique=True),
    Column("strategy", Text, nullable=False),
    Column("code_version", String(100), nullable=False),
    Column("seed", Integer, nullable=False),
    Column("accepted", Integer, nullable=False),
)

refinement_data = Table(
    "refinement_data",
    METADATA,
    Column("refinement", ForeignKey("refinements.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("digest", String(64), nullable=False, index=True),
)

# Which model answers to a name: the newest row of that name says so; rows are added and never changed. ``under`` is the
# row to which a roll back goes; without a ``model_id`` the registry answers as it does without the store.
promotions = Table(
    "promotions",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String(100), nullable=False, index=True),
    Column("model_id", ForeignKey("models.model_id"), nullable=True),
    Column("before", String(100), nullable=False),
    Column("under", ForeignKey("promotions.id"), nullable=True),
    Column("action", String(20), nullable=False),
    Column("why", Text, nullable=False),
    Column("created", Double, nullable=False),
)

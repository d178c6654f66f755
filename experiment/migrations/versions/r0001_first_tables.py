"""The first tables: projects and their records, uploads, and the lineage of models."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes the tables."""
    _what_is_given()
    _what_is_asked()
    _what_is_measured()
    _what_is_learned()


def _what_is_given() -> None:
    op.create_table(
        "identity",
        sa.Column("store", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("store", name=op.f("pk_identity")),
    )
    op.create_table(
        "projects",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_projects")),
        sa.UniqueConstraint("name", name=op.f("uq_projects_name")),
    )
    op.create_table(
        "uploads",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_uploads")),
    )


def _what_is_asked() -> None:
    op.create_table(
        "designs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("model_id", sa.String(length=100), nullable=False),
        sa.Column("genome", sa.String(length=100), nullable=False),
        sa.Column("assay", sa.String(length=50), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name=op.f("fk_designs_project_projects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_designs")),
        sa.UniqueConstraint("project", "digest", name=op.f("uq_designs_project")),
    )
    op.create_index(op.f("ix_designs_model_id"), "designs", ["model_id"], unique=False)
    op.create_table(
        "hypotheses",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("claim", sa.Text(), nullable=False),
        sa.Column("model_id", sa.String(length=100), nullable=False),
        sa.Column("track", sa.String(length=200), nullable=False),
        sa.Column("predicted", sa.Double(), nullable=False),
        sa.Column("low", sa.Double(), nullable=False),
        sa.Column("high", sa.Double(), nullable=False),
        sa.Column("unit", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name=op.f("fk_hypotheses_project_projects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hypotheses")),
        sa.UniqueConstraint("project", "digest", name=op.f("uq_hypotheses_project")),
    )
    op.create_index(op.f("ix_hypotheses_model_id"), "hypotheses", ["model_id"], unique=False)
    op.create_table(
        "elements",
        sa.Column("design", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("kind", sa.String(length=50), nullable=False),
        sa.Column("arm", sa.String(length=50), nullable=False),
        sa.Column("bases", sa.Text(), nullable=False),
        sa.Column("locus", sa.String(length=300), nullable=False),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("hypothesis", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["design"], ["designs.id"], name=op.f("fk_elements_design_designs")),
        sa.PrimaryKeyConstraint("design", "position", name=op.f("pk_elements")),
    )
    op.create_index(op.f("ix_elements_name"), "elements", ["name"], unique=False)


def _what_is_measured() -> None:
    op.create_table(
        "measurements",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("design", sa.Integer(), nullable=True),
        sa.Column("upload", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("assay", sa.String(length=50), nullable=False),
        sa.Column("unit", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["design"], ["designs.id"], name=op.f("fk_measurements_design_designs")),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name=op.f("fk_measurements_project_projects")),
        sa.ForeignKeyConstraint(["upload"], ["uploads.digest"], name=op.f("fk_measurements_upload_uploads")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_measurements")),
        sa.UniqueConstraint("project", "digest", name=op.f("uq_measurements_project")),
    )
    op.create_table(
        "measured_rows",
        sa.Column("measurements", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("bases", sa.Text(), nullable=False),
        sa.Column("replicate", sa.String(length=100), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("sd", sa.Double(), nullable=True),
        sa.Column("barcodes", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["measurements"], ["measurements.id"], name=op.f("fk_measured_rows_measurements_measurements")
        ),
        sa.PrimaryKeyConstraint("measurements", "position", name=op.f("pk_measured_rows")),
    )
    op.create_index(op.f("ix_measured_rows_name"), "measured_rows", ["name"], unique=False)
    op.create_table(
        "verdicts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("hypothesis", sa.Integer(), nullable=False),
        sa.Column("measurements", sa.Integer(), nullable=True),
        sa.Column("verdict", sa.String(length=50), nullable=False),
        sa.ForeignKeyConstraint(["hypothesis"], ["hypotheses.id"], name=op.f("fk_verdicts_hypothesis_hypotheses")),
        sa.ForeignKeyConstraint(
            ["measurements"], ["measurements.id"], name=op.f("fk_verdicts_measurements_measurements")
        ),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name=op.f("fk_verdicts_project_projects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verdicts")),
        sa.UniqueConstraint("project", "digest", name=op.f("uq_verdicts_project")),
    )
    op.create_index(op.f("ix_verdicts_hypothesis"), "verdicts", ["hypothesis"], unique=False)


def _what_is_learned() -> None:
    op.create_table(
        "models",
        sa.Column("model_id", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("parent", sa.String(length=100), nullable=True),
        sa.Column("created", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["parent"], ["models.model_id"], name=op.f("fk_models_parent_models")),
        sa.PrimaryKeyConstraint("model_id", name=op.f("pk_models")),
    )
    op.create_index(op.f("ix_models_name"), "models", ["name"], unique=False)
    op.create_table(
        "promotions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("model_id", sa.String(length=100), nullable=True),
        sa.Column("before", sa.String(length=100), nullable=False),
        sa.Column("under", sa.Integer(), nullable=True),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.model_id"], name=op.f("fk_promotions_model_id_models")),
        sa.ForeignKeyConstraint(["under"], ["promotions.id"], name=op.f("fk_promotions_under_promotions")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promotions")),
    )
    op.create_index(op.f("ix_promotions_name"), "promotions", ["name"], unique=False)
    op.create_table(
        "refinements",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("parent", sa.String(length=100), nullable=False),
        sa.Column("child", sa.String(length=100), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("code_version", sa.String(length=100), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("accepted", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["child"], ["models.model_id"], name=op.f("fk_refinements_child_models")),
        sa.ForeignKeyConstraint(["parent"], ["models.model_id"], name=op.f("fk_refinements_parent_models")),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name=op.f("fk_refinements_project_projects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refinements")),
        sa.UniqueConstraint("child", name=op.f("uq_refinements_child")),
        sa.UniqueConstraint("project", "digest", name=op.f("uq_refinements_project")),
    )
    op.create_index(op.f("ix_refinements_parent"), "refinements", ["parent"], unique=False)
    op.create_table(
        "refinement_data",
        sa.Column("refinement", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["refinement"], ["refinements.id"], name=op.f("fk_refinement_data_refinement_refinements")
        ),
        sa.PrimaryKeyConstraint("refinement", "position", name=op.f("pk_refinement_data")),
    )
    op.create_index(op.f("ix_refinement_data_digest"), "refinement_data", ["digest"], unique=False)

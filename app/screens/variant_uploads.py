"""Who gave which files: a list that only its owner sees, a private link back to it, and a button that deletes.

There are no accounts. Each session draws a random token; whoever has it, in the session or in the private link, is the
owner. It is taken out of the address at once, so a link that is copied from there does not give it away.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from datetime import datetime

import streamlit as st

from app import compute_uploads
from app.compute_variants import printable
from app.screens import state
from app.widgets import problem, text
from experiment import uploads
from experiment.job_status import Job
from experiment.uploads import Upload
from genome.errors import UserError

_OWNER, _LINKED = "variants-owner", "uploads"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{24,64}")


def is_linked() -> bool:
    """Whether the page was opened by a private link."""
    return _LINKED in st.query_params


def owner() -> str:
    """The token of this session: that of a private link which was opened, else a new one."""
    linked = st.query_params.get(_LINKED, "")
    if linked:
        del st.query_params[_LINKED]
        if _TOKEN.fullmatch(linked):
            st.session_state[_OWNER] = linked
        else:
            problem("This private link is damaged; your other copies of it still work.")
    token: str = st.session_state.setdefault(_OWNER, secrets.token_urlsafe(24))
    return token


def may_change(job: Job) -> bool:
    """Whether this session may cancel or remove a job: one on an upload belongs to who gave the upload."""
    upload = job.order.parameters.get("upload")
    token = st.session_state.get(_OWNER, "")
    return upload is None or (token != "" and any(one.digest == upload for one in uploads.owned_by(token)))


def show(token: str, days: float, open_upload: Callable[[str | None], None], *, expanded: bool = False) -> None:
    """Draws the list of what this owner gave.

    Args:
        token: of the owner.
        days: how long an upload is kept.
        open_upload: looks at one, or at none.
        expanded: whether the list is open.
    """
    compute_uploads.expire()
    found = uploads.owned_by(token)
    if not found:
        return
    with st.expander(f"Your uploads ({len(found)})", expanded=expanded):
        for upload in found:
            _row(upload, token, days, open_upload)
        st.caption(
            "Only this session sees them. To come back after closing the page, keep this private link; whoever has it "
            "can see and delete your uploads."
        )
        st.code(f"{state.address().rstrip('/')}?{_LINKED}={token}", language=None)


def _row(upload: Upload, token: str, days: float, open_upload: Callable[[str | None], None]) -> None:
    until = datetime.fromtimestamp(upload.given + days * 86_400).astimezone()
    name, look, delete = st.columns([0.7, 0.12, 0.18], vertical_alignment="center")
    name.markdown(
        f"**{text(printable(upload.name, 60))}** · {_size(upload.size)} · kept until {until.day} {until:%B %Y, %H:%M}, "
        f"{_left(until.timestamp() - time.time())} more"
    )
    look.button("Open", key=f"open-{upload.digest}", on_click=open_upload, args=(upload.digest,))
    delete.button(
        "Delete", key=f"delete-{upload.digest}", on_click=_delete, args=(upload.digest, token, open_upload),
        help="Deletes the file, its jobs and their results.",
    )  # fmt: skip


def _delete(digest: str, token: str, open_upload: Callable[[str | None], None]) -> None:
    try:
        uploads.remove(digest, token)
    except UserError as error:
        st.toast(text(error), icon=":material/info:")
    else:
        open_upload(None)
        st.toast("Deleted, with everything that was computed of it.")


def _size(count: int) -> str:
    return (
        f"{count:,} bytes" if count < 10_000 else f"{count / 1e3:,.0f} kB" if count < 1e6 else f"{count / 1e6:,.1f} MB"
    )


def _left(seconds: float) -> str:
    hours = max(0, round(seconds / 3600))
    return f"{hours} h" if hours < 48 else f"{round(hours / 24)} days"

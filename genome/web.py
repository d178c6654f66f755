"""Polite, bounded questions to public web services; every failure becomes one plain sentence."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import urlsplit

from genome.errors import UserError

MAX_ANSWER_BYTES = 16 << 20
_LONGEST_WAIT = 2.0


class NotFoundError(UserError):
    """The service answered, and does not know what was asked for."""


def get_json(url: str, *, service: str, timeout: float) -> Any:
    """Asks a web service for JSON, once more if it was busy.

    Args:
        url: the whole address.
        service: its name, for messages.
        timeout: seconds until connected, between two pieces of the answer, and (times three) for all of it.

    Raises:
        NotFoundError: when the service answers 400 or 404.
        UserError: when it is out of reach, busy, slow, or answers something else than JSON.
    """
    status, wait, body = _ask(url, service, timeout)
    if status in (429, 500, 502, 503, 504) and wait <= _LONGEST_WAIT:
        time.sleep(wait)
        status, wait, body = _ask(url, service, timeout)
    if status == 429:
        raise UserError(f"{service} asks for fewer questions at the moment; wait a minute and try again.")
    answer = _parsed(body)
    if status in (400, 404):
        raise NotFoundError(f"{service} does not know this: {_reason(answer)}.")
    if status != 200:
        raise UserError(f"{service} is not well (status {status}); try again later or use a local copy.")
    if answer is None:
        raise UserError(f"{service} sent something that is not an answer; try again later or use a local copy.")
    return answer


def _ask(url: str, service: str, timeout: float) -> tuple[int, float, bytes]:
    """One question: status, seconds the service asks to wait, body."""
    import requests

    deadline = time.monotonic() + 3 * timeout
    try:
        with requests.get(url, headers={"Accept": "application/json"}, timeout=timeout, stream=True) as answer:
            body = bytearray()
            for piece in answer.iter_content(1 << 16):
                body += piece
                if len(body) > MAX_ANSWER_BYTES:
                    raise UserError(f"{service} sent far more than was asked for; use a local copy.")
                if time.monotonic() > deadline:
                    raise UserError(f"{service} is too slow now; try again later or use a local copy.")
            return answer.status_code, _seconds(answer.headers.get("Retry-After")), bytes(body)
    except requests.exceptions.Timeout as error:
        raise UserError(f"{service} did not answer within {timeout:g} s; try again or use a local copy.") from error
    except requests.exceptions.RequestException as error:
        host = urlsplit(url).hostname
        raise UserError(f"{service} ({host}) cannot be reached; check the network or use a local copy.") from error


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _reason(answer: Any) -> str:
    text = answer.get("error") if isinstance(answer, dict) else None
    return " ".join(str(text or "not found").split())[:120].rstrip(".")


def _seconds(text: str | None) -> float:
    try:
        return max(float(text), 0.0) if text else 0.5
    except ValueError:
        return _LONGEST_WAIT + 1

"""What the web application does with accounts."""

import hashlib
import os
import secrets
from datetime import datetime, timedelta, timezone

from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import Session as Connection

from app.models import Session, User
from app.organizations import PLATFORM


def connect() -> Connection:
    url = os.environ["DATABASE_URL"]
    for scheme in ("postgresql://", "postgres://"):
        if url.startswith(scheme):
            url = "postgresql+psycopg://" + url.removeprefix(scheme)
    return Connection(create_engine(url))


def sign_up(connection: Connection, email: str) -> User:
    """A new user, who belongs to the platform until an organization invites them."""
    user = User(email=email, organization_id=PLATFORM)
    connection.add(user)
    connection.flush()
    return user


def sign_in(connection: Connection, email: str) -> str | None:
    """The token of a new session; None where nobody has this address."""
    user = connection.scalar(select(User).where(func.lower(User.email) == email.lower()))
    if user is None:
        return None
    token = secrets.token_urlsafe(32)
    connection.add(
        Session(
            token_digest=hashlib.sha256(token.encode()).digest(),
            user_id=user.id,
            expires_at=datetime.now(timezone.utc) + timedelta(hours=12),
        )
    )
    connection.flush()
    return token

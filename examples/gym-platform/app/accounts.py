"""Passwords, and the role in which a person works."""

import hashlib
import os
import secrets

from sqlalchemy import create_engine, func, select, text, update
from sqlalchemy.orm import Session

from app.models import Role, User


def connect() -> Session:
    url = os.environ["DATABASE_URL"]
    for scheme in ("postgresql://", "postgres://"):
        if url.startswith(scheme):
            url = "postgresql+psycopg://" + url.removeprefix(scheme)
    return Session(create_engine(url))


def hashed(password: str, salt: str) -> str:
    digest = hashlib.scrypt(password.encode(), salt=bytes.fromhex(salt), n=2**14, r=8, p=1)
    return f"{salt}:{digest.hex()}"


def set_password(connection: Session, email: str, password: str) -> bool:
    """False where nobody has this address."""
    change = update(User).where(func.lower(User.email) == email.lower())
    changed = connection.execute(change.values(hashed_password=hashed(password, secrets.token_hex(16))))
    return changed.rowcount == 1


def sign_in(connection: Session, email: str, password: str) -> Role | None:
    """The role of the person, which `work_as` takes; None where address or password is wrong."""
    columns = select(User.role, User.hashed_password).where(func.lower(User.email) == email.lower())
    person = connection.execute(columns).one_or_none()
    if person is None or person.hashed_password is None:
        return None
    salt, _ = person.hashed_password.split(":")
    right = secrets.compare_digest(person.hashed_password, hashed(password, salt))
    return person.role if right else None


def work_as(connection: Session, role: Role) -> None:
    """Until the end of the transaction, the server allows what this role may do and nothing else."""
    connection.execute(text(f"SET LOCAL ROLE gym_{role.value}"))

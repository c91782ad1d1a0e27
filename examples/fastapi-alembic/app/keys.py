"""The API keys in use and whom they act for: what GET /keys answers. `python -m app.keys` prints it."""

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.db import engine
from app.models import ApiKey, User


def keys_in_use(session: Session) -> list[tuple[str, str]]:
    """Name and e-mail address of the user, for every key that is not revoked."""
    statement = (
        select(ApiKey.name, User.email)
        .join(ApiKey.user)
        .where(ApiKey.revoked_at.is_(None))
        .order_by(ApiKey.id)
    )
    return [(name, email) for name, email in session.execute(statement)]


def main() -> None:
    with Session(engine) as session:
        try:
            keys = keys_in_use(session)
        except DBAPIError as error:
            raise SystemExit(f"500 Internal Server Error: {error.orig}") from error
    for name, email in keys:
        print(f"{name}: {email}")
    print(f"{len(keys)} keys")


if __name__ == "__main__":
    main()

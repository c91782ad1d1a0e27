"""Users: `python -m app.users list`, and `python -m app.users sign-in ADDRESS`, which the identity provider has proved."""

import sys

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.db import engine
from app.models import User


def sign_in(session: Session, email: str) -> User:
    """The user with this address; a new one where there is none."""
    user = session.scalar(select(User).where(User.email == email))
    if user is None:
        user = User(email=email)
        session.add(user)
        session.commit()
    return user


def main() -> None:
    with Session(engine) as session:
        try:
            match sys.argv[1:]:
                case ["list"]:
                    users = session.scalars(select(User).order_by(User.id)).all()
                case ["sign-in", email]:
                    users = [sign_in(session, email)]
                case _:
                    raise SystemExit(__doc__)
        except DBAPIError as error:
            raise SystemExit(f"{type(error.orig).__name__}: {error.orig}".splitlines()[0]) from error
        for user in users:
            print(f"{user.id} {user.email} username={user.username} password={user.password_hash is not None}")


if __name__ == "__main__":
    main()

"""`python -m app.sign_up ADDRESS`: what POST /users does, at a terminal."""

import sys

from sqlalchemy.exc import DBAPIError

from app.accounts import connect, sign_up


def main(email: str) -> int:
    with connect() as connection:
        try:
            user = sign_up(connection, email)
            connection.commit()
        except DBAPIError as error:
            message = error.orig.diag
            print(f"error: {message.message_primary}")
            if message.message_detail:
                print(message.message_detail)
            return 1
        print(f"{user.email} belongs to {user.organization.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

"""`python -m app.set_password ADDRESS PASSWORD`"""

import sys

from sqlalchemy.exc import DBAPIError

from app.accounts import connect, set_password


def main(email: str, password: str) -> int:
    with connect() as connection:
        try:
            known = set_password(connection, email, password)
            connection.commit()
        except DBAPIError as error:
            print(f"error: {error.orig.diag.message_primary}")
            return 1
        print("the password is set" if known else "nobody has this address")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""`python -m app.payments ADDRESS PASSWORD`: what a person sees of the payments, with the rights of their role."""

import sys

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from app.accounts import connect, sign_in, work_as
from app.models import Payment


def main(email: str, password: str) -> int:
    with connect() as connection:
        try:
            role = sign_in(connection, email, password)
            if role is None:
                print("wrong address or password")
                return 1
            work_as(connection, role)
            print(f"as {role.value}: {connection.scalar(select(func.sum(Payment.cents)))} cents")
        except DBAPIError as error:
            print(f"error: {error.orig.diag.message_primary}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

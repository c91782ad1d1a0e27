"""The web application: `uvicorn app.main:app`."""

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

from app.accounts import connect, sign_in, sign_up

app = FastAPI(title="accounts")


class Address(BaseModel):
    email: str


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "up"}


@app.post("/users", status_code=201)
def create_user(address: Address) -> dict[str, str]:
    with connect() as connection:
        user = sign_up(connection, address.email)
        connection.commit()
        return {"email": user.email, "organization": user.organization.slug}


@app.post("/sessions", status_code=201)
def create_session(address: Address) -> dict[str, str]:
    with connect() as connection:
        token = sign_in(connection, address.email)
        if token is None:
            raise HTTPException(404, "nobody has this address")
        connection.commit()
        return {"token": token}

"""The web server: `uvicorn app.main:app`."""

from fastapi import FastAPI
from sqlalchemy.orm import Session

from app.db import engine
from app.keys import keys_in_use

app = FastAPI(title="platform")


@app.get("/keys")
def keys() -> list[dict[str, str]]:
    with Session(engine) as session:
        return [{"name": name, "user": email} for name, email in keys_in_use(session)]

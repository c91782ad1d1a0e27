"""The connection to the database that DATABASE_URL names (postgresql+psycopg://...)."""

import os

from sqlalchemy import create_engine

engine = create_engine(os.environ["DATABASE_URL"])

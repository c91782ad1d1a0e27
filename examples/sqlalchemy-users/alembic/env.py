"""Alembic's environment: the application's models, and the database of DATABASE_URL."""

from logging.config import fileConfig

from alembic import context

from app.db import engine
from app.models import Base

fileConfig(context.config.config_file_name)

with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()

"""api keys user id"""

import sqlalchemy as sa
from alembic import op

revision = "c60a52e8f914"
down_revision = "41b7e9d3c5f0"


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("user_id", sa.BigInteger))
    # Checked in the next revision, so that nobody waits while existing rows are read.
    op.create_foreign_key(
        "api_keys_user_id_fkey",
        "api_keys",
        "users",
        ["user_id"],
        ["id"],
        ondelete="CASCADE",
        postgresql_not_valid=True,
    )


def downgrade() -> None:
    op.drop_column("api_keys", "user_id")

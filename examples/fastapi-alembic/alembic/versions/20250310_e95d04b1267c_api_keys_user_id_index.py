"""api keys user id index"""

from alembic import op

revision = "e95d04b1267c"
down_revision = "c60a52e8f914"


def upgrade() -> None:
    op.execute("ALTER TABLE api_keys VALIDATE CONSTRAINT api_keys_user_id_fkey")
    with op.get_context().autocommit_block():
        op.create_index("ix_api_keys_user_id", "api_keys", ["user_id"], postgresql_concurrently=True)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("ix_api_keys_user_id", postgresql_concurrently=True)

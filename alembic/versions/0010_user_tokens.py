"""What user tokens are checked with: a secret that is derived from the key which signs them.

Revision 0010, after 0009, of 2026-11-21.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("token_secret", sa.LargeBinary()))
    op.create_check_constraint(op.f("ck_api_keys_token_secret_size"), "api_keys", "octet_length(token_secret) = 32")


def downgrade() -> None:
    op.drop_column("api_keys", "token_secret")

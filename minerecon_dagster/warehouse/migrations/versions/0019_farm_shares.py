"""Farms by year, and shares of what farms notified: views alone; tables stay as they are.

The revision lets a stack of before know that its views are old.
"""

from __future__ import annotations

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing: views that say something else are made anew by every upgrade."""

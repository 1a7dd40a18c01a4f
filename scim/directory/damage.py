"""Bodies of rows that are a word about users and groups: one that is damaged spoils nothing but itself."""

from scim.directory import keys
from scim.storage.damage import leave_out
from scim.storage.rows import Row


def owner_in(row: Row) -> str | None:
    """Return the id in the row of a unique name; None, which is logged, where there is none."""
    if keys.is_id(row.body):
        return row.body
    leave_out(row, "it has no id")
    return None


def kind_in(row: Row) -> str:
    """Return the kind of the member in a membership row of a group; "", which is logged, where there is none."""
    if row.body in ("u", "g"):
        return row.body
    leave_out(row, "it has no kind of member")
    return ""

"""Files of users, groups and the scope in many layouts, with hostile values."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

HOSTILE = [
    "Ada", "No", "0012", "1E5", "2024-01-01", "~", "=1+1", "a: b", "- c", "#d", " e ", "f\ng", "h\r\ni",
    "\u2028", "\u202ej",    "\x00", "##[error]k", "::add-mask::l", "O'Brien", '"', "Zoë 😀", "\ufeffm", "[n",
    "{o}", "&p", "*q", "true",
    "x" * 200,
]  # fmt: skip
texts = st.sampled_from(HOSTILE)
KEYS = ("givenName", "surname", "department", "employeeId", "extensionAttribute1", "zz", "otherMails")
fields = st.dictionaries(st.sampled_from(KEYS[:-1]), texts, max_size=4)
layouts = st.sampled_from([
    "{dash}userPrincipalName: {name}  # {name}\n{pairs}",
    "{dash}objectId: id-{name}\n  userPrincipalName: '{name}'\n  # rest\n{pairs}  lifecycle: {{protected: true}}\n",
    "{dash}{{userPrincipalName: {name}, objectId: 'id-{name}'{flow}}}\n",
    "-\n  # first\n  userPrincipalName: {name}\n{pairs}  unknown:\n  - a\n  - b # c\n",
])  # fmt: skip


def quote(value: str) -> str:
    return '"' + "".join(f"\\U{ord(each):08x}" if not each.isalnum() else each for each in value) + '"'


@st.composite
def states(draw: Any) -> dict[str, bytes]:
    """Files of users in several layouts, a group and a scope."""
    names = draw(st.lists(st.sampled_from([f"u{number}@example.com" for number in range(9)]), unique=True, max_size=7))
    contents: dict[str, str] = {}
    for number, name in enumerate(names):
        values = draw(fields)
        pairs = "".join(f"  {key}: {quote(value)}\n" for key, value in values.items())
        flow = "".join(f", {key}: {quote(value)}" for key, value in values.items())
        entry = draw(layouts).format(dash="- ", name=name, pairs=pairs, flow=flow)
        file = f"users/{draw(st.sampled_from(['a', 'b']))}.yaml"
        between = draw(st.sampled_from(["", "\n", f"# about {number}\n", "\n# --- team ---\n\n"]))
        contents[file] = (
            contents.get(file, draw(st.sampled_from(["", "# Head\n", "\ufeff# Head\n\n"]))) + between + entry
        )
    members = draw(st.lists(st.sampled_from(names), unique=True)) if names else []
    style = draw(st.sampled_from(["      - {}  # m\n", "{}, "]))
    listed = "".join(style.format(each) for each in members)
    users = f"\n{listed}" if style.startswith(" ") and members else f" [{listed}]\n"
    contents["groups/g.yaml"] = f"# Groups\n- name: g\n  objectId: id-g\n  members:\n    users:{users}"
    contents["scope.yaml"] = f"sync: assigned\nassigned:\n  users: [{', '.join(members[:2])}]  # x\n  groups: [g]\n"
    end = draw(st.sampled_from(["\n", "\r\n"]))
    cut = draw(st.booleans())
    return {name: (text.rstrip("\n") if cut else text).replace("\n", end).encode() for name, text in contents.items()}

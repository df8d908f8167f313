"""What docs/clients.md says of the JavaScript client is what it has."""

import re

from edge.gateway.client_files import FILES
from tests.docs.pages import page, rows

PAGE = "clients.md"
CLIENT = (FILES / "caas.js").read_text(encoding="utf-8")
SECTION = page(PAGE)[page(PAGE).index("## JavaScript") :]


def test_every_option_is_documented() -> None:
    taken = re.search(r"constructor\(\{ (.+) \}\)", CLIENT)
    assert taken is not None
    options = {option.split(" = ")[0] for option in taken[1].split(", ")}
    types = CLIENT[CLIENT.index("@typedef {object} Options") :]
    typed = set(re.findall(r"^ \* @property \{.+\} \[?(\w+)\]?", types, re.MULTILINE))
    assert options == typed
    assert options <= rows(PAGE).keys()


def test_everything_public_is_documented() -> None:
    methods = set(re.findall(r"^  (?:async )?(\w+)\(", CLIENT, re.MULTILINE)) - {"constructor"}
    getters = set(re.findall(r"^  get (\w+)\(", CLIENT, re.MULTILINE))
    assert methods
    assert getters
    assert methods == {call.split("(")[0] for call in re.findall(r"^\| `(\w+\(.*?\))` \|", SECTION, re.MULTILINE)}
    assert {name for name in getters if f"`{name}`" not in SECTION} == set()


def test_every_event_of_its_own_is_documented() -> None:
    texts = "".join(path.read_text(encoding="utf-8") for path in FILES.glob("*.js"))
    own = set(re.findall(r'type: "([a-z]+)"', texts)) - {"auth", "sync"}
    assert own == {"pending", "sent", "failed", "online", "offline", "reset"}
    assert {name for name in own if f"`{name}`" not in SECTION} == set()


def test_every_export_has_its_words() -> None:
    bare = [
        (path.name, match[1])
        for path in FILES.glob("*.js")
        for match in re.finditer(r"^(.*)\n((?:export )(?:class|function|const) \w+)", path.read_text(), re.MULTILINE)
        if not match[1].strip().endswith("*/")
    ]
    assert bare == []

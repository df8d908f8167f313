"""Makes `recording.jsonl.gz`: invented people who say invented things, with every special case there is.

`python tests/data/make_recording.py` writes the same bytes every time.
"""

import gzip
import io
import json
import random
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
USERS = [f"u_{name}" for name in ["ada", "bo", "cy", "dee", "eli", "fay", "gus", "hal", "ivy", "jo", "kim", "lee"]]
CHANNELS = [f"c_{name}" for name in ["atlas", "birch", "cedar", "delta", "ember", "fjord"]]
WORDS = ["lamp", "river", "copper", "seven", "quiet", "orbit", "maple", "grain", "tidal", "violet", "ferry", "lantern"]
WORDS += ["ünïcode", "🙂", "<b>bold</b>", '"quoted"']
ROWS = 240

Row = dict[str, Any]


class Maker:
    """Writes rows as somebody would who knows what stands in each channel."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.rows: list[Row] = []
        self.clock = 1_700_000_000_000_000
        self.sent: list[Row] = []
        self.deleted: set[tuple[str, str]] = set()

    def at(self) -> str:
        self.clock += self.random.randint(1, 90_000_000)
        return f"{self.clock // 1_000_000}.{self.clock % 1_000_000:06d}"

    def words(self) -> str:
        return " ".join(self.random.choices(WORDS, k=self.random.randint(1, 12)))

    def row(self, kind: str, channel: str, user: str, **more: Any) -> Row:
        row = {"at": more.pop("at", None) or self.at(), "kind": kind, "channel": channel, "user": user, **more}
        self.rows.append(row)
        if kind == "send":
            self.sent.append(row)
        return row

    def edit(self, target: Row, text: str, user: str | None = None) -> None:
        self.row("edit", target["channel"], user or target["user"], target=target["at"], text=text)

    def delete(self, target: Row, user: str | None = None) -> None:
        self.row("delete", target["channel"], user or target["user"], target=target["at"])
        if user in {None, target["user"]}:
            self.deleted.add((target["channel"], target["at"]))

    def alive(self) -> list[Row]:
        return [row for row in self.sent if (row["channel"], row["at"]) not in self.deleted]


def ordinary(make: Maker) -> None:
    """What mostly happens: people come, talk, answer, correct themselves and go."""
    for _ in range(ROWS):
        channel = make.random.choices(CHANNELS, weights=(9, 5, 3, 2, 2, 1))[0]
        user = make.random.choice(USERS)
        target = make.random.choice(make.alive()[-12:]) if make.sent else None
        dice = make.random.random()
        if dice < 0.08:
            make.row("join", channel, user)
        elif dice < 0.12:
            make.row("leave", channel, user)
        elif target is None or dice < 0.72:
            make.row("send", channel, user, text=make.words())
        elif dice < 0.84:
            make.row("send", target["channel"], user, text=make.words(), thread=target["at"])
        elif dice < 0.96:
            make.edit(target, make.words() if make.random.random() < 0.5 else target["text"])
        else:
            make.delete(target)


def special(make: Maker) -> None:
    """Each special case, whatever the dice said."""
    atlas, birch, cedar = CHANNELS[:3]
    ada, bo, cy, dee = USERS[:4]
    make.row("leave", cedar, "u_stranger")
    make.row("leave", atlas, "u_new")
    make.row("join", atlas, "u_new")
    make.row("join", atlas, "u_new")
    make.row("send", atlas, "u_quiet", text="nobody saw me come in")
    make.row("edit", birch, "u_ghost", target="1600000000.000001", text="of a message never sent")
    make.row("edit", birch, "u_ghost", target="1600000000.000001", text="of a message never sent, again")
    make.row("delete", birch, "u_ghost", target="1600000000.000002")
    make.row("send", atlas, bo, text="an answer to nothing", thread="1600000000.000003")
    elsewhere = make.row("send", birch, bo, text="said in birch")
    make.row("send", atlas, bo, text="an answer to what was said elsewhere", thread=elsewhere["at"])
    mine = make.row("send", atlas, ada, text="first")
    make.edit(mine, "mine now", user=bo)
    make.delete(mine, user=bo)
    make.edit(mine, "first")
    make.edit(mine, "second")
    make.edit(mine, "first")
    make.edit(mine, "first")
    unedited = make.row("send", cedar, cy, text="same")
    make.edit(unedited, "same")
    gone = make.row("send", cedar, cy, text="to be withdrawn")
    make.edit(gone, "to be withdrawn soon")
    make.row("send", cedar, dee, text="an answer in time", thread=gone["at"])
    make.delete(gone)
    make.delete(gone)
    make.delete(gone, user=dee)
    make.edit(gone, "too late")
    make.row("send", cedar, dee, text="an answer to what was withdrawn", thread=gone["at"])
    never_changed = make.row("send", cedar, cy, text="withdrawn unchanged")
    make.edit(never_changed, "withdrawn unchanged")
    make.delete(never_changed)
    make.row("leave", cedar, cy)
    make.row("send", cedar, dee, text="while you were out")
    make.edit(unedited, "changed by one who had left")
    make.row("leave", cedar, cy)
    make.row("join", cedar, cy)
    make.row("send", cedar, cy, text="back again")
    moment = make.at()
    make.row("join", atlas, "u_twice", at=moment)
    make.row("join", birch, "u_twice", at=moment)
    moment = make.at()
    make.row("send", atlas, ada, text="at one moment here", at=moment)
    make.row("send", birch, ada, text="and there", at=moment)
    chain = make.row("send", atlas, cy, text="root")
    for user in (dee, ada, bo):
        chain = make.row("send", atlas, user, text=f"{user} answers", thread=chain["at"])


def recording() -> bytes:
    """The file's bytes."""
    make = Maker(2018)
    ordinary(make)
    special(make)
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in make.rows)
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0, filename="") as file:
        file.write(lines.encode())
    return packed.getvalue()


if __name__ == "__main__":
    (HERE / "recording.jsonl.gz").write_bytes(recording())

"""`caas audit checkpoints` lists what was signed at intervals, and the notes of it are verified like others."""

import json
from pathlib import Path

from core.audit.checkpoint import origin_of, verify
from core.audit.note import VerifierKey
from tests.edge.cli.conftest import Caas
from tests.edge.cli.test_audit import SEND, WHY


def test_checkpoint_of_the_first_records_is_listed_and_verified(caas: Caas, tmp_path: Path) -> None:
    file, data = tmp_path / "good.jsonl", ("--data", str(tmp_path / "data"))
    file.write_text(SEND % (1, "text"))
    assert caas("play", str(file), *data).status == 0
    asked = ("audit", "checkpoints", *WHY, *data)
    while not (said := caas(*asked, "--json")).out:  # the first one is signed when the log has its first records
        assert said.status == 0, said.err
    one = json.loads(said.out.splitlines()[0])
    key = VerifierKey.parse(caas("audit", "key", *data).out.strip())
    found = verify(one["note"], [key], origin_of("default")).checkpoint
    assert (found.size, found.root.hex()) == (one["size"], one["root"])
    kept = list((tmp_path / "data" / "checkpoints" / "tenant-default").iterdir())
    assert one["note"] in [path.read_text() for path in kept]
    line = caas(*asked).out.splitlines()[0]
    assert line.split() == [one["signed_at"], str(one["size"]), one["root"]]
    checkpoint = tmp_path / "checkpoint"
    checkpoint.write_text(one["note"])
    assert caas("audit", "consistency", str(checkpoint), *WHY, *data).status == 0

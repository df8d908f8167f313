"""The JavaScript client as an npm package: packed, installed in an empty folder, used from Node.js."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.wire.frames import PUSH_OF_LANE
from tests.architecture.packages import ROOT
from tests.e2e.up import Up

PACKAGE = ROOT / "edge" / "sdk" / "js"
TALK = """
import { Client } from "caas-client";

const [url, ann, bob] = process.argv.slice(2);
const as = (token) => new Client({ tokens: async () => ({ token, socket_urls: [url] }) });
const [writer, reader] = [as(ann), as(bob)];
await Promise.all([writer.start(), reader.start()]);
const room = await writer.ask("conversation:create", { external_id: "npm", participants: ["bob"] });
writer.send(room.conversation_id, "Noodles at noon?");
for await (const event of reader.events()) {
  if (event.type !== "message:new") continue;
  console.log(`${event.data.sender} says ${event.data.text}`);
  break;
}
await Promise.all([writer.stop(), reader.stop()]);
"""

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def run(*command: str, cwd: Path) -> str:
    """Run a command; return its output."""
    assert shutil.which(command[0]), "these tests need Node.js 20 or newer with npm"
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A new folder with the packed client installed."""
    folder = tmp_path_factory.mktemp("npm")
    packed = json.loads(run("npm", "pack", "--json", "--pack-destination", str(folder), cwd=PACKAGE))
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    run("npm", "install", "--no-audit", "--no-fund", str(folder / packed[0]["filename"]), cwd=folder)
    yield folder


def test_package_has_the_modules_and_their_types(installed: Path) -> None:
    package = installed / "node_modules" / "caas-client"
    modules = {path.stem for path in package.glob("*.js")}
    assert modules == {path.stem for path in PACKAGE.glob("*.js")}
    assert {path.name.removesuffix(".d.ts") for path in (package / "types").iterdir()} == modules
    assert {path.name for path in (installed / "node_modules").iterdir() if not path.name.startswith(".")} == {
        "caas-client",
        "ws",
    }


def test_installed_client_sends_and_receives_in_node(installed: Path, up: Up) -> None:
    (installed / "talk.js").write_text(TALK)
    said = run("node", "talk.js", up.socket_url, up.token("ann"), up.token("bob"), cwd=installed)
    assert said == "ann says Noodles at noon?\n"


def test_type_declarations_match_the_modules(tmp_path: Path) -> None:
    folder = tmp_path / "js"
    shutil.copytree(PACKAGE, folder, ignore=shutil.ignore_patterns("types", "node_modules"))
    run("npm", "install", "--no-audit", "--no-fund", cwd=folder)
    run("npm", "run", "types", cwd=folder)
    made = {path.name: path.read_text() for path in (folder / "types").iterdir()}
    kept = {path.name: path.read_text() for path in (PACKAGE / "types").iterdir()}
    assert made == kept, "run: npm run types"


def test_lanes_of_the_client_are_those_of_the_protocol(tmp_path: Path) -> None:
    module = json.dumps(str(PACKAGE / "lanes.js"))
    code = f"import {{ PUSH_OF_LANE }} from {module}; console.log(JSON.stringify(PUSH_OF_LANE))"
    script = tmp_path / "lanes.mjs"
    script.write_text(code)
    lanes = json.loads(run("node", str(script), cwd=tmp_path))
    assert {lane: push for lane, push in lanes.items() if lane in PUSH_OF_LANE} == dict(PUSH_OF_LANE)

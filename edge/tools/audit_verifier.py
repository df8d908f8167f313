"""Verify an export of the audit log offline: this one file, Python 3.11 and `cryptography` are all that is needed.

An export is lines of JSON: a manifest, then for each record its leaf index, its leaf hash, the record, and where it is
filtered the hashes that prove it. A record is hashed as canonical JSON (RFC 8785), these hashes are the leaves of a
Merkle tree (RFC 6962), and a checkpoint is size and root of that tree, signed with Ed25519 (C2SP tlog-checkpoint).
"""

import argparse
import base64
import functools
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MANIFEST = {"tenant": str, "query": dict, "records": int, "tree_size": int, "root": str, "sha256": str}
FIELDS = {"leaf_index", "leaf_hash", "record", "proof"}
"""What a manifest must have (it is not signed: nothing rests on it alone), and what the line of a record may have:
anything else would not be verified."""
Keys = dict[tuple[str, bytes], bytes]  # public keys by name and key id
Signed = dict[int, bytes]  # the roots that a given key signed, by size
decoded = functools.partial(base64.b64decode, validate=True)


class Entry(NamedTuple):
    """The line of a record: the leaf hash beside it, and what it hashes to, None where it is no record."""

    line: int
    leaf_index: int
    stated: bytes
    computed: bytes | None
    id: object
    proof: list[bytes] | None


@dataclass
class Report:
    """The findings, each with its `kind` and `message`, and where it is about a record with `line`, `leaf_index` and
    `id`; `proved` is the number of records that a checkpoint proves, which counts where nothing was found.
    """

    tenant: str
    whole: bool
    records: int = 0
    proved: int = 0
    signed_by: list[str] = field(default_factory=list)
    findings: list[dict[str, Any]] = field(default_factory=list)

    def found(self, kind: str, message: str, entry: Entry | None = None) -> None:
        """Add a finding, about the record of this line if there is one."""
        finding: dict[str, Any] = {"kind": kind, "message": message}
        if entry is not None:
            finding["message"] = f"line {entry.line}: record {entry.id!r:.80} at leaf {entry.leaf_index} {message}"
            finding |= {"line": entry.line, "leaf_index": entry.leaf_index, "id": entry.id}
        self.findings.append(finding)


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf (RFC 6962, 2.1)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of the node over two others (RFC 6962, 2.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def canonical(value: Any) -> bytes:
    """Return the canonical JSON (RFC 8785) of a value without fractions. Raises `ValueError`."""
    return json.dumps(_ordered(value), ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _ordered(value[name]) for name in sorted(value, key=lambda name: name.encode("utf-16-be"))}
    if isinstance(value, list):
        return [_ordered(item) for item in value]
    if isinstance(value, float) or (isinstance(value, int) and abs(value) >= 2**53):
        raise ValueError(f"no record has the number {value}")
    return value


def roots(leaves: Iterable[bytes], sizes: set[int]) -> dict[int, bytes]:
    """Return the root over the first leaves for each of these sizes; none where there are fewer leaves."""
    found = {0: hashlib.sha256(b"").digest()}
    peaks: list[bytes] = []  # the roots of the full subtrees so far, the largest first
    for size, leaf in enumerate(leaves, 1):
        peaks.append(leaf)
        for _ in range((size & -size).bit_length() - 1):  # two full subtrees of equal size become one
            right = peaks.pop()
            peaks.append(node_hash(peaks.pop(), right))
        if size in sizes:
            found[size] = peaks[-1]
            for left in reversed(peaks[:-1]):
                found[size] = node_hash(left, found[size])
    return found


def includes(leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes) -> bool:
    """Return whether a proof leads from a leaf hash at this index to the root of this size (RFC 9162, 2.1.3.2)."""
    last = size - 1
    for beside in proof:
        if last == 0:
            return False
        if index & 1 or index == last:
            leaf = node_hash(beside, leaf)
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            leaf = node_hash(leaf, beside)
        index, last = index >> 1, last >> 1
    return last == 0 and leaf == root


def read_keys(lines: Iterable[str]) -> Keys:
    """Return the keys of texts `name+id+base64`; empty ones and those after `#` do not count. Raises `ValueError`."""
    found: Keys = {}
    for line in (line.strip() for line in lines):
        if line and not line.startswith("#"):
            name, key_id, encoded = (*line.split("+", 2), "", "")[:3]
            key = decoded(encoded)
            known = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
            if len(key) != 33 or key[0] != 1 or known.hex() != key_id:
                raise ValueError("a given key is no verifier key of Ed25519")
            found[name, known] = key[1:]
    return found


def read_checkpoint(path: Path, keys: Keys, report: Report) -> Signed:
    """Return a checkpoint of the tenant that a given key signed; else a finding says why not. Raises `ValueError`."""
    try:
        text, _, signatures = path.read_bytes().decode().rpartition("\n\n")
        origin, size, root = text.split("\n")[:3]
        found = {int(size): decoded(root)}
        signed = [line.removeprefix("— ").split(" ") for line in signatures.strip("\n").split("\n")]
        by_key = {(name, decoded(one)[:4]): decoded(one)[4:] for name, one in signed}
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is no checkpoint: {error}") from None
    known = sorted(keys.keys() & by_key.keys())
    try:
        for key in known:
            Ed25519PublicKey.from_public_bytes(keys[key]).verify(by_key[key], f"{text}\n".encode())
    except InvalidSignature:
        report.found("checkpoint", f"{path}: its signature is false")
        return {}
    if not known or origin != f"caas/{quote(report.tenant, safe='')}":
        why = f"it is of the log {origin!r:.80}, not of tenant {report.tenant!r}" if known else "no given key signed it"
        report.found("checkpoint", f"{path}: {why}")
        return {}
    report.signed_by += [f"{name}+{key_id.hex()}" for name, key_id in known]
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def read_manifest(line: bytes) -> dict[str, Any]:
    """Return the first line of an export. Raises `ValueError`."""
    found = json.loads(line, object_pairs_hook=_unique)
    if not isinstance(found, dict) or not all(isinstance(found.get(name), kind) for name, kind in MANIFEST.items()):
        raise ValueError("line 1 is no manifest")
    return found


def read_entry(line: bytes, number: int) -> Entry:
    """Return a later line of an export. Raises `ValueError`."""
    try:
        value = json.loads(line, object_pairs_hook=_unique)
        index, record, stated = value["leaf_index"], value["record"], bytes.fromhex(value["leaf_hash"])
        proof = [bytes.fromhex(one) for one in value["proof"]] if "proof" in value else None
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"line {number} is not the line of a record: {error}") from None
    if type(index) is not int or index < 0 or not isinstance(record, dict) or not value.keys() <= FIELDS:
        raise ValueError(f"line {number} is not the line of a record")
    try:
        computed = leaf_hash(canonical(record))
    except (ValueError, RecursionError):
        computed = None
    return Entry(number, index, stated, computed, record.get("id"), proof)


def check_records(entries: Iterator[Entry], size: int, root: bytes | None, report: Report) -> dict[int, bytes]:
    """Check each record by itself, with the signed root of this size if there is one; return the leaf hashes."""
    leaves: dict[int, bytes] = {}
    highest = -1
    for entry in entries:
        report.records += 1
        index, proof = entry.leaf_index, entry.proof
        if entry.computed != entry.stated:
            report.found("changed", "was changed: its hash is not the leaf hash beside it", entry)
        if index in leaves or index >= size:
            why = "a record before it has that leaf" if index in leaves else f"the tree has {size} leaves"
            report.found("inserted", f"was inserted: {why}", entry)
            continue
        if index < highest:
            report.found("reordered", f"was moved: it stands behind leaf {highest}", entry)
        highest = max(highest, index)
        leaves[index] = entry.stated
        if root is not None and not (report.whole and proof is None):
            if not includes(entry.stated, index, size, proof or [], root):
                report.found("proof", "is not proved: it was changed, inserted or moved, or its proof was", entry)
            elif not report.whole:
                report.proved += 1
    return leaves


def check_tree(leaves: dict[int, bytes], size: int, signed: Signed, report: Report) -> str | None:
    """Check that no leaf is missing, and that the roots are those that were signed; return that of this size."""
    end = max(size, *signed, 0)
    present = sorted(leaves)
    for before, index in zip([-1, *present], [*present, end], strict=True):
        if index > before + 1:
            kind = "truncated" if index == end else "removed"
            report.found(kind, f"{kind}: of leaves {before + 1} to {index - 1} there is no record")
    prefix = [leaves[index] for place, index in enumerate(present) if place == index]
    known = roots(prefix, {size, *signed})
    for one in sorted(signed.keys() & known.keys()):
        if known[one] != signed[one]:
            fits = f", but those of the checkpoint of {report.proved}" if report.proved else ""
            report.found("root", f"the records are not those of the checkpoint of {one}{fits}")
            break
        report.proved = one
    return known[size].hex() if size in known else None


def verify(export: Path, checkpoints: list[Path], keys: Keys) -> Report:
    """Return what is found in an export. Raises `OSError`, `ValueError`."""
    signed: Signed = {}
    with export.open("rb") as file:
        manifest = read_manifest(first := file.readline())
        report = Report(manifest["tenant"], not manifest["query"])
        for path in checkpoints:
            one = read_checkpoint(path, keys, report)
            if any(signed.get(size, root) != root for size, root in one.items()):
                report.found("checkpoint", f"{path}: another root of the same size was signed too")
            signed |= one
        size = manifest["tree_size"]
        entries = (read_entry(line, number) for number, line in enumerate(file, 2))
        leaves = check_records(entries, size, signed.get(size), report)
        file.seek(len(first))
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if report.whole and check_tree(leaves, size, signed, report) not in {None, manifest["root"]}:
        report.found("manifest", "the root in the manifest is not that of the records")
    if not report.whole and size not in signed:
        report.found("checkpoint", f"no checkpoint of {size} is given, and the proofs are for that size")
    if (manifest["records"], manifest["sha256"]) != (report.records, digest):
        report.found("manifest", "the manifest was written for other lines than these")
    return report


def summary(report: Report) -> str:
    """Return the last line of the output."""
    if report.findings:
        return f"FAILED: {len(report.findings)} findings in {report.records} records of {report.tenant!r}"
    later = "; later ones are in no given checkpoint" if report.proved < report.records else ""
    limits = later if report.whole else "; filtered: that no other record belongs here is not proved"
    proved, signers = f"{report.proved} of {report.records} records", ", ".join(report.signed_by)
    return f"verified: {proved} of {report.tenant!r}, signed by {signers}{limits}"


def parser(*, add_help: bool = True) -> argparse.ArgumentParser:
    """Return the parser of the arguments."""
    found = argparse.ArgumentParser(description="verify an export of the audit log offline", add_help=add_help)
    found.add_argument("export", metavar="EXPORT", type=Path, help="the file with the records")
    repeatable: dict[str, Any] = {"action": "append", "required": True}
    found.add_argument("--checkpoint", metavar="FILE", type=Path, help="signed checkpoint; repeatable", **repeatable)
    found.add_argument("--key", metavar="KEY", help="verifier key, or file of them; repeatable", **repeatable)
    found.add_argument("--whole", action="store_true", help="refuse an export that is filtered")
    found.add_argument("--json", action="store_true", help="print JSON")
    return found


def main(arguments: list[str] | argparse.Namespace | None = None) -> int:
    """Verify as the arguments say and print what is found. 0: nothing; 1: something; 2: a file cannot be read."""
    options = arguments if isinstance(arguments, argparse.Namespace) else parser().parse_args(arguments)
    try:
        files = (Path(one).read_text(encoding="utf-8") if Path(one).is_file() else one for one in options.key)
        report = verify(options.export, options.checkpoint, read_keys("\n".join(files).split("\n")))
    except (OSError, ValueError, RecursionError) as error:
        sys.stderr.write(f"unreadable: {error}\n")
        return 2
    if options.whole and not report.whole:
        report.found("manifest", "the export is filtered")
    text = "\n".join([*(one["message"] for one in report.findings), summary(report)])
    sys.stdout.write((json.dumps(asdict(report)) if options.json else text) + "\n")
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main())

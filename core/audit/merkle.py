"""The Merkle tree of RFC 6962 over SHA-256: roots, proofs and their verification; every hash has 32 bytes.

A `Node` is the root of a full subtree; it never changes once its last leaf is there, in trees of any size. A `Path`
says of which nodes each hash of a proof is made, so that a caller reads those first and then computes the proof.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()


@dataclass(frozen=True, slots=True)
class Node:
    """The root over the leaves from `index << level` to before `index + 1 << level`; a leaf has level 0."""

    level: int
    index: int


NodeHash = Callable[[Node], bytes]
Path = tuple[tuple[Node, ...], ...]


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf with this data."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of the node over these two."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root of the tree with these leaf hashes."""
    return Frontier().extend(leaves).root()


@dataclass(frozen=True, slots=True)
class Frontier:
    """A tree as far as its root and all later ones need it: `peaks` are the roots of its full subtrees, the largest
    first, one for each bit of `size`. Raises `ValueError` where they are not.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.peaks) != self.size.bit_count() or any(len(p) != HASH_BYTES for p in self.peaks):
            raise ValueError(f"{len(self.peaks)} peaks are not those of {self.size} leaves")

    def add(self, leaf: bytes) -> Self:
        """Return it with this leaf hash behind its last."""
        return self.extend((leaf,))

    def extend(self, leaves: Iterable[bytes]) -> Self:
        """Return it with these leaf hashes behind its last."""
        size, peaks = self.size, list(self.peaks)
        for leaf in leaves:
            peak, full = leaf, size
            while full & 1:
                peak, full = node_hash(peaks.pop(), peak), full >> 1
            peaks.append(peak)
            size += 1
        return type(self)(size, tuple(peaks))

    def root(self) -> bytes:
        """Return the root of the tree."""
        return _joined(self.peaks) if self.peaks else EMPTY_ROOT

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values, the hashes as hex."""
        return {"size": self.size, "peaks": [peak.hex() for peak in self.peaks]}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Return what `to_json` was called on. Raises `ValueError`."""
        return cls(value["size"], tuple(bytes.fromhex(peak) for peak in value["peaks"]))


def inclusion_path(index: int, size: int) -> Path:
    """Return what proves that the leaf at `index` is in the tree of `size` leaves. Raises `ValueError`."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    start, end, path = 0, size, []
    while end - start > 1:
        middle = start + _left(end - start)
        if index < middle:
            path.append(_cover(middle, end))
            end = middle
        else:
            path.append(_cover(start, middle))
            start = middle
    return tuple(reversed(path))


def consistency_path(old: int, new: int) -> Path:
    """Return what proves that the tree of `new` leaves begins with those of the tree of `old`. Raises `ValueError`."""
    if not 0 < old <= new:
        raise ValueError(f"no proof leads from a tree of {old} leaves to one of {new}")
    start, end, path = 0, new, []
    while end > old:
        middle = start + _left(end - start)
        if old <= middle:
            path.append(_cover(middle, end))
            end = middle
        else:
            path.append(_cover(start, middle))
            start = middle
    if start > 0:
        path.append(_cover(start, end))
    return tuple(reversed(path))


def root_path(size: int) -> Path:
    """Return of what the root of the tree of `size` leaves is made. Raises `ValueError` for the empty tree."""
    if size <= 0:
        raise ValueError("the empty tree has no nodes")
    return (_cover(0, size),)


def root_from(size: int, hash_of: NodeHash) -> bytes:
    """Return the root of the tree of `size` leaves."""
    return _proof(root_path(size), hash_of)[0] if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, hash_of: NodeHash) -> list[bytes]:
    """Return the hashes beside the way from the leaf to the root, from below (RFC 9162, 2.1.3). Raises `ValueError`."""
    return _proof(inclusion_path(index, size), hash_of)


def consistency_proof(old: int, new: int, hash_of: NodeHash) -> list[bytes]:
    """Return the hashes that make both roots (RFC 9162, 2.1.4), none where the sizes are equal. Raises `ValueError`."""
    return _proof(consistency_path(old, new), hash_of)


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Return whether the tree of `size` leaves with this root has this leaf hash at `index`."""
    if not 0 <= index < size or any(len(one) != HASH_BYTES for one in (leaf, *proof)):
        return False
    place, last, found = index, size - 1, leaf
    for beside in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node_hash(beside, found)
            place, last = _to_right_child(place, last)
        else:
            found = node_hash(found, beside)
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Return whether the tree of `new` leaves begins with the leaves of the tree of `old`; of the empty tree nothing
    is proved.
    """
    if not 0 < old <= new or (old < new) != bool(proof):
        return False
    if old == new:
        return old_root == new_root
    if any(len(one) != HASH_BYTES for one in (old_root, *proof)):
        return False
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    first, *rest = (old_root, *proof) if old.bit_count() == 1 else proof
    old_found = new_found = first
    for beside in rest:
        if last == 0:
            return False
        if place & 1 or place == last:
            old_found, new_found = node_hash(beside, old_found), node_hash(beside, new_found)
            place, last = _to_right_child(place, last)
        else:
            new_found = node_hash(new_found, beside)
        place, last = place >> 1, last >> 1
    return last == 0 and (old_found, new_found) == (old_root, new_root)


def _to_right_child(place: int, last: int) -> tuple[int, int]:
    """Return the first node on the way up that is a right child: levels with nothing beside it have no hash."""
    while place and not place & 1:
        place, last = place >> 1, last >> 1
    return place, last


def _left(leaves: int) -> int:
    """Return how many of these leaves, two or more, are below the left child: the greatest power of two below."""
    return 1 << (leaves - 1).bit_length() - 1


def _cover(start: int, end: int) -> tuple[Node, ...]:
    """Return the nodes over a range whose start is divisible by the size of its largest, the largest first."""
    nodes = []
    while start < end:
        level = (end - start).bit_length() - 1
        nodes.append(Node(level, start >> level))
        start += 1 << level
    return tuple(nodes)


def _proof(path: Path, hash_of: NodeHash) -> list[bytes]:
    return [_joined([hash_of(node) for node in nodes]) for nodes in path]


def _joined(roots: Sequence[bytes]) -> bytes:
    """Return the root over full subtrees of falling size, one at least."""
    joined = roots[-1]
    for left in reversed(roots[:-1]):
        joined = node_hash(left, joined)
    return joined

"""Tiles: the hashes of the tree in pieces of 256, as C2SP's tlog-tiles has them, so that a proof reads a few of them.

The content of a tile is its hashes, one behind the other: 8,192 bytes where it is full. A longer content of the same
tile begins with the shorter one, so proofs for any older tree are made from tiles as they are now. Those of level 0 are
of hashes of leaves: a caller who has these elsewhere too keeps full ones alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from core.audit.merkle import HASH_BYTES, Node, NodeHash, Path, root_of

HEIGHT: Final = 8
WIDTH: Final = 1 << HEIGHT
_TILE_BYTES: Final = WIDTH * HASH_BYTES


@dataclass(frozen=True, slots=True)
class Tile:
    """The nodes of level `8 * level` from `256 * index` on, up to 256 of them."""

    level: int
    index: int


def tile_width(tile: Tile, size: int) -> int:
    """Return how many hashes the tile has in a tree of this size, from 0 to 256."""
    nodes = size >> HEIGHT * tile.level
    return min(max(nodes - WIDTH * tile.index, 0), WIDTH)


def leaves_of(tile: Tile, size: int) -> range:
    """Return the indexes of the leaves whose hashes a tile of level 0 has in a tree of this size."""
    return range(WIDTH * tile.index, WIDTH * tile.index + tile_width(tile, size))


def grown_tiles(old: int, new: int) -> list[Tile]:
    """Return the tiles that have more hashes in the tree of `new` leaves than of `old`, the lowest level first."""
    tiles, level = [], 0
    while old < new:
        tiles += [Tile(level, index) for index in range(old // WIDTH, -(-new // WIDTH))]
        old, new, level = old // WIDTH, new // WIDTH, level + 1
    return tiles


def grow(size: int, leaves: Iterable[bytes], stored: Mapping[Tile, bytes]) -> dict[Tile, bytes]:
    """Return the contents of `grown_tiles` after these leaf hashes were added to a tree of this size.

    `stored` has the contents of those among them that had any, at `size` or later. Raises `ValueError` where one is too
    short.
    """
    grown: dict[Tile, bytes] = {}
    level, added = 0, b"".join(leaves)
    while added:
        first, before = divmod(size, WIDTH)
        content = stored.get(Tile(level, first), b"")[: before * HASH_BYTES]
        if len(content) != before * HASH_BYTES:
            raise ValueError(f"{Tile(level, first)} has {len(content)} bytes where {before} hashes must be")
        content += added
        pieces = [content[at : at + _TILE_BYTES] for at in range(0, len(content), _TILE_BYTES)]
        grown |= {Tile(level, first + n): piece for n, piece in enumerate(pieces)}
        added = b"".join(root_of(_hashes(piece)) for piece in pieces if len(piece) == _TILE_BYTES)
        level, size = level + 1, first
    return grown


def tiles_of(path: Path) -> list[Tile]:
    """Return the tiles that the nodes of a path are computed from, each once."""
    return list(dict.fromkeys(_tile_of(node) for nodes in path for node in nodes))


def hashes_in(contents: Mapping[Tile, bytes]) -> NodeHash:
    """Return the function that computes nodes from contents of tiles, each once. It raises `LookupError` for a node
    that they do not have.
    """

    @cache
    def hash_of(node: Node) -> bytes:
        height = node.level % HEIGHT
        first = (node.index << height) % WIDTH
        content = contents[_tile_of(node)][first * HASH_BYTES : (first + (1 << height)) * HASH_BYTES]
        if len(content) != HASH_BYTES << height:
            raise LookupError(f"the content of {_tile_of(node)} is too short for {node}")
        return root_of(_hashes(content))

    return hash_of


def _tile_of(node: Node) -> Tile:
    level, height = divmod(node.level, HEIGHT)
    return Tile(level, (node.index << height) // WIDTH)


def _hashes(content: bytes) -> list[bytes]:
    return [content[at : at + HASH_BYTES] for at in range(0, len(content), HASH_BYTES)]

"""Tiles are those of C2SP's tlog-tiles; proofs from tiles are those from all leaves."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.audit.merkle import (
    Frontier,
    consistency_path,
    consistency_proof,
    inclusion_path,
    inclusion_proof,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from core.audit.tiles import WIDTH, Tile, grow, grown_tiles, hashes_in, leaves_of, tile_width, tiles_of

LEAVES = [leaf_hash(n.to_bytes(4, "big")) for n in range(66_000)]
CUTS = st.lists(st.sampled_from([0, 1, 2, 255, 256, 257, 600]), min_size=1, max_size=8)


def filled(cuts: list[int]) -> dict[Tile, bytes]:
    """The tiles after adding leaves in these portions, read and saved as an owner of rows does."""
    kept: dict[Tile, bytes] = {}
    size = 0
    for cut in cuts:
        read = {tile: kept[tile] for tile in grown_tiles(size, size + cut) if tile_width(tile, size)}
        kept |= grow(size, LEAVES[size : size + cut], read)
        size += cut
    return kept


ALL = filled([len(LEAVES)])


def test_tiles_of_70000_leaves_are_those_of_the_specification() -> None:
    tiles = grown_tiles(0, 70_000)
    widths = {level: [tile_width(tile, 70_000) for tile in tiles if tile.level == level] for level in range(4)}
    assert widths[0] == [WIDTH] * 273 + [112]
    assert (widths[1], widths[2], widths[3]) == ([WIDTH, 17], [1], [])


def test_256_leaves_are_a_full_tile_and_one_hash_above() -> None:
    assert {tile: tile_width(tile, 256) for tile in grown_tiles(0, 256)} == {Tile(0, 0): 256, Tile(1, 0): 1}
    assert ALL[Tile(1, 0)][:32] == root_of(LEAVES[:256])


@pytest.mark.parametrize(
    ("old", "new", "tiles"),
    [
        (5, 5, []),
        (5, 6, [Tile(0, 0)]),
        (255, 256, [Tile(0, 0), Tile(1, 0)]),
        (256, 257, [Tile(0, 1)]),
        (65_535, 65_537, [Tile(0, 255), Tile(0, 256), Tile(1, 0), Tile(2, 0)]),
    ],
)
def test_only_tiles_with_new_hashes_grow(old: int, new: int, tiles: list[Tile]) -> None:
    assert grown_tiles(old, new) == tiles


@given(CUTS)
@settings(deadline=None)
def test_tiles_are_the_same_in_every_cut(cuts: list[int]) -> None:
    size = sum(cuts)
    found = filled(cuts)
    assert found == filled([size])
    assert {tile: len(content) // 32 for tile, content in found.items()} == {
        tile: tile_width(tile, size) for tile in grown_tiles(0, size)
    }


@given(st.integers(0, 65_999), st.integers(1, 66_000), st.integers(1, 66_000))
@settings(deadline=None, max_examples=30)
def test_proofs_come_from_the_needed_tiles_alone(index: int, one: int, other: int) -> None:
    old, new = sorted((one, other))
    index %= new
    inclusion, consistency = inclusion_path(index, new), consistency_path(old, new)
    read = {tile: ALL[tile] for tile in tiles_of(inclusion + consistency)}
    assert len(read) <= 12
    hash_of, root = hashes_in(read), root_of(LEAVES[:new])
    assert verify_inclusion(LEAVES[index], index, new, inclusion_proof(index, new, hash_of), root)
    assert verify_consistency(old, new, consistency_proof(old, new, hash_of), root_of(LEAVES[:old]), root)


def test_partial_tile_of_leaves_is_enough_for_its_size() -> None:
    size = 66_000
    tiles = tiles_of(inclusion_path(65_990, size))
    read = {
        tile: b"".join(LEAVES[index] for index in leaves_of(tile, size)) if tile.level == 0 else ALL[tile]
        for tile in tiles
    }
    proof = inclusion_proof(65_990, size, hashes_in(read))
    assert verify_inclusion(LEAVES[65_990], 65_990, size, proof, Frontier().extend(LEAVES).root())


def test_node_that_no_content_has_is_an_error() -> None:
    with pytest.raises(LookupError):
        inclusion_proof(0, 300, hashes_in({}))
    with pytest.raises(LookupError, match="too short"):
        inclusion_proof(0, 256, hashes_in({Tile(0, 0): ALL[Tile(0, 0)][:-32]}))


def test_content_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="where 5 hashes must be"):
        grow(5, LEAVES[5:6], {})
    with pytest.raises(ValueError, match="where 5 hashes must be"):
        grow(5, LEAVES[5:6], {Tile(0, 0): ALL[Tile(0, 0)][: 4 * 32]})


@pytest.mark.parametrize("size", [0, 5, 256, 300])
def test_tiles_that_were_saved_before_the_size_was_come_out_the_same(size: int) -> None:
    assert grow(size, LEAVES[size:600], filled([600])) == grow(size, LEAVES[size:600], filled([size]))

"""Roots and proofs are those of RFC 6962, as its text, its test vectors and a second implementation have them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from core.audit.merkle import (
    EMPTY_ROOT,
    Frontier,
    Node,
    consistency_path,
    consistency_proof,
    inclusion_path,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

DATA = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
"""The vectors of Certificate Transparency: eight leaves, and the roots of 0 to 8 of them."""
LEAVES = [leaf_hash(bytes.fromhex(data)) for data in DATA]
MANY = [leaf_hash(str(n).encode()) for n in range(300)]
SIZES = st.integers(1, len(MANY))


def mth(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word for word, of leaf hashes."""
    n = len(leaves)
    if n == 0:
        return EMPTY_ROOT
    if n == 1:
        return leaves[0]
    k = split(n)
    return node_hash(mth(leaves[:k]), mth(leaves[k:]))


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 6962, 2.1.1."""
    n = len(leaves)
    if n == 1:
        return []
    k = split(n)
    return [*path(m, leaves[:k]), mth(leaves[k:])] if m < k else [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: list[bytes], *, known: bool) -> list[bytes]:
    """RFC 6962, 2.1.2."""
    n = len(leaves)
    if m == n:
        return [] if known else [mth(leaves)]
    k = split(n)
    if m <= k:
        return [*subproof(m, leaves[:k], known=known), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], known=False), mth(leaves[:k])]


def split(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def many(node: Node) -> bytes:
    """A node over `MANY`, which never reads behind its last leaf."""
    start, end = node.index << node.level, node.index + 1 << node.level
    assert end <= len(MANY)
    return mth(MANY[start:end])


@pytest.mark.parametrize("size", range(9))
def test_root_is_that_of_the_vectors(size: int) -> None:
    assert root_of(LEAVES[:size]).hex() == ROOTS[size]


def test_proofs_are_those_of_the_vectors() -> None:
    def hash_of(node: Node) -> bytes:
        return mth(LEAVES[node.index << node.level : node.index + 1 << node.level])

    assert [one.hex() for one in inclusion_proof(0, 8, hash_of)] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]
    assert [one.hex() for one in inclusion_proof(5, 8, hash_of)] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    assert [one.hex() for one in consistency_proof(6, 8, hash_of)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_second_implementation_has_the_same_roots_and_proofs() -> None:
    other, frontier = InmemoryTree(algorithm="sha256"), Frontier()
    for n, leaf in enumerate(MANY):
        other.append_entry(str(n).encode())
        frontier = frontier.add(leaf)
        assert frontier.root() == other.get_root()
    for size in (1, 2, 3, 64, 129, 255, 256, 300):
        for index in {0, size // 3, size - 1}:
            leaf, *proof = other.prove_inclusion(index + 1, size).serialize()["path"]
            assert leaf == MANY[index].hex()
            assert [one.hex() for one in inclusion_proof(index, size, many)] == proof


@given(SIZES, st.data())
def test_inclusion_is_proved_as_the_rfc_says(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, many)
    assert proof == path(index, MANY[:size])
    assert verify_inclusion(MANY[index], index, size, proof, mth(MANY[:size]))


@given(SIZES, st.data())
def test_consistency_is_proved_as_the_rfc_says(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new))
    proof = consistency_proof(old, new, many)
    assert proof == subproof(old, MANY[:new], known=True)
    assert verify_consistency(old, new, proof, mth(MANY[:old]), mth(MANY[:new]))


@given(SIZES, st.data())
def test_proof_of_one_thing_proves_no_other(new: int, data: st.DataObject) -> None:
    index, old = data.draw(st.integers(0, new - 1)), data.draw(st.integers(1, new))
    root, proof = mth(MANY[:new]), inclusion_proof(index, new, many)
    other = data.draw(st.integers(0, new + 1).filter(lambda n: n != index))
    assert not verify_inclusion(MANY[index], other, new, proof, root)
    assert not verify_inclusion(leaf_hash(b"another"), index, new, proof, root)
    assert not verify_inclusion(MANY[index], index, new, [*proof, root], root)
    assert not verify_inclusion(MANY[index], index, new, [root, *proof], root)
    steps = consistency_proof(old, new, many)
    assert not verify_consistency(old, new, steps, leaf_hash(b"another"), root)
    assert not verify_consistency(old, new, steps, mth(MANY[:old]), leaf_hash(b"another"))
    assert not verify_consistency(old, new, [*steps, root], mth(MANY[:old]), root)
    assert not verify_consistency(new, old, steps, mth(MANY[:old]), root) or old == new
    for cut in range(len(proof)):
        assert not verify_inclusion(MANY[index], index, new, proof[:cut] + proof[cut + 1 :], root)
    for cut in range(len(steps)):
        assert not verify_consistency(old, new, steps[:cut] + steps[cut + 1 :], mth(MANY[:old]), root)


@given(SIZES, SIZES, st.data())
def test_root_of_one_size_is_that_of_no_other(size: int, other: int, data: st.DataObject) -> None:
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    root, leaf = mth(MANY[:size]), MANY[index]
    inclusion, consistency = inclusion_proof(index, size, many), consistency_proof(old, size, many)
    if len(inclusion_path(min(index, other - 1), other)) != len(inclusion):
        assert not verify_inclusion(leaf, index, other, inclusion, root)
    if old < other and len(consistency_path(old, other)) != len(consistency):
        assert not verify_consistency(old, other, consistency, mth(MANY[:old]), root)


def test_hash_of_another_length_proves_nothing() -> None:
    assert not verify_inclusion(b"", 0, 1, [], b"")
    assert not verify_inclusion(LEAVES[0], 0, 2, [LEAVES[1], b""], root_of(LEAVES[:2]))
    assert not verify_consistency(1, 2, [b""], b"", node_hash(b"", b""))


def test_nothing_is_proved_of_the_empty_tree() -> None:
    assert not verify_consistency(0, 8, [], EMPTY_ROOT, root_of(LEAVES))
    assert not verify_consistency(0, 0, [], EMPTY_ROOT, EMPTY_ROOT)


@pytest.mark.parametrize(("index", "size"), [(-1, 8), (8, 8), (0, 0)])
def test_there_is_no_path_to_a_leaf_outside(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="not in a tree"):
        inclusion_path(index, size)


@pytest.mark.parametrize(("old", "new"), [(0, 8), (9, 8), (-1, 8)])
def test_there_is_no_path_between_sizes_that_do_not_follow(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="no proof leads"):
        consistency_path(old, new)


@given(st.lists(st.integers(0, 40), max_size=6))
def test_frontier_is_the_same_in_every_cut_and_survives_json(cuts: list[int]) -> None:
    frontier, leaves = Frontier(), MANY[: sum(cuts)]
    for cut in cuts:
        frontier = frontier.extend(leaves[frontier.size : frontier.size + cut])
        frontier = Frontier.from_json(json.loads(json.dumps(frontier.to_json())))
    assert (frontier.size, frontier.root()) == (len(leaves), mth(leaves))
    assert len(frontier.peaks) == len(leaves).bit_count()


@pytest.mark.parametrize(
    "value", [{"size": 3, "peaks": ["00" * 32]}, {"size": 1, "peaks": ["00"]}, {"size": -1, "peaks": ["00" * 32]}]
)
def test_peaks_of_another_size_are_refused(value: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="are not those of"):
        Frontier.from_json(value)


def test_million_leaves_keep_few_peaks() -> None:
    level = [n.to_bytes(32, "big") for n in range(1_000_000)]
    frontier = Frontier().extend(level)
    assert (frontier.size, len(frontier.peaks)) == (1_000_000, 7)
    while len(level) > 1:
        rest = level[-1:] if len(level) % 2 else []
        level = [node_hash(left, right) for left, right in zip(level[::2], level[1::2], strict=False)] + rest
    assert frontier.root() == level[0]

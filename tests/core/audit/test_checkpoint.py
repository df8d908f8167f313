"""A checkpoint says size and root of one log in C2SP's form; old ones are verified after the key has changed."""

import pytest

from core.audit.checkpoint import Checkpoint, origin_of, parse, sign, verify
from core.audit.merkle import EMPTY_ROOT, leaf_hash, root_of
from core.audit.note import NoteRejected, SigningKey, sign_note

ORIGIN = "caas/acme"
OLD, NEW = SigningKey(ORIGIN, b"o" * 32), SigningKey(ORIGIN, b"n" * 32)
KEYS = [NEW.verifier, OLD.verifier]
CHECKPOINT = Checkpoint(ORIGIN, 8, root_of([leaf_hash(b"")] * 8))
SPECIFIED = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
"""The example of c2sp.org/tlog-checkpoint."""


def test_example_of_the_specification_is_read_and_written() -> None:
    found = Checkpoint.from_text(SPECIFIED)
    assert (found.origin, found.size, found.extensions) == ("example.com/behind-the-sofa", 20_852_163, ())
    assert found.text() == SPECIFIED


@pytest.mark.parametrize(
    "checkpoint", [CHECKPOINT, Checkpoint(ORIGIN, 0, EMPTY_ROOT), Checkpoint(ORIGIN, 8, CHECKPOINT.root, ("a", "b c"))]
)
def test_signed_checkpoint_is_read_back_with_who_signed(checkpoint: Checkpoint) -> None:
    note = sign(checkpoint, [NEW])
    assert parse(note) == checkpoint
    assert verify(note, KEYS, ORIGIN) == (checkpoint, (NEW.verifier,))


def test_old_checkpoint_is_verified_after_the_key_has_changed() -> None:
    old, both, new = sign(CHECKPOINT, [OLD]), sign(CHECKPOINT, [OLD, NEW]), sign(CHECKPOINT, [NEW])
    assert [verify(note, KEYS, ORIGIN).signers for note in (old, both, new)] == [
        (OLD.verifier,),
        (OLD.verifier, NEW.verifier),
        (NEW.verifier,),
    ]
    assert verify(both, [NEW.verifier], ORIGIN).signers == (NEW.verifier,)
    with pytest.raises(NoteRejected, match="no known key"):
        verify(old, [NEW.verifier], ORIGIN)


def test_checkpoint_of_another_log_is_rejected() -> None:
    note = sign(Checkpoint("caas/other", 8, CHECKPOINT.root), [NEW])
    with pytest.raises(NoteRejected, match="of caas/other, not of caas/acme"):
        verify(note, KEYS, ORIGIN)


def test_changed_size_or_root_is_rejected() -> None:
    note = sign(CHECKPOINT, [NEW])
    for changed in (note.replace("\n8\n", "\n9\n"), note.replace("\n8\n", "\n8\nmore\n")):
        assert changed != note
        with pytest.raises(NoteRejected, match="is false"):
            verify(changed, KEYS, ORIGIN)


@pytest.mark.parametrize(
    "text",
    [
        "caas/acme\n8\n",
        "caas/acme\n08\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "caas/acme\n+8\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "caas/acme\n٨\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "\n8\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "caas/acme\n8\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I\n",
        "caas/acme\n8\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n",
        "caas/acme\n8\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxqw==\n",
        "caas/acme\n8\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\nmore\n",
    ],
)
def test_text_of_another_form_is_no_checkpoint(text: str) -> None:
    with pytest.raises(NoteRejected):
        parse(sign_note(text, [NEW]))


@pytest.mark.parametrize(
    "checkpoint",
    [
        Checkpoint("a\nb", 8, CHECKPOINT.root),
        Checkpoint(ORIGIN, -1, CHECKPOINT.root),
        Checkpoint(ORIGIN, 8, b"short"),
        Checkpoint(ORIGIN, 8, CHECKPOINT.root, ("",)),
    ],
)
def test_what_is_no_checkpoint_in_writing_is_not_signed(checkpoint: Checkpoint) -> None:
    with pytest.raises(NoteRejected):
        sign(checkpoint, [NEW])


@pytest.mark.parametrize(
    ("tenant", "origin"),
    [
        ("default", "caas/default"),
        ("a-b_c.d~1", "caas/a-b_c.d~1"),
        ("a b+c/d", "caas/a%20b%2Bc%2Fd"),
        ("50%", "caas/50%25"),
        ("a\nb", "caas/a%0Ab"),
        ("zürich\u2003", "caas/z%C3%BCrich%E2%80%83"),
    ],
)
def test_origin_names_the_tenant_and_is_the_name_of_a_key(tenant: str, origin: str) -> None:
    assert origin_of(tenant) == origin
    assert SigningKey(origin_of(tenant), bytes(32)).verifier.name == origin


@pytest.mark.parametrize("tenant", ["", "\ud800"])
def test_tenant_without_a_name_has_no_origin(tenant: str) -> None:
    with pytest.raises(ValueError):
        origin_of(tenant)

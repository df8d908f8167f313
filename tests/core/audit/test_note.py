"""Notes and keys are those of C2SP's signed-note and of Go's `sumdb/note`."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.audit.note import (
    MAX_SIGNATURES,
    NoteRejected,
    SigningKey,
    VerifierKey,
    open_note,
    sign_note,
    split_note,
    verifier_keys,
)

PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETERS_SECRET = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
BY_PETER = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
BY_ENOCH = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
"""Keys and signatures of the tests of golang.org/x/mod/sumdb/note."""
SPECIFIED = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPECIFIED_NOTE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
"""The example of c2sp.org/signed-note."""


def key(text: str) -> VerifierKey:
    return VerifierKey.parse(text)


@pytest.mark.parametrize("text", [PETER, ENOCH, SPECIFIED])
def test_verifier_key_has_the_id_and_the_text_of_the_vectors(text: str) -> None:
    assert str(key(text)) == text
    assert key(text).key_id.hex() == text.split("+")[1]


def test_signing_key_has_its_verifier_key_and_its_text() -> None:
    signer = SigningKey.parse(PETERS_SECRET)
    assert (str(signer.verifier), signer.secret_text()) == (PETER, PETERS_SECRET)
    assert PETERS_SECRET[-20:] not in repr(signer)


@pytest.mark.parametrize("at", range(len(PETER)))
def test_key_with_a_changed_character_is_refused(at: int) -> None:
    with pytest.raises(ValueError, match=r"key|base64"):
        key(PETER[:at] + chr(ord(PETER[at]) + 1) + PETER[at + 1 :])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PeterNeumann",
        PETER[:-1],
        PETERS_SECRET,
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ],
)
def test_text_of_another_length_or_algorithm_is_no_verifier_key(text: str) -> None:
    with pytest.raises(ValueError, match=r"key|base64"):
        key(text)


@pytest.mark.parametrize("text", [PETER, PETERS_SECRET[1:], PETERS_SECRET[:-1], PETERS_SECRET.replace("c7", "c8")])
def test_refused_signing_key_is_not_shown(text: str) -> None:
    with pytest.raises(ValueError) as refused:
        SigningKey.parse(text)
    assert text[-16:] not in str(refused.value)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\n"])
def test_name_with_a_space_or_a_plus_has_no_key(name: str) -> None:
    with pytest.raises(ValueError, match="no signing key"):
        SigningKey(name, bytes(32))
    with pytest.raises(ValueError, match="no verifier key"):
        VerifierKey(name, bytes(32))


def test_note_is_signed_as_in_the_vectors() -> None:
    assert sign_note(TEXT, [SigningKey.parse(PETERS_SECRET)]) == f"{TEXT}\n{BY_PETER}"


def test_example_of_the_specification_opens() -> None:
    assert open_note(SPECIFIED_NOTE, [key(SPECIFIED)]).text == "This is an example message.\n"


def test_signers_are_the_known_keys_that_signed() -> None:
    note = f"{TEXT}\n{BY_PETER}{BY_ENOCH}{BY_PETER}"
    assert open_note(note, [key(PETER)]) == (TEXT, (key(PETER),))
    assert open_note(note, [key(ENOCH), key(PETER)]).signers == (key(PETER), key(ENOCH))
    with pytest.raises(NoteRejected, match=r"no known key signed it, but PeterNeumann\+c74f20a3, EnochRoot"):
        open_note(note, [key(SPECIFIED)])


def test_key_of_the_same_name_or_id_is_another_key() -> None:
    namesake = SigningKey("PeterNeumann", bytes(32)).verifier
    with pytest.raises(NoteRejected, match="no known key"):
        open_note(f"{TEXT}\n{BY_PETER}", [namesake])


@pytest.mark.parametrize(
    "note",
    [
        f"{TEXT[1:]}\n{BY_PETER}",
        f"{TEXT}\n\n{BY_PETER}",
        f"{TEXT}\n{BY_PETER[:60]}ABCD{BY_PETER[60:]}",
        f"{TEXT}\n{BY_PETER}— PeterNeumann {base64.b64encode(bytes.fromhex('c74f20a3') + bytes(64)).decode()}\n",
    ],
)
def test_false_signature_of_a_known_key_rejects_the_note(note: str) -> None:
    with pytest.raises(NoteRejected, match=r"the signature of PeterNeumann\+c74f20a3 is false"):
        open_note(note, [key(PETER)])


@pytest.mark.parametrize(
    "note",
    [
        "",
        TEXT,
        f"{TEXT}{BY_PETER}",
        f"{TEXT}\n",
        f"{TEXT}\n{BY_PETER[:-1]}",
        f"{TEXT}\n{BY_PETER[:-1]}X",
        f"{TEXT}\n{BY_PETER[1:]}",
        f"{TEXT}\n{BY_PETER}\n",
        f"{TEXT}\n{BY_PETER}a word\n",
        f"{TEXT}\n— Peter Neumann {BY_PETER.split()[-1]}\n",
        f"{TEXT}\n— PeterNeumann x08gow==\n",
        f"{TEXT}\n— PeterNeumann x08\n",
        f"{TEXT}\n—  {BY_PETER.split()[-1]}\n",
        f"{TEXT}\n".replace("\n", "\r\n") + BY_PETER,
        f"\t{TEXT}\n{BY_PETER}",
        f"{TEXT}\n{BY_PETER * (MAX_SIGNATURES + 1)}",
    ],
)
def test_malformed_note_is_rejected(note: str) -> None:
    with pytest.raises(NoteRejected):
        open_note(note, [key(PETER)])


def test_text_ends_at_the_last_empty_line() -> None:
    signer = SigningKey("caas/acme", bytes(32))
    note = sign_note("a\n\nb\n\n", [signer])
    assert open_note(note, [signer.verifier]).text == split_note(note) == "a\n\nb\n\n"


@pytest.mark.parametrize("text", ["", "no end", "\x00\n"])
def test_text_that_no_note_has_is_not_signed(text: str) -> None:
    with pytest.raises(NoteRejected):
        sign_note(text, [SigningKey("caas/acme", bytes(32))])


def test_file_of_keys_has_old_ones_and_comments() -> None:
    assert verifier_keys(f"# since 2026\n{PETER}\n\n  {ENOCH}\r\n") == [key(PETER), key(ENOCH)]
    with pytest.raises(ValueError, match=r"key|base64"):
        verifier_keys(f"{PETER}\n{PETERS_SECRET}\n")


@given(st.binary(min_size=32, max_size=32), st.text(st.characters(exclude_categories=["C", "Z"])))
def test_what_is_signed_opens_with_its_key_alone(seed: bytes, text: str) -> None:
    signer, other = SigningKey("caas/acme", seed), SigningKey("caas/acme", seed[::-1])
    note = sign_note(f"{text}.\n", [signer])
    assert open_note(note, [signer.verifier]) == (f"{text}.\n", (signer.verifier,))
    if other != signer:
        with pytest.raises(NoteRejected):
            open_note(note, [other.verifier])

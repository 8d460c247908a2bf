"""The law of signing: the string that is signed is the string that is sent."""

from __future__ import annotations

import base64
import pickle
from urllib.parse import unquote, unquote_to_bytes

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st
from support.errors import chain

from airflow_provider_binance_liq.core import signing
from airflow_provider_binance_liq.core.signing import (
    Ed25519Signer,
    HmacSigner,
    RsaSigner,
    encode_query,
    load_signer,
    sign_query,
)
from airflow_provider_binance_liq.exceptions import InvalidConnection

PASSPHRASE = "correct horse battery"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ED25519_KEY = ed25519.Ed25519PrivateKey.generate()
PAYLOAD = "symbol=BTCUSDT&startTime=1&endTime=2&limit=100&recvWindow=5000&timestamp=1591702613943"
#: secret, payload, signature: published by the exchange, on the pages of spot, spot's testnet and futures
VECTORS = {
    "spot": (
        "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j",
        (
            "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1"
            "&recvWindow=5000&timestamp=1499827319559"
        ),
        "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
    ),
    "spot, not ASCII": (
        "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j",
        (
            "symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&side=BUY&type=LIMIT&timeInForce=GTC"
            "&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
        ),
        "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
    ),
    "futures": (
        "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9",
        (
            "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC"
            "&recvWindow=5000&timestamp=1591702613943"
        ),
        "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9",
    ),
}


def pem(key, *, passphrase=None, form=PrivateFormat.PKCS8):
    encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, form, encryption).decode()


def verify(key, payload, signature):
    """Verify with the public key alone; raises if the signature does not fit."""
    if isinstance(key, rsa.RSAPrivateKey):
        key.public_key().verify(signature, payload, padding.PKCS1v15(), hashes.SHA256())
    else:
        key.public_key().verify(signature, payload)


@pytest.fixture(params=[RSA_KEY, ED25519_KEY], ids=["RSA", "Ed25519"])
def key(request):
    return request.param


# --- HMAC -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("secret", "payload", "signature"), VECTORS.values(), ids=VECTORS)
def test_hmac_reproduces_the_published_vectors(secret, payload, signature):
    assert load_signer(secret).sign(payload.encode()) == signature
    assert sign_query(payload, load_signer(secret)) == f"{payload}&signature={signature}"


def test_a_symbol_outside_of_ascii_is_encoded_once_before_it_is_signed_as_the_published_vector_is():
    secret, payload, signature = VECTORS["spot, not ASCII"]
    query = encode_query(
        [
            # Full-width digits.
            ("symbol", "\uff11\uff12\uff13\uff14\uff15\uff16"),
            ("side", "BUY"),
            ("type", "LIMIT"),
            ("timeInForce", "GTC"),
            ("quantity", 1),
            ("price", "0.1"),
            ("recvWindow", 5000),
            ("timestamp", 1499827319559),
        ]
    )
    assert query == payload
    assert sign_query(query, load_signer(secret)).endswith(f"&signature={signature}")


def test_a_chinese_symbol_is_encoded_as_the_futures_change_log_shows():
    assert encode_query([("symbol", "测试USDT")]) == "symbol=%E6%B5%8B%E8%AF%95USDT"


def test_blanks_around_a_pasted_secret_are_not_part_of_it():
    secret, payload, signature = VECTORS["futures"]
    assert load_signer(f"  {secret}\n").sign(payload.encode()) == signature


# --- the query ------------------------------------------------------------------------------------------

names = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJ", min_size=1, max_size=12)
values = st.integers() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


@given(st.lists(st.tuples(names, values), min_size=1, max_size=8))
def test_a_query_is_ascii_and_decodes_to_the_very_parameters_in_their_order(parameters):
    query = encode_query(parameters)
    assert query.isascii()
    pairs = [part.split("=") for part in query.split("&")]
    assert [(name, unquote(value)) for name, value in pairs] == [(n, str(v)) for n, v in parameters]


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_only_unreserved_characters_stand_in_a_query_as_they_are(value):
    encoded = encode_query([("symbol", value)]).removeprefix("symbol=")
    unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
    assert set(encoded) <= set(unreserved + "%")
    assert unquote_to_bytes(encoded) == value.encode()


@given(st.lists(st.tuples(names, values), min_size=1, max_size=5), st.sampled_from([*VECTORS]))
def test_the_signature_is_the_end_of_the_query_and_is_over_every_byte_before_it(parameters, vector):
    signer = load_signer(VECTORS[vector][0])
    query = encode_query(parameters)
    signed, _, signature = sign_query(query, signer).rpartition("&signature=")
    assert signed == query
    assert signature == signer.sign(signed.encode())


# --- RSA and Ed25519 ------------------------------------------------------------------------------------


def test_the_public_key_verifies_the_signature_over_the_bytes_that_are_sent(key):
    query = encode_query([("symbol", "币安人生USDT"), ("timestamp", 1)])
    signed, _, encoded = sign_query(query, load_signer(pem(key))).rpartition("&signature=")
    assert signed == query
    verify(key, signed.encode(), base64.b64decode(unquote(encoded), validate=True))


@given(st.integers(0, 2**64))
def test_no_character_of_base64_that_a_query_reads_otherwise_is_sent_bare(number):
    query = sign_query(f"timestamp={number}", Ed25519Signer(ED25519_KEY))
    encoded = query.rpartition("&signature=")[2]
    assert not set("+/=") & set(encoded)
    verify(ED25519_KEY, f"timestamp={number}".encode(), base64.b64decode(unquote(encoded)))


def test_a_pem_is_recognised_by_what_it_holds():
    assert isinstance(load_signer(pem(RSA_KEY)), RsaSigner)
    assert isinstance(load_signer(pem(ED25519_KEY)), Ed25519Signer)
    assert isinstance(load_signer(VECTORS["spot"][0]), HmacSigner)


FORMS = {
    "as it is in the file": lambda text: text,
    "with Windows line ends": lambda text: text.replace("\n", "\r\n"),
    "flattened by blanks": lambda text: text.replace("\n", " "),
    "flattened by nothing": lambda text: text.replace("\n", ""),
    r"escaped by \n": lambda text: text.replace("\n", "\\n"),
    r"escaped by \r\n": lambda text: text.replace("\n", "\\r\\n"),
    "with blank lines around and between": lambda text: "\n\n" + text.replace("\n", "\n\n"),
    "indented": lambda text: "  " + text.replace("\n", "\n  "),
    "with a text before and after": lambda text: f"my key:\n{text}\n(end)",
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("passphrase", [None, PASSPHRASE], ids=["plain", "encrypted"])
def test_a_pem_is_read_however_a_form_has_mangled_it(key, form, passphrase):
    signer = load_signer(form(pem(key, passphrase=passphrase)), passphrase)
    verify(key, PAYLOAD.encode(), base64.b64decode(signer.sign(PAYLOAD.encode())))


@pytest.mark.parametrize("form", ["as it is in the file", "with Windows line ends", r"escaped by \n"])
@pytest.mark.parametrize("passphrase", [None, PASSPHRASE], ids=["plain", "encrypted"])
def test_a_pem_of_the_old_openssl_form_is_read_too(form, passphrase):
    text = FORMS[form](pem(RSA_KEY, passphrase=passphrase, form=PrivateFormat.TraditionalOpenSSL))
    verify(RSA_KEY, PAYLOAD.encode(), base64.b64decode(load_signer(text, passphrase).sign(PAYLOAD.encode())))


# --- bad secrets ----------------------------------------------------------------------------------------

PUBLIC_PEM = ED25519_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
EC_PEM = pem(ec.generate_private_key(ec.SECP256R1()))
DSA_PEM = pem(dsa.generate_private_key(1024))  # a longer one takes seconds to find
PLAIN, ENCRYPTED = pem(ED25519_KEY), pem(ED25519_KEY, passphrase=PASSPHRASE)
BODY = "".join(PLAIN.splitlines()[1:-1])

BAD_SECRETS = {
    "empty": ("", None, "no password"),
    "blank": (" \n", None, "no password"),
    "an HMAC secret with a blank inside": ("NhqPtmdSJYdK jVHjA7PZj4M", None, "neither a PEM .* nor an HMAC"),
    "an HMAC secret with letters outside of ASCII": ("NhqPtmdSJYdKjÄ", None, "neither a PEM .* nor an HMAC"),
    "a PEM without its end": (PLAIN.partition("-----END")[0], None, "no whole BEGIN"),
    "a PEM whose end names something else": (
        PLAIN.replace("END PRIVATE", "END RSA PRIVATE"), None, "no whole BEGIN",
    ),
    "a PEM of rubbish": (
        "-----BEGIN PRIVATE KEY-----\nTm8ga2V5IGF0IGFsbA==\n-----END PRIVATE KEY-----", None,
        "cannot be read",
    ),
    "a PEM that is cut inside": (PLAIN.replace(BODY, BODY[: len(BODY) // 2]), None, "cannot be read"),
    "a public key": (PUBLIC_PEM, None, "cannot be read"),
    "an elliptic key": (EC_PEM, None, "Binance takes RSA and Ed25519"),
    "a DSA key": (DSA_PEM, None, "Binance takes RSA and Ed25519"),
    "an encrypted PEM without its passphrase": (ENCRYPTED, None, "[Pp]assword was not given"),
    "an encrypted PEM with another passphrase": (ENCRYPTED, "not " + PASSPHRASE, "cannot be read"),
    "a passphrase for a PEM that is not encrypted": (PLAIN, PASSPHRASE, "[Pp]assword was given"),
}  # fmt: skip


@pytest.mark.parametrize(("secret", "passphrase", "message"), BAD_SECRETS.values(), ids=BAD_SECRETS)
def test_a_bad_secret_has_a_clear_message_of_its_own(secret, passphrase, message):
    with pytest.raises(InvalidConnection, match=message):
        load_signer(secret, passphrase)


@pytest.mark.parametrize(("secret", "passphrase", "message"), BAD_SECRETS.values(), ids=BAD_SECRETS)
def test_a_message_about_a_bad_secret_never_shows_it_nor_its_passphrase(secret, passphrase, message):
    with pytest.raises(InvalidConnection) as caught:
        load_signer(secret, passphrase)
    shown = "".join(f"{error!s}{error!r}{error.args!r}" for error in chain(caught.value))
    shown += repr(pickle.dumps(caught.value))
    hidden = [line for line in (secret.strip(), PASSPHRASE, *secret.split()) if len(line) > 9]
    assert not [text for text in hidden if text in shown and "KEY-----" not in text]


def test_the_messages_about_bad_secrets_differ_where_the_mistakes_do():
    messages = set()
    for secret, passphrase, _ in BAD_SECRETS.values():
        with pytest.raises(InvalidConnection) as caught:
            load_signer(secret, passphrase)
        messages.add(str(caught.value))
    assert len(messages) >= 9


@pytest.mark.parametrize("secret", [VECTORS["spot"][0], pem(RSA_KEY), PLAIN], ids=["HMAC", "RSA", "Ed25519"])
def test_a_signer_shows_nothing_of_its_key(secret):
    shown = repr(load_signer(secret)) + str(load_signer(secret))
    assert secret[:20] not in shown
    assert "object at" not in shown


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("It is wrong. It may be this. Or that."), "It is wrong"),
        (TypeError("It is wrong (by this) and (by that)"), "It is wrong"),
        (ValueError(""), "ValueError"),
    ],
)
def test_of_what_the_library_says_about_a_pem_the_first_sentence_is_reported(monkeypatch, error, told):
    def load_pem_private_key(*_):
        raise error

    monkeypatch.setattr(signing, "load_pem_private_key", load_pem_private_key)
    with pytest.raises(InvalidConnection) as caught:
        load_signer(PLAIN)
    assert str(caught.value) == f"the PEM private key cannot be read: {told}"


def test_what_is_wrong_with_an_hmac_secret_is_reported_in_full():
    with pytest.raises(InvalidConnection) as caught:
        load_signer("NhqPtmdSJYdK jVHjA7PZj4M")
    assert str(caught.value) == (
        "the password is neither a PEM private key nor an HMAC secret: it holds spaces, line breaks or "
        "characters outside of ASCII"
    )


def test_everything_but_letters_digits_and_four_signs_is_percent_encoded():
    assert encode_query([("symbol", "aZ9-._~/ +&=?:,@%")]) == ("symbol=aZ9-._~%2F%20%2B%26%3D%3F%3A%2C%40%25")


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        ("", "the connection has no password: the HMAC secret or the PEM private key"),
        (
            "-----BEGIN PRIVATE KEY-----",
            "the password looks like a PEM but has no whole BEGIN … END block; paste the whole file",
        ),
    ],
)
def test_what_is_wrong_with_a_password_is_reported_in_full(secret, told):
    with pytest.raises(InvalidConnection) as caught:
        load_signer(secret)
    assert str(caught.value) == told


def test_a_key_of_a_kind_that_binance_does_not_take_is_named_by_its_kind():
    with pytest.raises(InvalidConnection, match=r"holds a \w*PrivateKey; Binance takes"):
        load_signer(EC_PEM)

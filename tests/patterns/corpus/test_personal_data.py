"""The first stage of a corpus: what it turns away, what it lets pass, and that it never repeats what it found."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accordant.patterns.corpus import personal_data
from minilm import HOSTILE

HELD = {
    "an e-mail address": [
        "Ping bob at acme dot io for access",
        "The admin is anna@exämple.de in the log",
        "Contact jane.doe@example.com for access to the cluster",
        "Ask jane [at] example [dot] com about the runbook",
        "jane.doe＠example.com has root",  # noqa: RUF001 - a full-width sign
        "jane\u200b.doe@exa\u200bmple.com has root",
    ],
    "a phone number": [
        "Call 0049 30 901820 at night",
        "Tel. 089 / 12 34 56 78 is the pager",
        "Phone No. 020 7946 0958 is in the row",
        "fax 030-901820-99 of the office",
        "Call +49 151 12345678 when the pager is silent",
        "The on-call phone is 415-555-2671 these days",
        "(415) 555-2671 reaches the operator",
        "phone: 030 1234567 in Berlin",
    ],
    "a bank account number": [
        "iban=de89370400440532013000 was logged",
        "The IBAN is DE89 3704 0044 0532 0130 00 for refunds",
        "Pay to GB82WEST12345698765432 in tests",
        "Refunds go to DE89 3704 0044 0532 0130 00 AND nowhere else",
    ],
    "a payment card number": [
        "Card 4222222222222 was declined",
        "Card 4111 1111 1111 1111 is used in the sandbox",
        "Card 5500-0000-0000-0004 works there",
        "The card is 378282246310005 in the sandbox",
    ],
    "a national id": [
        "SSN: 219 09 9999 of the client",
        "NI number QQ123456C of the client",
        "CPF 11144477735 of the client",
        "Her number is 078-05-1120 in the seed data",
        "NINO AB 12 34 56 C is in the fixtures",
        "DNI 12345678Z of the customer is stored",
        "CPF 529.982.247-25 is used by the tests",
        "Aadhaar 2345 6789 0124 is in the dump",
        "passport number C01X00T47 was used",
        "٠٧٨-٠٥-١١٢٠ is in the seed data",  # noqa: RUF001 - other digits
    ],
    "a date of birth": [
        "geboren am 12.03.1984 in Bonn",
        "Date of birth: 12/03/1984 of the customer",
        "The customer was born on 12 March 1984 in Rome",
    ],
    "a key, token or password": [
        "authorization: Basic YWRtaW46V2ludGVyMjAyNCE= works",
        "redis://:hunter22pass@cache:6379 works",
        "DB_PASS=Winter2024 in the env file",
        "credentials admin:Winter2024! work on staging",
        "The key is AKIAIOSFODNN7EXAMPLE in the staging account",
        "Use token ghp_abcdefghijklmnopqrstuvwxyz0123456789 for CI",
        "sk-proj-abcdefghijklmnopqrstuvwx is the key",
        "The admin password is hunter2 on staging",
        "password: letmein for the test box",
        "DB_PASSWORD=s3cr3tvalue in the env file",
        'api_key = "abcd1234efgh5678" in the config',
        "Connect with postgres://app:S3cretPw@db.internal:5432/app",
        "-----BEGIN RSA PRIVATE KEY----- is in the repo",
        "Authorization: Bearer abcdef0123456789abcdef0123 works",
    ],
}

PASS = """The device 490154203237518 is the one in the simulator
The IMEI 490154203237518 is the one in the simulator
The job id 4000000000000002 was retried three times
The order number 4539148803436467 was refunded
The section 508-12-3456 of the manual is about the alarms
The VLAN 100-200-3000 trunk carries the storage traffic
Basic authentication is off by default since version 3
The phone number column has 20 characters in Postgres
The tax rate 19.000000 is kept with six decimals
The API allows 100 requests per minute per key
Clone with git@github.com:acme/repo.git and run make
react@18.2.0 breaks with next@14.1.0 on Node 20
Passwords are hashed with argon2id and a 16-byte salt
The password is stored hashed in the users table
The password must have 12 characters and one digit
The token expires after 15 minutes
Set API_KEY to the value from the vault
The api key is required for every request
password: string in the schema of the login route
postgres://user:password@localhost:5432/db is the default URL
postgres://app:${DB_PASS}@db:5432/app is the URL
Server at 192.168.10.200:8080 answers in 12 ms
Timestamps are 13 digits like 1700000000000 in milliseconds
The commit 3f2a9c1b8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a broke it
Ports 8080-8090 and 9000-9010 are open
UUID 123e4567-e89b-12d3-a456-426614174000 identifies it
On 2024-03-12 the release 1.2.3.4 went out
ISO 8601 dates such as 2024-03-12T10:00:00+02:00 sort well
Snowflake ids such as 175928847299117063 are 64 bits wide
The secret is to batch the writes
Phone numbers are stored in E.164 format
The build takes 4.5 minutes and 1,024 MB of memory
The access token is sent in the Authorization header
Set the environment variable OPENAI_API_KEY before the tests run
Error -1001 and exit code 137 mean out of memory
Card numbers like 4111 1111 1111 1112 fail the Luhn check
The IBAN DE00 3704 0044 0532 0130 00 has a wrong checksum
Aadhaar numbers such as 2345 6789 0123 end with a check digit
The secret key is rotated every 90 days""".split("\n")


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in HELD.items() for text in texts])
def test_personal_data_and_secrets_are_named_by_kind_alone(kind: str, text: str) -> None:
    """Each kind is found, in several dresses, and no word of the text that has a digit or a sign is in the reason."""
    reason = personal_data(text)
    assert reason is not None
    assert kind in reason
    assert not any(word in reason for word in text.split() if any(char.isdigit() or char in "@=" for char in word))


@pytest.mark.parametrize("text", PASS)
def test_what_only_looks_like_it_passes(text: str) -> None:
    """Addresses of machines, versions, ids, wrong checksums, and sentences about passwords are knowledge."""
    assert personal_data(text) is None


@pytest.mark.parametrize(
    "text", [*HOSTILE.values(), "a@" * 2_000, "+1 " * 1_300, "4" * 4_000, "(" * 4_000, "password is " * 300]
)
def test_hostile_texts_get_an_answer(text: str) -> None:
    """Whatever is sent, a verdict comes, and comes before the test's time is over."""
    personal_data(text[:4_000])


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=400))
def test_any_text_gets_an_answer(text: str) -> None:
    """Any text at all: None, or a reason that does not hold it."""
    reason = personal_data(text)
    assert reason is None or reason.startswith("it holds ")

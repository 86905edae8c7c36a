"""The first stage: nothing about a person, and no secret, gets into a corpus. It names the kind, and never repeats the datum.

Precision before recall: what has a checksum is checked, what has none needs a shape that little else has, or a word beside it. It is no
anonymiser: a name in a sentence passes. Pure.
"""

# ruff: noqa: E501 - a pattern that is broken over lines cannot be read
from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final

__all__ = ["personal_data"]

_WORDED: Final = r"(?:\s+(?:is|was|are|to|=|:)|\s*(?:[:=]|=>|->))\s*"
_DIALLED: Final = r"\(?\+?\d(?:[\s()./-]{0,3}\d){6,14}"
_EMAIL: Final = re.compile(
    r"(?<![\w.+-])(?!git@)[\w.!#$%&'*+/=?^`{|}~-]{1,64}(?:@|\s?[\[({]\s?at\s?[\])}]\s?)"
    r"[^\W_](?:[^\W_]|-){0,62}(?:(?:\.|\s?[\[({]\s?dot\s?[\])}]\s?)(?:[^\W_]|-){1,63}){0,4}"
    r"(?:\.|\s?[\[({]\s?dot\s?[\])}]\s?)[a-z]{2,24}(?![\w-])",
    re.IGNORECASE,
)
_SPELT_EMAIL: Final = re.compile(r"\b[\w.+-]{1,64} at (?:[\w-]{1,63} dot ){1,4}[a-z]{2,24}\b", re.IGNORECASE)
_PHONES: Final = (
    re.compile(r"(?<![\w+.])\+[1-9](?:[\s().-]{0,2}\d){7,14}(?![\w.]?\d)"),
    re.compile(r"(?<![\w.-])(?:1[ .-])?(?:\([2-9]\d{2}\)\s?|[2-9]\d{2}[ .-])[2-9]\d{2}[.-]\d{4}(?![\w-]|\.\d)"),
    re.compile(r"(?<![\w.-])(?<!\d )00[1-9]\d{0,2}(?:[ ./()-]{1,3}\d{2,}){2,5}(?![\w.-])"),
    re.compile(rf"\b(?:phone|telephone|telefon|tel|mobile|cell|fax|whatsapp)(?: (?:number|no))?\.?{_WORDED}{_DIALLED}", re.I),
    re.compile(rf"\b(?:tel\.|(?:phone|fax|tele(?:fon|phone)) (?:no\.?|number)|fax) {_DIALLED}", re.I),
    re.compile(r"(?<![\w.-])\(0\d{1,4}\) ?\d[\d /-]{4,12}\d(?![\w-]|\.\d)"),
)  # fmt: skip
_IBAN: Final = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}(?![A-Za-z0-9])")
_NAMED_IBAN: Final = re.compile(r"\biban\b\W{0,3}([A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30})(?![A-Z0-9])", re.IGNORECASE)
_CARD: Final = re.compile(r"(?<![\w.-])[2-6]\d{3}(?:[ -]?\d){9,15}(?![\w-]|\.\d)")
_ISSUED: Final = re.compile(
    r"4\d{12}(?:\d{3}(?:\d{3})?)?|(?:5[1-5]|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d*(?<=^.{16})|3[47]\d{13}"
    r"|(?:36|38|30[0-5])\d*(?<=^.{14})|(?:6011|65\d\d|64[4-9]\d|35[2-8]\d|62\d\d)\d*(?<=^.{16})"
)
_IDS: Final = re.compile(
    r"\b(?:id|ids|order|offset|offsets|ticket|job|trace|span|partition|sequence|section|part|issue|imei|serial|tracking|isbn|ean|build"
    r"|commit|epoch|timestamp)(?: (?:number|no\.?|id|is|was))?\s?[:=#]?\s?[\"'`(]?$",
    re.IGNORECASE,
)
_SSN: Final = re.compile(r"(?<![\w-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])")
_NINO: Final = re.compile(r"(?<!\w)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D](?!\w)")
_DNI: Final = re.compile(r"(?<![\w-])([XYZ]|\d)(\d{7})-?([A-Z])(?![\w-])")
_CPF: Final = re.compile(r"(?<![\w.-])\d{3}\.\d{3}\.\d{3}-\d{2}(?![\w-])")
_AADHAAR: Final = re.compile(r"(?<![\w-])[2-9]\d{3} \d{4} \d{4}(?! ?\d)(?!\w)")
_INSEE: Final = re.compile(r"(?<![\w-])[12] ?\d{2} ?(?:0[1-9]|1[0-2]) ?\d[\dAB] ?\d{3} ?\d{3} ?\d{2}(?!\w)")
_NAMED_ID: Final = re.compile(
    r"\b(?:passport|social security|ssn|national (?:id|insurance)|nino|ni number|identity card|driv(?:er'?s|ing) licen[cs]e|tax(?: id)?|cpf"
    r"|steuer-?id|medicare|nhs|pan)(?: (?:number|no|id|card))?\.?"
    rf"(?:{_WORDED}|\s+#?)(?:\d(?:[ -]?\d){{7,11}}(?![\w.])|(?=[A-Z]*\d{{2}})(?=(?:\D{{0,5}}\d){{4}})[A-Z0-9][A-Z0-9-]{{7,16}}(?![\w.]))",
    re.IGNORECASE,
)
_BIRTH: Final = re.compile(
    r"\b(?:date of birth|birth ?date|birthday|dob|born|geboren|geburtsdatum|n[ée]e? le|nacid[oa] el)\b(?: (?:is|on|was|in|am))?\s*[:=]?\s*"
    r"(?:\d{1,4}[-/. ]\d{1,2}[-/. ]\d{1,4}|\d{1,2}(?:st|nd|rd|th)? [A-Z][a-z]{2,8},? \d{4}|[A-Z][a-z]{2,8} \d{1,2},? \d{4})",
    re.IGNORECASE,
)
_KEYS: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{22,}|glpat-[\w-]{20,}|xox[abeoprs]-[\w-]{10,}"
    r"|(?:sk|pk|rk)[-_](?:live|test|proj|ant|or)?[-_]?[A-Za-z0-9_-]{20,}|AIza[\w-]{30,}|ya29\.[\w-]{20,}|npm_[A-Za-z0-9]{30,}"
    r"|hf_[A-Za-z0-9]{30,}|dop_v1_[a-f0-9]{60,}|pypi-[\w-]{40,}|SG\.[\w-]{16,}\.[\w-]{16,}|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{8,}"
    r"|AGE-SECRET-KEY-1[0-9A-Z]{50,}|shp(?:at|ss|ca)_[a-f0-9]{30,})"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY|\bBearer\s+(?=\S*\d)[\w.~+/-]{20,}|\bBasic\s+(?=\S*[\d=+/])[A-Za-z0-9+/]{12,}={0,2}"
)
_URL_SECRET: Final = re.compile(
    r"\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@]{0,64}:(?P<secret>[^\s@/]{3,128})@[\w.-]+", re.IGNORECASE
)
_PASSWORD: Final = re.compile(
    r"\b(?:pass(?:word|wd|phrase|code)|pwd|secret(?:[_ -]?key)?|api[_ -]?key|access[_ -]?(?:key|token)|auth[_ -]?token|private[_ -]?key"
    r"|client[_ -]?secret|[A-Z][A-Z0-9_]*_(?:PASSWORD|PASSWD|PASS|PWD|SECRET|TOKEN|API_KEY|KEY))['\"]?"
    r"(?P<link>\s*(?:[:=]|=>|->)\s*|\s+(?:is|was|to)\s+)(?P<quote>[\"'`]?)(?P<secret>[^\s\"'`,;]{4,200})",
    re.IGNORECASE,
)
_LOGIN: Final = re.compile(
    r"\b(?:credentials?|login)\b[^\n:]{0,12}\s[\w.-]{1,64}:(?P<secret>(?=\S*\d)(?=\S*[A-Za-z])[^\s/]{6,})"
)
_NO_SECRET: Final = re.compile(
    r"[<>${}\[\]()*.…]|^x+$|^(?:your|my|the|a|an|some|any|not|never|set|read|stored|hashed|required|optional|secret|password|pass|token|key"
    r"|string|str|bytes|none|null|true|false|changeme|example|placeholder|redacted|env|vault|empty|missing|invalid|wrong|correct|sent|kept"
    r"|rotated|expired|encrypted|only|used|valid|unset|undefined)\b|^(?:env|os|process|config|settings|vault)[.:_/]",
    re.IGNORECASE,
)  # fmt: skip


def personal_data(text: str) -> str | None:
    """Why the text may not be kept: which kind of personal datum or secret is in it; None: none was found."""
    shown = _revealed(text)
    for kind, has in _KINDS:
        if has(shown):
            return f"it holds {kind}: say it without"
    return None


def _revealed(text: str) -> str:
    """What a reader sees: one form of each character, invisible ones left out, every digit ASCII."""
    text = unicodedata.normalize("NFKC", text)
    kept = (char for char in text if unicodedata.category(char) != "Cf")
    shown = "".join(str(unicodedata.decimal(char)) if unicodedata.category(char) == "Nd" else char for char in kept)
    return re.sub(r"[\u2010-\u2015\u2212]", "-", re.sub(r"\s", " ", shown))


def _digits(text: str) -> list[int]:
    return [int(char) for char in text if char.isdigit()]


def _has_iban(text: str) -> bool:
    found = [match[0] for match in _IBAN.finditer(text)] + [match[1].upper() for match in _NAMED_IBAN.finditer(text)]
    return any(_is_iban(part) for shown in found for part in _prefixes(shown))


def _prefixes(shown: str) -> list[str]:
    """An IBAN with blanks may run into the next word: every prefix of whole groups counts."""
    groups = re.split(r"[ -]", shown)
    return ["".join(groups[:count]) for count in range(1, len(groups) + 1)]


def _is_iban(shown: str) -> bool:
    if not 15 <= len(shown) <= 34:
        return False
    turned = shown[4:] + shown[:4]
    return int("".join(str(int(char, 36)) for char in turned)) % 97 == 1


def _has_card(text: str) -> bool:
    """A number of a card scheme's length and first digits, its check digit right, that is not called an id of something."""
    return any(
        _ISSUED.fullmatch(digits := "".join(char for char in match[0] if char.isdigit()))
        and _luhn(_digits(digits))
        and not _IDS.search(text, 0, match.start())
        for match in _CARD.finditer(text)
    )


def _luhn(digits: list[int]) -> bool:
    doubled = [digit if place % 2 == 0 else sum(divmod(2 * digit, 10)) for place, digit in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0 and len(set(digits)) > 1


def _has_national_id(text: str) -> bool:
    return bool(
        any(not _IDS.search(text, 0, match.start()) for match in _SSN.finditer(text))
        or _NINO.search(text)
        or _NAMED_ID.search(text)
        or any(_is_dni(match) for match in _DNI.finditer(text))
        or any(_is_cpf(_digits(match[0])) for match in _CPF.finditer(text))
        or any(_verhoeff(_digits(match[0])) for match in _AADHAAR.finditer(text))
        or any(_is_insee(match[0]) for match in _INSEE.finditer(text))
    )


def _is_dni(match: re.Match[str]) -> bool:
    first = str("XYZ".index(match[1])) if match[1] in "XYZ" else match[1]
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(first + match[2]) % 23] == match[3]


def _is_cpf(digits: list[int]) -> bool:
    if len(set(digits)) == 1:
        return False
    for size in (9, 10):
        rest = sum(digit * weight for digit, weight in zip(digits, range(size + 1, 1, -1), strict=False)) * 10 % 11 % 10
        if rest != digits[size]:
            return False
    return True


def _is_insee(shown: str) -> bool:
    body = shown.replace(" ", "")
    number = body[:13].replace("2A", "19").replace("2B", "18")
    return number.isdigit() and 97 - int(number) % 97 == int(body[13:])


def _verhoeff(digits: list[int]) -> bool:
    """The checksum over the dihedral group of ten elements."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        for _ in range(place % 8):
            digit = _TURN[digit]
        check = _times(check, digit)
    return check == 0


_TURN: Final = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def _times(a: int, b: int) -> int:
    if a < 5:
        return (a + b) % 5 if b < 5 else 5 + (a + b) % 5
    return 5 + (a - b) % 5 if b < 5 else (a - b) % 5


def _has_secret(text: str) -> bool:
    if _KEYS.search(text):
        return True
    if any(not _NO_SECRET.search(match["secret"]) for found in (_URL_SECRET, _LOGIN) for match in found.finditer(text)):
        return True
    return any(_is_password(match) for match in _PASSWORD.finditer(text))


def _is_password(match: re.Match[str]) -> bool:
    """After "is" it needs a digit or a sign, or quotes: "the password is stored" tells no password."""
    secret = match["secret"].rstrip(".!?)")
    if len(secret) < 4 or _NO_SECRET.search(secret):
        return False
    is_odd = any(char.isdigit() for char in secret) or re.search(r"[^\w-]", secret) is not None
    return bool(match["quote"]) or is_odd or ((":" in match["link"] or "=" in match["link"]) and not secret.isdigit())


_KINDS: Final[tuple[tuple[str, Callable[[str], object]], ...]] = (
    ("a key, token or password", _has_secret),
    ("an e-mail address", lambda text: _EMAIL.search(text) or _SPELT_EMAIL.search(text)),
    ("a bank account number", _has_iban),
    ("a payment card number", _has_card),
    ("a national id", _has_national_id),
    ("a phone number", lambda text: any(pattern.search(text) for pattern in _PHONES)),
    ("a date of birth", _BIRTH.search),
)

"""Keyed pseudonyms: the same person gets the same name, and only the key leads back."""

from __future__ import annotations

import hashlib
import hmac

import pandas as pd

from crosslevel.errors import ResponseError
from crosslevel.responses.table import as_name

KEY_LENGTH = 16
_PREFIX = "p"
_HEX_DIGITS = 16


def pseudonym(identifier: str, *, key: str) -> str:
    """Return the pseudonym of one identifier: "p" and 16 hexadecimal digits.

    The same identifier and key give the same pseudonym in every file, so that files still link.
    Whoever holds the key can test a guess; keep it away from the data and delete it when no
    further wave is to be linked.

    Parameters
    ----------
    identifier
        A direct identifier, such as a staff number; surrounding blanks do not count.
    key
        A secret of at least 16 characters.

    Raises
    ------
    ResponseError
        When the key is too short.

    Notes
    -----
    HMAC-SHA256 over the identifier in Unicode form NFC, cut to 64 bits: among 100,000 people the
    chance that any two share a pseudonym is below 1 in 3 thousand million.

    Examples
    --------
    >>> pseudonym("007", key="a secret of the study")
    'pd44160341751ad5b'
    """
    if len(key) < KEY_LENGTH:
        raise ResponseError(
            f"The pseudonym key has {len(key)} characters. Use at least {KEY_LENGTH}, for example "
            'those of `python -c "import secrets; print(secrets.token_hex())"`.'
        )
    text = as_name(identifier).encode("utf-8")
    digest = hmac.new(key.encode("utf-8"), text, hashlib.sha256).hexdigest()
    return _PREFIX + digest[:_HEX_DIGITS]


def pseudonyms(identifiers: pd.Series, *, key: str) -> pd.Series:
    """Return the pseudonyms of a column; an empty identifier stays empty.

    Examples
    --------
    >>> pseudonyms(pd.Series(["007", ""]), key="a secret of the study").tolist()
    ['pd44160341751ad5b', '']
    """
    known = {text: pseudonym(text, key=key) if text else "" for text in identifiers.unique()}
    return identifiers.map(known).astype("str")

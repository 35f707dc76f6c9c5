"""For whom a certificate is: Python tells that only of certificates that it has verified."""

from __future__ import annotations

__all__ = ["names_of"]

_COMMON_NAME, _ORGANISATION, _ALTERNATIVES = b"\x06\x03\x55\x04\x03", b"\x06\x03\x55\x04\x0a", b"\x06\x03\x55\x1d\x11"
_TEXT, _DNS, _OCTETS = (0x0C, 0x13, 0x16), 0x82, 0x04


def _element(data: bytes, start: int) -> tuple[int, int, int]:
    """Read tag, begin and end of the DER element at ``start``."""
    length, begin = data[start + 1], start + 2
    if length & 0x80:
        size = length & 0x7F
        length, begin = int.from_bytes(data[begin : begin + size], "big"), begin + size
    return data[start], begin, begin + length


def names_of(der: bytes) -> list[str]:
    """List the organisation and common name of the subject and the DNS names of a certificate; [] for what is none."""
    found: list[str] = []
    try:
        for kind in (_ORGANISATION, _COMMON_NAME):
            # The issuer comes before the subject.
            start = der.rfind(kind)
            if start >= 0:
                tag, begin, end = _element(der, start + len(kind))
                found += [der[begin:end].decode("utf-8", "replace")] if tag in _TEXT else []
        start = der.find(_ALTERNATIVES)
        if start >= 0:
            start += len(_ALTERNATIVES)
            if der[start] != _OCTETS:
                start = _element(der, start)[2]
            _, begin, _ = _element(der, start)
            _, begin, end = _element(der, begin)
            while begin < end:
                tag, inside, begin = _element(der, begin)
                found += [der[inside:begin].decode("ascii", "replace")] if tag == _DNS else []
    except IndexError:
        pass
    return list(dict.fromkeys(found))

from __future__ import annotations

import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.refusal import own_fault

AT = "in /etc/nginx/conf.d/a.conf:3"


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ('nginx: [emerg] unknown directive "redirect"', 'unknown directive "redirect"'),
        ('2026/01/01 03:14:00 [emerg] 7#7: unexpected "}"', 'unexpected "}"'),
        ('nginx: [emerg] "root" directive is duplicate', '"root" directive is duplicate'),
        ('nginx: [emerg] the same path name "/tmp/nginx" used', 'the same path name "/tmp/nginx" used'),
        (
            '2026/01/01 03:14:00 [emerg] 7#7: open() "/etc/nginx/conf/x.conf" failed (2: No such file or directory)',
            'open() "/etc/nginx/conf/x.conf" failed (2: No such file or directory)',
        ),
    ],
)
def test_the_text_is_at_fault(words: str, fault: str) -> None:
    assert own_fault(f"{words} {AT}\nnginx: configuration file test failed\n") == f"{fault} (conf.d/a.conf:3)"


@pytest.mark.parametrize(
    "words",
    [
        'nginx: [emerg] host not found in upstream "app"',
        'nginx: [emerg] open() "/srv/x" failed (2: No such file or directory)',
        'nginx: [emerg] open() "/etc/nginx/x" failed (13: Permission denied)',
        'nginx: [emerg] getpwnam("shop") failed',
        'nginx: [emerg] dlopen() "/usr/lib/x.so" failed',
        # Another version's, another build's.
        'nginx: [emerg] unknown directive "http2"',
        'nginx: [emerg] unknown directive "auth_jwt"',
        'nginx: [emerg] invalid parameter "quic"',
        'nginx: [warn] conflicting server name "a"',
    ],
)
def test_staging_may_be_the_cause(words: str) -> None:
    assert own_fault(f"{words} {AT}\n") == ""


def test_what_has_no_place_is_not_sure() -> None:
    assert own_fault("nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)\n") == ""
    assert own_fault("") == ""
    assert own_fault('nginx: [emerg] unknown "ssl_alpn_protocol" variable\n') == ""


@pytest.mark.parametrize(
    "words",
    [
        "could not build map_hash, you should increase map_hash_bucket_size: 64",
        'unknown "expires" variable',
        'zero size shared memory zone "pages"',
    ],
)
def test_what_nginx_says_of_the_whole_is_the_texts_own(words: str) -> None:
    assert own_fault(f"2026/01/01 03:14:00 [emerg] 7#7: {words}\n") == words

"""nginx configurations as people and fuzzers write them: real directives, with wrong arguments, quotes and blocks."""

from __future__ import annotations

from crossplane.analyzer import DIRECTIVES
from hypothesis import strategies as st

__all__ = ["TOKENS", "configurations"]

_TEXT_READ = """
http server location if map geo split_clients upstream stream mail events types limit_except listen
server_name root alias include index try_files error_page return rewrite set proxy_pass fastcgi_pass grpc_pass
uwsgi_pass scgi_pass memcached_pass add_header proxy_set_header fastcgi_param allow deny access_log error_log
log_format ssl_certificate ssl_certificate_key ssl_trusted_certificate limit_req_zone limit_req limit_conn
limit_conn_zone proxy_cache proxy_cache_path proxy_cache_valid keepalive server resolver auth_basic
auth_basic_user_file auth_request internal client_max_body_size expires gzip gzip_types default_type
worker_processes user pid load_module daemon valid_referers set_real_ip_from real_ip_header proxy_cookie_path
sub_filter ssl_preread ssl ssl_protocols ssl_verify_client http2 proxy_read_timeout proxy_buffers
large_client_header_buffers satisfy mirror slice etag if_modified_since zone content_by_lua_block
set_by_lua_block perl js_import proxy_redirect charset add_trailer break
"""
_TEXT_WORDS = """
80 443 [::]:80 127.0.0.1:8080 unix:/run/x.sock *:443 localhost 65536 99999999999999999999 ² ٣ 0 -1 on off ssl
default_server http2 quic proxy_protocol udp example.com www.example.com *.example.com .example.com ~^www\\d+\\.
_ ~(a+)+$ ~[ ~( / = ^~ ~ ~* @x /a/ /a /index.php $uri $uri/ =404 $host $remote_addr ${host} $request_uri
$arg_x $cookie_y $http_z $1 http://app http://app/ https://$host$request_uri http://[::1]:80/ http:// app:80
10.0.0.0/8 2001:db8::/32 all none blocked server_names zone=a:10m rate=10r/s burst=5 10m 1k 5s 1d max 301 302
404 444 500 =200 last permanent redirect default hostnames volatile ranges delete /etc/nginx/x.conf
conf.d/*.conf *.conf ../x /srv/www text/html ~*\\.(jpg|png)$ ^/(.*)$ ^/a(?<n>b)c (?i)x a{2,1} (((((((
[[:alpha:]] (?=a)* \\h max-age=3600; weight=5 backup down max_fails=0 if=$x stderr syslog:server=x buffer=1k
main combined != = ~* -f !-e ( ) ($x = y)
"""
_READ, _WORDS = _TEXT_READ.split(), _TEXT_WORDS.split()
TOKENS = [word.encode() for word in [*_READ, *_WORDS]] + [
    *(
        b"{",
        b"}",
        b";",
        b"#",
        b"'",
        b'"',
        b"\\",
        b"$",
        b"${",
        b"\n",
        b"\r",
        b"\t",
        b"\xc2\xa0",
        b"\xef\xbb\xbf",
        b"\x00",
        b" {} ",
    ),
    *(
        b"# sluice: accept x: y\n",
        b"'a b'",
        b'"a;b"',
        b"{ return 1 }",
        b";;",
        b"{{",
        b"location {",
        b"if ()",
        b"map $a {",
    ),
]


def _words() -> st.SearchStrategy[str]:
    plain = st.one_of(st.sampled_from(_WORDS), st.sampled_from(_WORDS), st.text("ab/$.*~^()[]{}|\\?+é \t", max_size=6))
    return plain.map(
        lambda word: word if word and not set(word) & set(" \t;{}\"'#") else "'" + word.replace("'", "") + "'"
    )


def _names() -> st.SearchStrategy[str]:
    return st.one_of(st.sampled_from(_READ), st.sampled_from(_READ), st.sampled_from(sorted(DIRECTIVES)), _words())


def _directives() -> st.SearchStrategy[str]:
    simple = st.builds(
        lambda name, args, end: " ".join([name, *args]) + end,
        _names(),
        st.lists(_words(), max_size=4),
        st.sampled_from(
            (";\n", ";\n", ";\n", ";\n", ";", "\n", " # why\n;", "; # sluice: accept typo_in_identifier: mine\n")
        ),
    )
    lua = st.sampled_from(
        (
            "content_by_lua_block { ngx.say('}') -- } \n }\n",
            "set_by_lua_block $x { return [[}]] }\n",
            "init_by_lua_block {",
        )
    )
    return st.one_of(
        simple, simple, simple, simple, lua, st.sampled_from(("#x\n", "}\n", "{\n", ";", "# sluice: accept\n"))
    )


def _blocks(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    kinds = st.sampled_from(
        (
            "server",
            "server",
            "location /",
            "location ~ x",
            "location = /a",
            "location",
            "if ($http_x = y)",
            "if",
            "map $a $b",
            "map",
            "geo $x",
            "geo",
            "upstream app",
            "upstream",
            "types",
            "limit_except GET",
            "split_clients $a $b",
            "http",
            "stream",
            "location @x",
            "location /b",
            "location ^~ /c",
            "mail",
            "events",
        )
    )
    return st.builds(lambda kind, parts: f"{kind} {{\n{''.join(parts)}}}\n", kinds, st.lists(inner, max_size=5))


def configurations() -> st.SearchStrategy[bytes]:
    """Draw a main file: blocks that nginx has, in places where they belong and where they do not."""
    parts = st.recursive(_directives(), _blocks, max_leaves=25)
    within = st.builds(lambda rows: "events {}\nhttp {\n" + "".join(rows) + "}\n", st.lists(parts, max_size=6))
    server = st.builds(
        lambda rows: "events {}\nhttp {\nserver {\n" + "".join(rows) + "}\n}\n", st.lists(parts, max_size=6)
    )
    return st.one_of(within, server, st.lists(parts, max_size=4).map("".join)).map(str.encode)

"""Directives that a platform's nginx does not know although they are no misspelling, and where they are known."""

from __future__ import annotations

from collections.abc import Mapping

from ..platforms.catalog import versions

__all__ = ["COMMERCIAL", "GONE", "LATER", "elsewhere", "fix_by_platform", "known_elsewhere", "platforms_between"]

# NGINX Plus only.
COMMERCIAL = frozenset(
    {
        "api",
        "app_protect_enable",
        "app_protect_policy_file",
        "app_protect_security_log",
        "app_protect_security_log_enable",
        "auth_jwt",
        "auth_jwt_claim_set",
        "auth_jwt_header_set",
        "auth_jwt_key_cache",
        "auth_jwt_key_file",
        "auth_jwt_key_request",
        "auth_jwt_leeway",
        "auth_jwt_require",
        "auth_jwt_type",
        "auth_oidc",
        "f4f",
        "f4f_buffer_size",
        "health_check",
        "health_check_timeout",
        "hls_buffers",
        "hls_forward_args",
        "hls_mp4_buffer_size",
        "hls_mp4_max_buffer_size",
        "internal_redirect",
        "keyval",
        "keyval_zone",
        "least_time",
        "license_token",
        "match",
        "mgmt",
        "mqtt",
        "mqtt_preread",
        "mqtt_set_connect",
        "ntlm",
        "num_map",
        "oidc_provider",
        "proxy_cache_purge",
        "queue",
        "session_log",
        "session_log_format",
        "session_log_zone",
        "state",
        "status",
        "status_format",
        "status_zone",
        "sticky",
        "sticky_cookie_insert",
        "upstream_conf",
        "usage_report",
        "zone_sync",
        "zone_sync_buffers",
        "zone_sync_server",
    }
)

# The version that brought a directive of nginx itself.
LATER: Mapping[str, tuple[int, ...]] = {
    "ssl_key_log": (1, 27, 2),
    "keepalive_min_timeout": (1, 27, 4),
    "ssl_certificate_cache": (1, 27, 4),
    "ssl_object_cache_inheritable": (1, 27, 4),
    "proxy_limit_rate": (1, 27, 7),
    "http2": (1, 25, 1),
    "http3": (1, 25, 0),
    "http3_hq": (1, 25, 0),
    "http3_max_concurrent_streams": (1, 25, 0),
    "http3_stream_buffer_size": (1, 25, 0),
    "quic_active_connection_id_limit": (1, 25, 0),
    "quic_bpf": (1, 25, 0),
    "quic_gso": (1, 25, 0),
    "quic_host_key": (1, 25, 0),
    "quic_retry": (1, 25, 0),
    "mp4_start_key_frame": (1, 21, 4),
    "pass": (1, 25, 5),
}

# The first version that does not know a directive any more.
GONE: Mapping[str, tuple[int, ...]] = {
    "ssl": (1, 25, 1),
    "http2_push": (1, 25, 1),
    "http2_push_preload": (1, 25, 1),
    "http2_max_concurrent_pushes": (1, 25, 1),
    "http2_idle_timeout": (1, 25, 1),
    "http2_max_field_size": (1, 25, 1),
    "http2_max_header_size": (1, 25, 1),
    "http2_max_requests": (1, 25, 1),
    "http2_recv_timeout": (1, 25, 1),
    "spdy_headers_comp": (1, 9, 5),
    "spdy_chunk_size": (1, 9, 5),
    "limit_zone": (1, 11, 10),
}

# Modules that the distributions do not package, by how their directives begin.
_MODULES: tuple[tuple[str, str], ...] = (
    ("vhost_traffic_status", "nginx-module-vts"),
    ("stream_server_traffic_status", "nginx-module-sts"),
    ("server_traffic_status", "nginx-module-sts"),
    ("pagespeed", "ngx_pagespeed"),
    ("passenger", "Phusion Passenger"),
    ("rails_env", "Phusion Passenger"),
    ("zstd", "zstd-nginx-module"),
    ("brotli", "ngx_brotli"),
    ("modsecurity", "ModSecurity-nginx"),
    ("auth_ldap", "nginx-auth-ldap"),
    ("ldap_server", "nginx-auth-ldap"),
    ("auth_gss", "spnego-http-auth-nginx-module"),
    ("auth_digest", "nginx-http-auth-digest"),
    ("opentracing", "nginx-opentracing"),
    ("otel_", "nginx-otel"),
    ("opentelemetry", "opentelemetry's module for nginx"),
    ("datadog", "nginx-datadog"),
    ("vod", "nginx-vod-module"),
    ("push_stream", "nginx-push-stream-module"),
    ("upload", "nginx-upload-module"),
    ("testcookie", "testcookie-nginx-module"),
    ("set_cookie_flag", "nginx_cookie_flag_module"),
    ("security_headers", "ngx_security_headers"),
    ("check", "nginx_upstream_check_module"),
    ("concat", "nginx-http-concat"),
    ("postgres", "ngx_postgres"),
    ("drizzle", "drizzle-nginx-module"),
    ("rds_", "rds-json-nginx-module"),
    ("redis", "redis2-nginx-module"),
    ("hmux", "nginx_hmux_module"),
    ("ajp_", "nginx_ajp_module"),
    ("naxsi", "naxsi"),
    ("MainRule", "naxsi"),
    ("BasicRule", "naxsi"),
    ("CheckRule", "naxsi"),
    ("SecRules", "naxsi"),
    ("LearningMode", "naxsi"),
    ("DeniedUrl", "naxsi"),
    ("sysguard", "nginx-module-sysguard"),
    ("encrypted_session", "encrypted-session-nginx-module"),
    ("set_form_input", "form-input-nginx-module"),
    ("length_hiding", "nginx-length-hiding-filter-module"),
    ("nginx_waf", "a WAF module"),
    ("waf", "ngx_waf"),
    ("geoip2", "ngx_http_geoip2_module"),
    ("lua_add_variable", "stream-lua-nginx-module"),
    ("lua_", "lua-nginx-module"),
    ("content_by_lua", "lua-nginx-module"),
    ("access_by_lua", "lua-nginx-module"),
    ("rewrite_by_lua", "lua-nginx-module"),
    ("init_by_lua", "lua-nginx-module"),
    ("init_worker_by_lua", "lua-nginx-module"),
    ("balancer_by_lua", "lua-nginx-module"),
    ("preread_by_lua", "stream-lua-nginx-module"),
    ("set_by_lua", "lua-nginx-module"),
    ("header_filter_by_lua", "lua-nginx-module"),
    ("body_filter_by_lua", "lua-nginx-module"),
    ("log_by_lua", "lua-nginx-module"),
    ("ssl_certificate_by_lua", "lua-nginx-module"),
    ("js_", "njs"),
    ("srt", "nginx-srt-module"),
    ("google", "ngx_http_google_filter_module"),
    ("accept_language", "nginx_accept_language_module"),
    ("set_from_accept_language", "nginx_accept_language_module"),
    ("session_sticky", "Tengine"),
    ("req_status", "Tengine"),
    ("jwt_", "ngx_http_auth_jwt_module"),
    ("aws_", "ngx_aws_auth"),
    ("statsd", "nginx-statsd"),
    ("small_light", "ngx_small_light"),
    ("fastdfs", "fastdfs-nginx-module"),
    ("ngx_fastdfs", "fastdfs-nginx-module"),
    ("dynamic_upstream", "ngx_dynamic_upstream"),
    ("dyups", "ngx_http_dyups_module"),
    ("upsync", "nginx-upsync-module"),
    ("jsonp", "nginx-jsonp-module"),
    ("shib", "nginx-http-shibboleth"),
    ("oidc", "an OpenID module"),
    ("slowfs", "ngx_slowfs_cache"),
    ("rtmp", "nginx-rtmp-module"),
    ("nchan", "nchan"),
)


def elsewhere(directive: str) -> str:
    """Return the module outside the platform's packages that has a directive, or nothing where none is known."""
    return next((module for prefix, module in _MODULES if directive.startswith(prefix)), "")


def platforms_between(since: tuple[int, ...] = (), until: tuple[int, ...] = ()) -> list[str]:
    """List the platforms whose nginx is not older than ``since`` and older than ``until``, where they are given.

    Those whose nginx gets newer are not among them.
    """
    return [
        name
        for name, version in versions().items()
        if (not since or version >= since) and (not until or version < until)
    ]


def fix_by_platform(since: tuple[int, ...] = (), until: tuple[int, ...] = ()) -> str:
    """Return which platform has an nginx that is not older than ``since`` and older than ``until``."""
    fitting = platforms_between(since, until)
    if fitting:
        return f"set staging_platform to what production has: {' or '.join(fitting)}"
    return "no distribution that never changes its nginx has that version; staging_nginx and staging_nginx_version do"


def known_elsewhere(directive: str) -> tuple[str, str]:
    """Return who knows a directive that this nginx does not, and what to do about it; nothing where nobody does."""
    if directive in LATER or directive in GONE:
        since, until = LATER.get(directive, ()), GONE.get(directive, ())
        version = ".".join(map(str, since or until))
        who = f"nginx knows it since {version}" if since else f"nginx knows it no more since {version}"
        return who, fix_by_platform(since, until)
    if directive in COMMERCIAL:
        return "only NGINX Plus knows it", ""
    module = elsewhere(directive)
    return (f"it is of {module}, which no package of this platform brings", "") if module else ("", "")

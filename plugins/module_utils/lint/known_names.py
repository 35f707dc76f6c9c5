"""Names with one right spelling, although nginx takes any: headers, media types, parameters of FastCGI."""

from __future__ import annotations

__all__ = ["CACHE_CONTROL", "FASTCGI", "HEADERS", "MEDIA_TYPES", "POLICIES"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


HEADERS = _words(
    """
    Accept Accept-Charset Accept-Encoding Accept-Language Accept-Ranges Access-Control-Allow-Credentials
    Access-Control-Allow-Headers Access-Control-Allow-Methods Access-Control-Allow-Origin
    Access-Control-Expose-Headers Access-Control-Max-Age Access-Control-Request-Headers
    Access-Control-Request-Method Age Allow Alt-Svc Authorization Cache-Control CF-Connecting-IP CF-IPCountry CF-Ray
    Clear-Site-Data Connection Content-Disposition Content-Encoding Content-Language Content-Length Content-Location
    Content-Range Content-Security-Policy Content-Security-Policy-Report-Only Content-Type Cookie
    Cross-Origin-Embedder-Policy Cross-Origin-Opener-Policy Cross-Origin-Resource-Policy Date DNT Early-Data ETag
    Expect Expires Feature-Policy Forwarded From Host If-Match If-Modified-Since If-None-Match If-Range
    If-Unmodified-Since Keep-Alive Last-Modified Link Location Max-Forwards NEL Origin Permissions-Policy Pragma
    Proxy Proxy-Authenticate Proxy-Authorization Proxy-Connection Public-Key-Pins Range Referer Referrer-Policy
    Refresh Report-To Reporting-Endpoints Retry-After Sec-Fetch-Dest Sec-Fetch-Mode Sec-Fetch-Site Sec-Fetch-User
    Sec-WebSocket-Accept Sec-WebSocket-Extensions Sec-WebSocket-Key Sec-WebSocket-Protocol Sec-WebSocket-Version
    Server Server-Timing Service-Worker-Allowed Set-Cookie SourceMap Strict-Transport-Security Surrogate-Control TE
    Timing-Allow-Origin Traceparent Tracestate Trailer Transfer-Encoding True-Client-IP Upgrade
    Upgrade-Insecure-Requests User-Agent Vary Via Warning WWW-Authenticate X-Accel-Buffering X-Accel-Charset
    X-Accel-Expires X-Accel-Limit-Rate X-Accel-Mapping X-Accel-Redirect X-Amz-Cf-Id X-Api-Key X-B3-Sampled
    X-B3-SpanId X-B3-TraceId X-Cache X-Cache-Status X-Client-IP X-Cluster-Client-IP X-Content-Type-Options
    X-Correlation-ID X-CSRF-Token X-DNS-Prefetch-Control X-Download-Options X-Forwarded X-Forwarded-By
    X-Forwarded-For X-Forwarded-Host X-Forwarded-Path X-Forwarded-Port X-Forwarded-Prefix X-Forwarded-Proto
    X-Forwarded-Protocol X-Forwarded-Scheme X-Forwarded-Server X-Forwarded-Ssl X-Forwarded-URI X-Frame-Options
    X-Http-Method-Override X-Original-Host X-Original-Method X-Original-Uri X-Original-URL
    X-Permitted-Cross-Domain-Policies X-Powered-By X-Real-IP X-Real-Port X-Request-ID X-Request-Start
    X-Requested-With X-Robots-Tag X-Scheme X-Sendfile X-Served-By X-SSL-Client-Cert X-SSL-Client-DN
    X-SSL-Client-Verify X-Trace-ID X-UA-Compatible X-URL-Scheme X-WebKit-CSP X-XSS-Protection
    """
)

MEDIA_TYPES = _words(
    """
    application/atom+xml application/javascript application/json application/ld+json application/manifest+json
    application/octet-stream application/pdf application/rss+xml application/vnd.api+json
    application/vnd.ms-fontobject application/wasm application/x-font-opentype application/x-font-truetype
    application/x-font-ttf application/x-httpd-php application/x-javascript application/x-web-app-manifest+json
    application/xhtml+xml application/xml application/zip audio/mpeg audio/ogg font/eot font/opentype font/otf
    font/ttf font/woff font/woff2 image/avif image/bmp image/gif image/jpeg image/png image/svg+xml
    image/vnd.microsoft.icon image/webp image/x-icon multipart/form-data text/cache-manifest text/calendar text/css
    text/csv text/html text/javascript text/markdown text/plain text/vcard text/vnd.rim.location.xloc text/vtt
    text/x-component text/x-cross-domain-policy text/x-javascript text/xml video/mp4 video/webm
    """
)

FASTCGI = _words(
    """
    CONTENT_LENGTH CONTENT_TYPE DOCUMENT_ROOT DOCUMENT_URI GATEWAY_INTERFACE HTTP_PROXY HTTPS PATH_INFO
    PATH_TRANSLATED PHP_ADMIN_VALUE PHP_VALUE QUERY_STRING REDIRECT_STATUS REMOTE_ADDR REMOTE_PORT REMOTE_USER
    REQUEST_METHOD REQUEST_SCHEME REQUEST_URI SCRIPT_FILENAME SCRIPT_NAME SERVER_ADDR SERVER_NAME SERVER_PORT
    SERVER_PROTOCOL SERVER_SOFTWARE
    """
)

# Values of headers: of Cache-Control, and of those for security.
CACHE_CONTROL = _words(
    """
    immutable includeSubDomains max-age max-stale min-fresh must-revalidate must-understand no-cache no-store
    no-transform nosniff only-if-cached preload private proxy-revalidate public s-maxage sameorigin stale-if-error
    stale-while-revalidate
    """
)

POLICIES = _words(
    """
    base-uri block-all-mixed-content child-src connect-src default-src fenced-frame-src font-src form-action
    frame-ancestors frame-src img-src manifest-src media-src navigate-to object-src plugin-types prefetch-src referrer
    reflected-xss report-to report-uri require-sri-for require-trusted-types-for sandbox script-src script-src-attr
    script-src-elem style-src style-src-attr style-src-elem trusted-types upgrade-insecure-requests webrtc worker-src
    """
)

"""What raises an alert. Each alert is tested with series that fire it and series that do not."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Thresholds", "rules"]

_PROBES, _PUBLIC, _HOSTS = 'job="sluice_probes"', 'job="sluice_public"', 'job="sluice_hosts"'
# While a deployment is on its way, the monitor may still ask for what the host's release does not promise: an alert is
# about checks of the release that the host serves. A host that tells nothing is held to all of them.
_FAILING = f"""max by (host, site, check, check_id, url) (
  (probe_success{{{_PROBES}}} == 0 and on (host, check_id) sluice_check_info)
  or (probe_success{{{_PROBES}}} == 0 unless on (host) sluice_release_managed)
  or sluice_check_success == 0
)"""
_FAILING_PUBLICLY = f"""max by (site, check, check_id, url) (
  (probe_success{{{_PUBLIC}}} == 0 and on (check_id) sluice_check_info)
  or (probe_success{{{_PUBLIC}}} == 0 unless on () sluice_release_managed)
)"""
_DOWN = f"(up{{{_HOSTS}}} == 0 and on (host) max by (host) (probe_success{{{_PROBES}}}) == 0)"
_DIFFERING = """max by (host, variant, release) (sluice_release_info)
  and on (variant) count by (variant) (count by (variant, release) (sluice_release_info)) > 1"""


class Thresholds(NamedTuple):
    """``interval`` is in seconds, ``error_share`` in percent of the requests; the others name what they are in."""

    interval: float = 5
    error_share: float = 5
    certificate_days: float = 14
    drain_minutes: float = 10


def rules(thresholds: Thresholds) -> dict[str, Any]:
    """Return the content of a rule file: one group, so that what inhibits is sent with what it inhibits."""
    interval = thresholds.interval
    # What is seen twice more is no accident.
    soon = f"{2 * interval:g}s"
    errors, requests = "rate(sluice_http_errors_total[1m])", "rate(sluice_http_requests_total[1m])"
    share = f"{errors} / {requests} * 100 > {thresholds.error_share:g} and {errors} * 60 >= 5"
    visitors = "rate(sluice_nginx_visitor_lines_total[1m])"
    provoked = (
        f"({visitors} / ignoring (level) group_left {requests} * 100 > {thresholds.error_share:g} "
        f"and {visitors} * 60 >= 5)"
    )
    days = thresholds.certificate_days
    certificates = (
        f"(sluice_certificate_expiry_timestamp_seconds - time()) / 86400 < {days:g}\n"
        "or (min by (host, site) (probe_ssl_earliest_cert_expiry"
        f'{{job=~"sluice_probes|sluice_public"}}) - time()) / 86400 < {days:g}'
    )
    found = [
        _alert(
            "SluiceCheckFails",
            _FAILING,
            soon,
            "critical",
            "{{ $labels.check }}: does not hold on {{ $labels.host }}",
            f"{_SEEN} {_SERVES}",
            check="{{ $labels.check }}",
        ),
        _alert(
            "SluiceCheckFailsForVisitors",
            _FAILING_PUBLICLY,
            soon,
            "critical",
            "{{ $labels.check }}: does not hold for visitors of {{ $labels.url }}",
            "It is asked by the public name. Where no host fails the same check, what is in front of them does.",
            of_host=False,
            check="{{ $labels.check }}",
        ),
        _alert(
            "SluiceHostDown",
            _DOWN,
            soon,
            "critical",
            "{{ $labels.host }} does not answer at all",
            "Neither its exporter nor any check on it answers. Alerts about its checks are held back.",
        ),
        _alert(
            "SluiceHostSilent",
            f"up{{{_HOSTS}}} == 0 unless on (host) {_DOWN}",
            "1m",
            "warning",
            "{{ $labels.host }} serves, and tells nothing of itself",
            "Its node exporter does not answer: see `systemctl status prometheus-node-exporter` there.",
        ),
        _alert(
            "SluiceNginxDown",
            "sluice_nginx_up == 0",
            soon,
            "critical",
            "nginx does not run on {{ $labels.host }}",
            f"See `systemctl status nginx` there. {_SERVES}",
        ),
        _alert(
            "SluiceErrors",
            share,
            soon,
            "critical",
            '{{ $value | printf "%.0f" }} % of the requests to {{ $labels.host }} are answered with 5xx',
            f"Counted from its access logs, over a minute, without checks. {_SERVES}",
        ),
        _alert(
            "SluiceReloadFails",
            'increase(sluice_nginx_severe_lines_total{level="emerg"}[2m]) > 0',
            "0s",
            "critical",
            "nginx on {{ $labels.host }} refuses its configuration",
            f"Its error log has a line at [emerg]; it goes on with what it had, until it is started anew. {_SERVES}",
        ),
        _alert(
            "SluiceNginxComplains",
            f'increase(sluice_nginx_severe_lines_total{{level=~"alert|crit"}}[2m]) > 0\nor {provoked}',
            "0s",
            "warning",
            "nginx on {{ $labels.host }} logs at [{{ $labels.level }}]",
            f"See its error log. {_SERVES}",
        ),
        _alert(
            "SluiceLogUnproven",
            "increase(sluice_nginx_unproven_lines_total[2m]) > 0",
            "0s",
            "warning",
            "the error log of {{ $labels.host }} has lines at [{{ $labels.level }}] that nginx or a visitor wrote",
            f"They stand amid text of visitors. See its error log, and whether `nginx -t` passes there. {_SERVES}",
        ),
        _alert(
            "SluiceOldWorkers",
            f"sluice_nginx_draining_seconds > {thresholds.drain_minutes * 60:g}",
            "0s",
            "warning",
            "workers of before a reload still run on {{ $labels.host }}",
            "They have been ending for {{ $value | humanizeDuration }}: some connection does not end. "
            "`worker_shutdown_timeout` bounds that.",
        ),
        _alert(
            "SluiceCertificateEnds",
            certificates,
            "0s",
            "warning",
            'a certificate of {{ or $labels.host $labels.site }} is good for {{ $value | printf "%.0f" }} more days',
            'It is {{ or $labels.file "the one that is served" }}.',
        ),
        _alert(
            "SluiceDrift",
            "sluice_drift_files > 0",
            soon,
            "warning",
            "files on {{ $labels.host }} are not as its release left them ({{ $value }})",
            f"`playbooks/status.yml` shows the difference, and the next deployment refuses the host. {_SERVES}",
        ),
        _alert(
            "SluiceGuardFired",
            "time() - sluice_guard_fired_timestamp_seconds < 900",
            "0s",
            "warning",
            "the guard of {{ $labels.host }} took a release back",
            f"The run that brought it gave no sign of life any more. {_SERVES}",
        ),
        _alert(
            "SluiceReleaseDiffers",
            _DIFFERING,
            "1m",
            "warning",
            "{{ $labels.host }} serves release {{ $labels.release }}, and a host that should be its like another one",
            f"Deploy again, or see why it was left out. {_SERVES}",
        ),
        _alert(
            "SluiceTrialLasts",
            "sluice_release_pending == 1",
            "5m",
            "warning",
            "a release has been on trial on {{ $labels.host }} for five minutes",
            f"Its run bakes it for long, or nobody ended the trial: see `playbooks/status.yml`. {_SERVES}",
        ),
        _alert(
            "SluiceHostBroken",
            "sluice_release_broken == 1",
            "0s",
            "critical",
            "{{ $labels.host }} could not be taken back, and needs a person",
            f"`playbooks/status.yml` says what is in the way. {_SERVES}",
        ),
        _alert(
            "SluiceMonitorBlind",
            _blind(interval),
            "1m",
            "warning",
            "{{ $labels.host }} does not tell what it serves",
            "See `journalctl -u sluice-metrics` there.",
        ),
        _alert(
            "SluiceProbesSilent",
            'count(up{job=~"sluice_probes|sluice_public"} == 0) > 0',
            "30s",
            "critical",
            "checks are not asked ({{ $value }}): the blackbox exporter does not answer",
            "See `systemctl status prometheus-blackbox-exporter` on the monitoring host.",
            of_host=False,
        ),
        _alert(
            "SluiceChecksUnwatched",
            'count by (host) (sluice_check_info{by="probe"} unless on (host, check_id) '
            f"probe_success{{{_PROBES}}}) > 0",
            "15m",
            "info",
            "checks of the release on {{ $labels.host }} are not monitored ({{ $value }})",
            "They came with a deployment. `playbooks/monitor.yml` brings them to the monitoring host.",
        ),
    ]
    return {"groups": [{"name": "sluice", "interval": f"{interval:g}s", "rules": found}]}


def _blind(interval: float) -> str:
    """By whether the time of the last look changes, and not by its age: a host's clock may be wrong, or jump."""
    return f"""sluice_problems == 1
or changes(sluice_looked_timestamp_seconds[{max(60, 4 * interval):g}s]) == 0
or up{{{_HOSTS}}} == 1 unless on (host) sluice_looked_timestamp_seconds
or max by (host, job, variant) (
  sluice_check_info{{by="host"}} unless on (host, check_id) sluice_check_success
)"""


def _of_release(label: str) -> str:
    """Look a label of the release up. It is no label of the alert, which would be another one with each release."""
    return (
        '{{ with printf "sluice_release_info{host=%q}" $labels.host | query }}'
        f'{{{{ . | first | label "{label}" }}}}{{{{ else }}}}unknown{{{{ end }}}}'
    )


_SERVES = (
    f"{{{{ $labels.host }}}} serves release {_of_release('release')}, pushed {_of_release('pushed')} "
    f"by run {_of_release('run')}."
)
_SEEN = (
    '{{ with printf "{__name__=~\\"probe_http_status_code|sluice_check_status\\",host=%q,check_id=%q}" '
    "$labels.host $labels.check_id | query }}The answer has status {{ . | first | value }}.{{ end }}"
)


def _alert(
    name: str,
    expression: str,
    lasting: str,
    severity: str,
    summary: str,
    description: str,
    *,
    of_host: bool = True,
    **more: str,
) -> dict[str, Any]:
    annotations = {"summary": summary, "description": description, **more}
    if of_host:
        annotations["host"] = "{{ $labels.host }}"
        annotations |= {label: _of_release(label) for label in ("release", "pushed", "run")}
    return {
        "alert": name,
        "expr": expression,
        **({} if lasting == "0s" else {"for": lasting}),
        "labels": {"severity": severity},
        "annotations": annotations,
    }

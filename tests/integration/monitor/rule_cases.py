"""For each alert: series that raise it, with the words that a person reads, and series that do not."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["CASES", "Case", "Raised"]

Series = dict[str, str]

_JOB = 'job="sluice_hosts",host="web1"'
_RUN = "20261121T150000-ab12"
_RELEASE = f'variant="web1",release="94e2f0ec2781",pushed="2026-11-21T15:00:00Z",run="{_RUN}"'
_SERVES = f" web1 serves release 94e2f0ec2781, pushed 2026-11-21T15:00:00Z by run {_RUN}."
# Told at all times by a host that is well.
_WEB1 = {
    f"sluice_release_info{{{_JOB},{_RELEASE}}}": "1x400",
    f"sluice_release_managed{{{_JOB}}}": "1x400",
    f"up{{{_JOB}}}": "1x400",
    f"sluice_looked_timestamp_seconds{{{_JOB}}}": "0+5x400",
    f"sluice_problems{{{_JOB}}}": "0x400",
}
_CHECK = 'host="web1",site="shop",check="the front page is there",check_id="c1",url="http://shop.example/"'
_PROBE = f'probe_success{{job="sluice_probes",instance="http://web1:80/",{_CHECK}}}'
_STATUS = f'probe_http_status_code{{job="sluice_probes",instance="http://web1:80/",{_CHECK}}}'
_INFO = f'sluice_check_info{{{_JOB},check="the front page is there",check_id="c1",by="probe"}}'
_OWN = f'sluice_check_info{{{_JOB},check="the front page is there",check_id="c1",by="host"}}'
_OWN_SUCCESS = f'sluice_check_success{{job="sluice_hosts",{_CHECK}}}'
_PUBLIC = 'site="shop",check="the front page is there",check_id="c1",url="http://shop.example/"'
_LABELS = {
    "host": "web1",
    "site": "shop",
    "check": "the front page is there",
    "check_id": "c1",
    "url": "http://shop.example/",
}


class Raised(NamedTuple):
    """An alert that is raised: its labels beside its name and severity, and its words."""

    labels: dict[str, str]
    severity: str
    summary: str
    description: str
    of_host: bool = True
    more: tuple[tuple[str, str], ...] = ()

    def annotations(self, told: bool) -> dict[str, str]:
        """All annotations; ``told`` is whether the host tells of its release."""
        release = {"release": "94e2f0ec2781", "pushed": "2026-11-21T15:00:00Z", "run": _RUN}
        of_host = {"host": "web1", **(release if told else dict.fromkeys(release, "unknown"))}
        return {
            "summary": self.summary,
            "description": self.description,
            **(of_host if self.of_host else {}),
            **dict(self.more),
        }


class Case(NamedTuple):
    """Series, one value each five seconds, and what ``alert`` is raised by them ``at`` a time, in seconds."""

    name: str
    alert: str
    series: Series
    at: int
    raised: tuple[Raised, ...] = ()

    @property
    def told(self) -> bool:
        """Whether the host tells of its release."""
        return any(name.startswith("sluice_release_info") for name in self.series)


def _fails(status: int, serves: str = _SERVES) -> Raised:
    return Raised(
        _LABELS,
        "critical",
        "the front page is there: does not hold on web1",
        f"The answer has status {status}.{serves}",
        more=(("check", "the front page is there"),),
    )


_BLIND = Raised(
    {"host": "web1", "job": "sluice_hosts"},
    "warning",
    "web1 does not tell what it serves",
    "See `journalctl -u sluice-metrics` there.",
)
_UNKNOWN = " web1 serves release unknown, pushed unknown by run unknown."

CASES = (
    Case(
        "a check fails on a host",
        "SluiceCheckFails",
        {**_WEB1, _INFO: "1x400", _PROBE: "1x10 0x390", _STATUS: "200x10 404x390"},
        90,
        (_fails(404),),
    ),
    Case(
        "once is an accident",
        "SluiceCheckFails",
        {**_WEB1, _INFO: "1x400", _PROBE: "1x10 0 1x390", _STATUS: "200x400"},
        60,
    ),
    Case(
        "a check that the release does not promise any more",
        "SluiceCheckFails",
        {**_WEB1, _INFO.replace("c1", "c2"): "1x400", _PROBE: "0x400", _STATUS: "404x400"},
        90,
    ),
    Case(
        "a check fails on a host that tells nothing of itself",
        "SluiceCheckFails",
        {_PROBE: "0x400", _STATUS: "500x400"},
        90,
        (_fails(500, _UNKNOWN),),
    ),
    Case(
        "a check fails that the host asks itself",
        "SluiceCheckFails",
        {
            **_WEB1,
            f'sluice_check_success{{job="sluice_hosts",variant="web1",{_CHECK}}}': "0x400",
            f'sluice_check_status{{job="sluice_hosts",variant="web1",{_CHECK}}}': "301x400",
        },
        90,
        (_fails(301),),
    ),
    Case(
        "visitors see what no host shows",
        "SluiceCheckFailsForVisitors",
        {
            **_WEB1,
            _INFO: "1x400",
            f'probe_success{{job="sluice_public",instance="http://shop.example/",{_PUBLIC}}}': "0x400",
        },
        90,
        (
            Raised(
                {name: value for name, value in _LABELS.items() if name != "host"},
                "critical",
                "the front page is there: does not hold for visitors of http://shop.example/",
                "It is asked by the public name. Where no host fails the same check, what is in front of them does.",
                of_host=False,
                more=(("check", "the front page is there"),),
            ),
        ),
    ),
    Case(
        "visitors ask what no release promises any more",
        "SluiceCheckFailsForVisitors",
        {**_WEB1, f'probe_success{{job="sluice_public",instance="http://shop.example/",{_PUBLIC}}}': "0x400"},
        90,
    ),
    Case(
        "a host is gone",
        "SluiceHostDown",
        {f"up{{{_JOB}}}": "1x10 0x390", _PROBE: "1x10 0x390"},
        90,
        (
            Raised(
                {"host": "web1", "job": "sluice_hosts"},
                "critical",
                "web1 does not answer at all",
                "Neither its exporter nor any check on it answers. Alerts about its checks are held back.",
            ),
        ),
    ),
    Case("a host serves without its exporter", "SluiceHostDown", {f"up{{{_JOB}}}": "0x400", _PROBE: "1x400"}, 90),
    Case(
        "an exporter is gone",
        "SluiceHostSilent",
        {f"up{{{_JOB}}}": "1x10 0x390", _PROBE: "1x400"},
        180,
        (
            Raised(
                {"host": "web1", "job": "sluice_hosts"},
                "warning",
                "web1 serves, and tells nothing of itself",
                "Its node exporter does not answer: see `systemctl status prometheus-node-exporter` there.",
            ),
        ),
    ),
    Case("all of a host is gone", "SluiceHostSilent", {f"up{{{_JOB}}}": "0x400", _PROBE: "0x400"}, 180),
    Case(
        "nginx is stopped",
        "SluiceNginxDown",
        {**_WEB1, f"sluice_nginx_up{{{_JOB}}}": "1x10 0x390"},
        90,
        (
            Raised(
                {"host": "web1", "job": "sluice_hosts"},
                "critical",
                "nginx does not run on web1",
                f"See `systemctl status nginx` there.{_SERVES}",
            ),
        ),
    ),
    Case(
        "nginx is started anew in time",
        "SluiceNginxDown",
        {**_WEB1, f"sluice_nginx_up{{{_JOB}}}": "1x10 0 1x390"},
        60,
    ),
    Case(
        "every tenth request is answered with 5xx",
        "SluiceErrors",
        {
            **_WEB1,
            f"sluice_http_requests_total{{{_JOB}}}": "0+50x400",
            f"sluice_http_errors_total{{{_JOB}}}": "0+5x400",
        },
        120,
        (
            Raised(
                {"host": "web1", "job": "sluice_hosts"},
                "critical",
                "10 % of the requests to web1 are answered with 5xx",
                f"Counted from its access logs, over a minute, without checks.{_SERVES}",
            ),
        ),
    ),
    Case(
        "one request of a few is answered with 5xx",
        "SluiceErrors",
        {
            **_WEB1,
            f"sluice_http_requests_total{{{_JOB}}}": "0 1 2 3 4 5x400",
            f"sluice_http_errors_total{{{_JOB}}}": "0 1x400",
        },
        40,
    ),
    Case(
        "a reload is refused",
        "SluiceReloadFails",
        {**_WEB1, f'sluice_nginx_severe_lines_total{{{_JOB},level="emerg"}}': "0x10 1x390"},
        70,
        (
            Raised(
                {"host": "web1", "job": "sluice_hosts", "level": "emerg"},
                "critical",
                "nginx on web1 refuses its configuration",
                f"Its error log has a line at [emerg]; it goes on with what it had, until it is started anew.{_SERVES}",
            ),
        ),
    ),
    Case(
        "a reload was refused an hour ago",
        "SluiceReloadFails",
        {**_WEB1, f'sluice_nginx_severe_lines_total{{{_JOB},level="emerg"}}': "0x10 1x390"},
        600,
    ),
    Case(
        "a worker died",
        "SluiceNginxComplains",
        {**_WEB1, f'sluice_nginx_severe_lines_total{{{_JOB},level="alert"}}': "0x10 1x390"},
        70,
        (
            Raised(
                {"host": "web1", "job": "sluice_hosts", "level": "alert"},
                "warning",
                "nginx on web1 logs at [alert]",
                f"See its error log.{_SERVES}",
            ),
        ),
    ),
    Case(
        "visitors bring lines about that they do not at other times",
        "SluiceNginxComplains",
        {
            **_WEB1,
            f"sluice_http_requests_total{{{_JOB}}}": "0+100x400",
            f'sluice_nginx_visitor_lines_total{{{_JOB},level="crit"}}': "0+20x400",
        },
        70,
        (
            Raised(
                {"host": "web1", "job": "sluice_hosts", "level": "crit"},
                "warning",
                "nginx on web1 logs at [crit]",
                f"See its error log.{_SERVES}",
            ),
        ),
    ),
    Case(
        "a visitor brings a line about now and then",
        "SluiceNginxComplains",
        {
            **_WEB1,
            f"sluice_http_requests_total{{{_JOB}}}": "0+100x400",
            f'sluice_nginx_visitor_lines_total{{{_JOB},level="crit"}}': "0+3x400",
        },
        70,
    ),
    Case(
        "a visitor forges the line of a reload that fails",
        "SluiceReloadFails",
        {
            **_WEB1,
            f'sluice_nginx_severe_lines_total{{{_JOB},level="emerg"}}': "0x400",
            f'sluice_nginx_unproven_lines_total{{{_JOB},level="emerg"}}': "0+50x400",
        },
        70,
    ),
    Case(
        "lines may be a visitor's or nginx's",
        "SluiceLogUnproven",
        {**_WEB1, f'sluice_nginx_unproven_lines_total{{{_JOB},level="emerg"}}': "0x10 1x390"},
        70,
        (
            Raised(
                {"host": "web1", "job": "sluice_hosts", "level": "emerg"},
                "warning",
                "the error log of web1 has lines at [emerg] that nginx or a visitor wrote",
                f"They stand amid text of visitors. See its error log, and whether `nginx -t` passes there.{_SERVES}",
            ),
        ),
    ),
    Case(
        "no such line is new",
        "SluiceLogUnproven",
        {**_WEB1, f'sluice_nginx_unproven_lines_total{{{_JOB},level="emerg"}}': "7x400"},
        70,
    ),
    Case(
        "nothing new is logged",
        "SluiceNginxComplains",
        {**_WEB1, f'sluice_nginx_severe_lines_total{{{_JOB},level="alert"}}': "7x400"},
        70,
    ),
    Case(
        "an old worker stays",
        "SluiceOldWorkers",
        {**_WEB1, f"sluice_nginx_draining_seconds{{{_JOB}}}": "0+5x400"},
        660,
        (
            Raised(
                {"host": "web1", "job": "sluice_hosts"},
                "warning",
                "workers of before a reload still run on web1",
                "They have been ending for 11m 0s: some connection does not end. "
                "`worker_shutdown_timeout` bounds that.",
            ),
        ),
    ),
    Case(
        "old workers end",
        "SluiceOldWorkers",
        {**_WEB1, f"sluice_nginx_draining_seconds{{{_JOB}}}": "0+5x60 0x400"},
        660,
    ),
    Case(
        "a certificate on disk ends",
        "SluiceCertificateEnds",
        {**_WEB1, f'sluice_certificate_expiry_timestamp_seconds{{{_JOB},file="/etc/ssl/shop.pem"}}': "864060x400"},
        60,
        (
            Raised(
                {"host": "web1", "job": "sluice_hosts", "file": "/etc/ssl/shop.pem"},
                "warning",
                "a certificate of web1 is good for 10 more days",
                "It is /etc/ssl/shop.pem.",
            ),
        ),
    ),
    Case(
        "a certificate that is served ends",
        "SluiceCertificateEnds",
        {**_WEB1, f'probe_ssl_earliest_cert_expiry{{job="sluice_probes",{_CHECK}}}': "864060x400"},
        60,
        (
            Raised(
                {"host": "web1", "site": "shop"},
                "warning",
                "a certificate of web1 is good for 10 more days",
                "It is the one that is served.",
            ),
        ),
    ),
    Case(
        "a certificate is good for a month",
        "SluiceCertificateEnds",
        {**_WEB1, f'sluice_certificate_expiry_timestamp_seconds{{{_JOB},file="/etc/ssl/shop.pem"}}': "2592000x400"},
        60,
    ),
    Case(
        "somebody changed a file by hand",
        "SluiceDrift",
        {**_WEB1, f"sluice_drift_files{{{_JOB}}}": "0x10 2x390"},
        90,
        (
            Raised(
                {"host": "web1", "job": "sluice_hosts"},
                "warning",
                "files on web1 are not as its release left them (2)",
                "`playbooks/status.yml` shows the difference, and the next deployment refuses the host." + _SERVES,
            ),
        ),
    ),
    Case(
        "a switch is seen half way",
        "SluiceDrift",
        {**_WEB1, f"sluice_drift_files{{{_JOB}}}": "0x10 2 0x390"},
        60,
    ),
    Case(
        "the guard took a release back",
        "SluiceGuardFired",
        {**_WEB1, f"sluice_guard_fired_timestamp_seconds{{{_JOB}}}": "60x400"},
        120,
        (
            Raised(
                {"host": "web1", "job": "sluice_hosts"},
                "warning",
                "the guard of web1 took a release back",
                f"The run that brought it gave no sign of life any more.{_SERVES}",
            ),
        ),
    ),
    Case(
        "that was a while ago",
        "SluiceGuardFired",
        {**_WEB1, f"sluice_guard_fired_timestamp_seconds{{{_JOB}}}": "60x400"},
        1000,
    ),
    Case(
        "a host missed the last deployment",
        "SluiceReleaseDiffers",
        {
            **_WEB1,
            'sluice_release_info{job="sluice_hosts",host="web2",variant="web1",release="000000000000"}': "1x400",
        },
        120,
        (
            Raised(
                {"host": "web1", "variant": "web1", "release": "94e2f0ec2781"},
                "warning",
                "web1 serves release 94e2f0ec2781, and a host that should be its like another one",
                f"Deploy again, or see why it was left out.{_SERVES}",
            ),
            Raised(
                {"host": "web2", "variant": "web1", "release": "000000000000"},
                "warning",
                "web2 serves release 000000000000, and a host that should be its like another one",
                "Deploy again, or see why it was left out. web2 serves release 000000000000, pushed  by run .",
                of_host=False,
                more=(("host", "web2"), ("release", "000000000000"), ("pushed", ""), ("run", "")),
            ),
        ),
    ),
    Case(
        "hosts that differ by their variables have releases of their own",
        "SluiceReleaseDiffers",
        {
            **_WEB1,
            'sluice_release_info{job="sluice_hosts",host="web2",variant="web2",release="000000000000"}': "1x400",
        },
        120,
    ),
    Case(
        "a trial lasts",
        "SluiceTrialLasts",
        {**_WEB1, f"sluice_release_pending{{{_JOB}}}": "1x400"},
        400,
        (
            Raised(
                {"host": "web1", "job": "sluice_hosts"},
                "warning",
                "a release has been on trial on web1 for five minutes",
                f"Its run bakes it for long, or nobody ended the trial: see `playbooks/status.yml`.{_SERVES}",
            ),
        ),
    ),
    Case("a trial is confirmed", "SluiceTrialLasts", {**_WEB1, f"sluice_release_pending{{{_JOB}}}": "1x20 0x380"}, 400),
    Case(
        "the way back failed",
        "SluiceHostBroken",
        {**_WEB1, f"sluice_release_broken{{{_JOB}}}": "1x400"},
        30,
        (
            Raised(
                {"host": "web1", "job": "sluice_hosts"},
                "critical",
                "web1 could not be taken back, and needs a person",
                f"`playbooks/status.yml` says what is in the way.{_SERVES}",
            ),
        ),
    ),
    Case("the way back worked", "SluiceHostBroken", {**_WEB1, f"sluice_release_broken{{{_JOB}}}": "0x400"}, 30),
    Case(
        "the program on a host has died",
        "SluiceMonitorBlind",
        {**_WEB1, f"sluice_looked_timestamp_seconds{{{_JOB}}}": "0x400"},
        180,
        (_BLIND,),
    ),
    Case(
        "the program on a host never was",
        "SluiceMonitorBlind",
        {f"up{{{_JOB}}}": "1x400"},
        180,
        (_BLIND,),
    ),
    Case(
        "the program on a host whose clock is ahead has died",
        "SluiceMonitorBlind",
        {**_WEB1, f"sluice_looked_timestamp_seconds{{{_JOB}}}": "9000+5x10 9050x390"},
        300,
        (_BLIND,),
    ),
    Case(
        "the program on a host cannot look at something",
        "SluiceMonitorBlind",
        {**_WEB1, f"sluice_problems{{{_JOB}}}": "0x10 1x390"},
        180,
        (_BLIND,),
    ),
    Case(
        "a check of the host's own has no outcome any more",
        "SluiceMonitorBlind",
        {**_WEB1, _OWN: "1x400", _OWN_SUCCESS: "1x10 _x390"},
        420,
        (_BLIND,),
    ),
    Case("the program on a host looks", "SluiceMonitorBlind", {**_WEB1, _OWN: "1x400", _OWN_SUCCESS: "1x400"}, 180),
    Case(
        "the clock of a host jumps",
        "SluiceMonitorBlind",
        {**_WEB1, f"sluice_looked_timestamp_seconds{{{_JOB}}}": "0+5x20 7200+5x10 0+5x400"},
        300,
    ),
    Case(
        "a check of the host's own has its first outcome",
        "SluiceMonitorBlind",
        {**_WEB1, _OWN: "_x10 1x390", _OWN_SUCCESS: "_x14 0x386"},
        180,
    ),
    Case(
        "the blackbox exporter is gone",
        "SluiceProbesSilent",
        {f'up{{job="sluice_probes",{_CHECK}}}': "1x10 0x390"},
        120,
        (
            Raised(
                {},
                "critical",
                "checks are not asked (1): the blackbox exporter does not answer",
                "See `systemctl status prometheus-blackbox-exporter` on the monitoring host.",
                of_host=False,
            ),
        ),
    ),
    Case("the blackbox exporter answers", "SluiceProbesSilent", {f'up{{job="sluice_probes",{_CHECK}}}': "1x400"}, 120),
    Case(
        "a deployment brought checks that nobody asks",
        "SluiceChecksUnwatched",
        {**_WEB1, _INFO: "1x400"},
        1200,
        (
            Raised(
                {"host": "web1"},
                "info",
                "checks of the release on web1 are not monitored (1)",
                "They came with a deployment. `playbooks/monitor.yml` brings them to the monitoring host.",
            ),
        ),
    ),
    Case("all checks are asked", "SluiceChecksUnwatched", {**_WEB1, _INFO: "1x400", _PROBE: "1x400"}, 1200),
)

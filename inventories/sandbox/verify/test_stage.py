"""What the sandbox's own people want to be true of staging beyond the contract. The gate ``verify`` runs this."""

from __future__ import annotations

from typing import Any


def test_the_shop_listens_where_clients_ask(host: Any) -> None:
    """Both ports answer on every address."""
    listening = host.check_output("ss --listening --tcp --numeric --no-header")
    assert "0.0.0.0:80" in listening
    assert "0.0.0.0:443" in listening


def test_no_worker_runs_as_root(host: Any) -> None:
    """Workers have given up root."""
    running = host.check_output("ps -C nginx -o user=,args=").splitlines()
    workers = [line.split()[0] for line in running if "worker process" in line]
    assert workers
    assert set(workers) == {"www-data"}


def test_the_version_is_not_told(host: Any) -> None:
    """An answer says nginx and no number."""
    answer = host.check_output(
        "python3 -c \"import urllib.request as u; print(u.urlopen('http://127.0.0.1/').headers['Server'])\""
    )
    assert answer == "nginx"

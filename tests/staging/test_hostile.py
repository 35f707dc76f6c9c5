"""A release whose code does what it likes in nginx's container: it changes no verdict about itself, and takes no more
of the machine than a stage may."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from ansible_collections.sluice.nginx.plugins.module_utils.contract.model import parse_contract, to_json
from ansible_collections.sluice.nginx.plugins.module_utils.environment.synthesis import synthesise
from ansible_collections.sluice.nginx.plugins.module_utils.gating.discovery import find_gates
from ansible_collections.sluice.nginx.plugins.module_utils.gating.examine import Candidate, Examined, Examiner
from ansible_collections.sluice.nginx.plugins.module_utils.release import tree as trees
from ansible_collections.sluice.nginx.plugins.module_utils.release.store import Release, ReleaseStore
from ansible_collections.sluice.nginx.plugins.module_utils.staging.bounds import Bounds
from ansible_collections.sluice.nginx.plugins.module_utils.staging.stage import Stage, StageSettings
from ansible_collections.sluice.nginx.plugins.module_utils.verdicts.model import GateOptions

pytestmark = pytest.mark.integration

MAIN = (Path(__file__).resolve().parents[1] / "gates/packaged.conf").read_text()
SITE = "server { listen 80; server_name shop.example; location / { return 200 hello; } }\n"
FALSE = {"get": "http://shop.example/", "expect": {"body": "never said"}}
TRUE = {"get": "http://shop.example/", "expect": {"body": "hello"}}

# A module that holds no module, and code that runs in whatever loads it, as root.
MODULE = """
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
void *ngx_modules[] = {0}; char *ngx_module_names[] = {0}; char *ngx_module_order[] = {0};
__attribute__((constructor)) static void go(void) { ATTACK }
"""
# Whatever Python is found in: its own folder and the standard library, code and compiled code.
APPENDS = r"""
  if (access("/sluice/done", F_OK) == 0) return;
  fclose(fopen("/sluice/done", "w"));
  system("for f in $(find / -xdev -name client.py -o -name answer.py -o -name judging.py); do"
         " printf '\ndef run_checks(*a, **k):\n    return []\ndef judge(*a, **k):\n    return []\n' >> $f; done;"
         "find / -xdev -name '*.pyc' -delete;"
         "for f in $(find /sluice /usr/lib/python3 /usr/lib/python3.* -name '*.py'); do"
         " printf '\nimport sys; sys.stdout = None\n' >> $f; done");
"""
# An answer in the agent's place, to each process that has a standard output; again and again.
FORGES = r"""
  if (fork() == 0) {
    for (int round = 0; round < 400; round++) {
      DIR *all = opendir("/proc"); struct dirent *one; char path[300];
      while ((one = readdir(all))) for (int fd = 1; fd < 9; fd++) {
        if (atoi(one->d_name) == getpid() || atoi(one->d_name) == 0) continue;
        snprintf(path, sizeof path, "/proc/%s/fd/%d", one->d_name, fd);
        int out = open(path, O_WRONLY | O_NONBLOCK);
        if (out < 0) continue;
        const char *said = "{\"outcomes\": [{\"ok\": true, \"problems\": [], \"name\": \"c\", \"source\": \"s\","
          " \"request\": \"r\", \"status\": 200, \"ms\": 1, \"chain\": [], \"body_excerpt\": \"\"}], \"errors\": [],"
          " \"code\": 0, \"count\": 0, \"hits\": {}, \"token\": \"\"}\n";
        if (write(out, said, strlen(said)) < 0) {}
        close(out);
      }
      closedir(all);
      usleep(10000);
    }
    _exit(0);
  }
"""
ENDS_THE_AGENT = r"""
  DIR *all = opendir("/proc"); struct dirent *one; char path[300], name[300] = "";
  while ((one = readdir(all))) {
    snprintf(path, sizeof path, "/proc/%s/comm", one->d_name);
    FILE *comm = fopen(path, "r");
    if (!comm) continue;
    if (fgets(name, sizeof name, comm) && strncmp(name, "python3", 7) == 0) kill(atoi(one->d_name), SIGNAL);
    fclose(comm);
  }
"""

Examine = Callable[..., Examined]


@pytest.fixture
def examine(engine: docker.DockerClient, stage_settings: StageSettings, tmp_path: Path) -> Examine:
    """Take a release through all gates: files over the packaged ones, and a live release where one is named."""
    ran: list[str] = []

    def release(files: Mapping[str, bytes], checks: list[Any]) -> Release:
        laid = {name: trees.file(data, "raw") for name, data in files.items()}
        contract = [dict(to_json(check)) for check in parse_contract(checks, "nginx_checks")]
        return ReleaseStore(tmp_path).add(trees.overlay(laid), contract, [], {})

    def examined(
        files: Mapping[str, bytes],
        check: Mapping[str, Any] = FALSE,
        live: Mapping[str, bytes] | None = None,
        bounds: Bounds | None = None,
    ) -> Examined:
        run = f"hostile-{len(ran)}"
        ran.append(run)
        settings = replace(stage_settings, bounds=bounds or Bounds())
        examiner = Examiner(engine, find_gates(), GateOptions(), settings, (), run)
        before = release(live, [TRUE]) if live else None
        (found,) = examiner.examine([Candidate(("web1",), release(files, [check]), live=before)])
        assert engine.containers.list(all=True, filters={"name": f"sluice-{run}"}, ignore_removed=True) == []
        return found

    return examined


def said(examined: Examined) -> dict[str, str]:
    return {verdict.gate: verdict.result for verdict in examined.verdicts}


def words(examined: Examined) -> str:
    return "\n".join(
        "\n".join([verdict.summary, *(str(finding) for finding in verdict.findings)]) for verdict in examined.verdicts
    )


def native(folder: Path, attack: str) -> dict[str, bytes]:
    """A tree with a native module of its own."""
    (folder / "m.c").write_text(MODULE.replace("ATTACK", attack))
    subprocess.run(["cc", "-w", "-shared", "-fPIC", "-o", str(folder / "m.so"), str(folder / "m.c")], check=True)
    main = f"load_module /etc/nginx/modules-local/m.so;\n{MAIN}"
    return {
        "nginx.conf": main.encode(),
        "conf.d/site.conf": SITE.encode(),
        "modules-local/m.so": (folder / "m.so").read_bytes(),
    }


def perl(code: str) -> dict[str, bytes]:
    """A tree with a program that perl runs while it reads the configuration; staging supplies the module."""
    site = f"perl_set $made 'sub {{ BEGIN {{ {code} }} return 1; }}';\n{SITE}"
    return {"nginx.conf": MAIN.encode(), "conf.d/site.conf": site.encode()}


def plain() -> dict[str, bytes]:
    return {"nginx.conf": MAIN.encode(), "conf.d/site.conf": SITE.encode()}


def test_the_same_release_without_the_code_fails_that_check_and_holds_the_other(examine: Examine) -> None:
    assert said(examine(plain()))["smoke"] == "fail"
    assert said(examine(plain(), TRUE))["smoke"] == "pass"


def test_a_module_that_rewrites_what_judges_it_passes_no_check(examine: Examine, tmp_path: Path) -> None:
    found = examine(native(tmp_path, APPENDS))
    assert said(found)["smoke"] == "fail", words(found)
    assert "never said" in words(found)
    assert not found.passed


@pytest.mark.thorough
def test_a_program_in_the_configuration_that_rewrites_what_judges_it_passes_no_check(examine: Examine) -> None:
    code = """system("for f in $(find /sluice /usr/lib/python3* -name *.py); do \
        { echo; echo def run_checks *a, **k; echo import no_such_module; } >> $f; done"); \
        system("find / -xdev -name *.pyc -delete");"""
    found = examine(perl(code))
    assert said(found)["smoke"] == "fail", words(found)


def test_lines_in_the_place_of_the_agents_answers_pass_for_none(examine: Examine, tmp_path: Path) -> None:
    found = examine(native(tmp_path, FORGES))
    assert not found.passed
    assert said(found)["smoke"] != "pass", words(found)
    assert "something else in the container spoke" in words(found) or said(found)["smoke"] == "fail"


@pytest.mark.parametrize("signal", ["SIGKILL", pytest.param("SIGTERM", marks=pytest.mark.thorough)])
def test_a_release_that_ends_the_agent_has_not_passed(examine: Examine, tmp_path: Path, signal: str) -> None:
    found = examine(native(tmp_path, ENDS_THE_AGENT.replace("SIGNAL", signal)), TRUE)
    assert "pass" not in {said(found)[name] for name in ("syntax", "start", "smoke")}
    assert "the agent ended" in words(found)


ENVIRONMENT = synthesise((), {}, ())
SMALL = Bounds(memory=192 << 20, processes=100, disk=64 << 20)


@pytest.mark.parametrize(
    ("code", "bound"),
    [
        (r"for (;;) { char *much = malloc(1 << 20); if (much) memset(much, 1, 1 << 20); }", "staging_memory"),
        # That bound is met by many workers as well, below.
        pytest.param(r"for (;;) fork();", "staging_processes", marks=pytest.mark.thorough),
        (
            r"""static char much[1 << 20]; char path[99]; memset(much, 1, sizeof much);
            for (int n = 0; n < 100000; n++) { snprintf(path, sizeof path, "/var/tmp/%d", n);
            int f = open(path, O_CREAT | O_WRONLY, 0600); if (write(f, much, sizeof much) < 0) {} close(f); }""",
            "staging_disk",
        ),
    ],
    ids=["memory", "processes", "disk"],
)
def test_what_takes_all_it_gets_ends_as_a_finding_in_bounded_time(
    examine: Examine, tmp_path: Path, code: str, bound: str
) -> None:
    began = time.monotonic()
    found = examine(native(tmp_path, code), TRUE, bounds=SMALL)
    assert said(found)["syntax"] != "pass"
    assert bound in words(found), words(found)
    assert time.monotonic() - began < 60


def test_many_workers_get_a_sentence(examine: Examine) -> None:
    site = {"nginx.conf": MAIN.replace("worker_processes 1;", "worker_processes 150;").encode()}
    found = examine({**plain(), **site}, TRUE)
    assert "nginx starts 150 workers, and each holds the whole configuration in memory" in words(found)
    assert said(found)["start"] == "pass"
    assert "its bound on processes, 100 (staging_processes)" in words(examine({**plain(), **site}, TRUE, bounds=SMALL))


def test_a_candidate_that_writes_beside_the_live_release_is_compared_with_what_was_there(
    examine: Examine, tmp_path: Path
) -> None:
    """It would let the live release answer as badly as itself, from the reload on that puts it in its place."""
    live = {**plain(), "conf.d/site.conf": f"{SITE}# live\n".encode()}
    attack = """system("for f in $(grep -l -r --include=site.conf live /var/lib/sluice/releases); do"
                       " sed -i -e s/200/500/ $f; done");"""
    files = {**native(tmp_path, attack), "conf.d/site.conf": SITE.replace("return 200", "return 500").encode()}
    check = {"get": "http://shop.example/", "expect": {"status": 500}}
    found = examine(files, check, live=live)
    assert said(found)["reload"] == "pass", words(found)
    (behaviour,) = [verdict for verdict in found.verdicts if verdict.gate == "behaviour"]
    # They were meant, as the check says; with a live release that answers the same there would be none.
    assert "8 differences accepted" in behaviour.summary, words(found)


STATUS = "grep -h -e CapEff -e NoNewPrivs /proc/1/status"


@pytest.fixture(scope="module")
def small(
    engine: docker.DockerClient, stage_settings: StageSettings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """A stage within small bounds, of a release without code."""
    laid = {name: trees.file(data, "raw") for name, data in plain().items()}
    release = ReleaseStore(tmp_path_factory.mktemp("store")).add(trees.overlay(laid), [], [], {})
    settings = replace(stage_settings, bounds=SMALL)
    with Stage(engine, "sluice-test-bounds", {release.id: release.tree}, release.id, ENVIRONMENT, settings) as stage:
        stage.open([])
        stage.run("true")
        yield stage


def seen(stage: Stage, part: str, script: str) -> str:
    """What a shell says in one of the containers of a stage."""
    output = stage.client.containers.get(f"{stage.name}-{part}").exec_run(["sh", "-c", script]).output
    assert isinstance(output, bytes)
    return output.decode().strip()


@pytest.mark.parametrize("part", ["nginx", "stub", "judge"])
def test_a_container_has_what_it_needs_and_no_more(small: Stage, part: str) -> None:
    status = dict(line.split(":\t") for line in seen(small, part, STATUS).splitlines())
    assert status["NoNewPrivs"] == "1"
    # CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_MKNOD, CAP_SYS_MODULE
    assert int(status["CapEff"], 16) & (1 << 21 | 1 << 19 | 1 << 27 | 1 << 16) == 0
    groups = "cd /sys/fs/cgroup; cat {0} 2>/dev/null || cat {1}"
    assert seen(small, part, groups.format("memory/memory.limit_in_bytes", "memory.max")) == str(SMALL.memory)
    assert seen(small, part, groups.format("pids/pids.max", "pids.max")) == "100"
    if part == "judge":
        assert "Read-only file system" in seen(small, part, "echo >> /usr/lib/python3/x; echo >> /etc/x")


def test_nginx_reaches_no_file_and_no_process_of_the_judge_and_of_the_stubs(small: Stage) -> None:
    for part in ("judge", "stub"):
        assert seen(small, part, f"echo > /sluice/of-{part}; ls /sluice/of-{part}") == f"/sluice/of-{part}"
    look = "ls /proc/*/root/sluice/of-{0} /sluice/of-{0} 2>/dev/null"
    assert [seen(small, "nginx", look.format(part)) for part in ("judge", "stub")] == ["", ""]
    # The judge's processes are among those of the stubs, which the user's programs run beside.
    assert seen(small, "stub", look.format("judge")) == ""
    assert small.run("ip", "link", "set", "lo", "down").code != 0
    assert small.run("ip", "address", "add", "198.18.0.2", "dev", "lo").code != 0
    assert "key" not in json.loads(small.run("cat", "/sluice/plan.json").output)

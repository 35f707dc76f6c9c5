"""The stories of one host with systemd. Each has the engine's requests one by one, as a run sends them."""

from __future__ import annotations

from tests.faults.table.words import BEFORE, BOOT, EITHER, NEW, NEXT, NOBODY, OLDER, RUN, WATCHDOG, Row

__all__ = ["ROWS"]

ROWS: dict[str, list[Row]] = {
    "engine killed": [
        Row("before the swap", "the engine dies with the release installed", BEFORE, WATCHDOG),
        Row("after -t", "the engine dies before it switches the link", BEFORE, WATCHDOG),
        Row("after the swap", "the engine dies between link and reload", BEFORE, WATCHDOG, fast=True),
        Row("after the reload", "the engine dies before it has proved anything", BEFORE, WATCHDOG),
        Row("during checks", "the engine dies over the contract", BEFORE, WATCHDOG),
        Row("during confirm", "the engine dies before the confirmation is written", BEFORE, WATCHDOG),
        Row("during rollback", "the engine dies in the middle of the rollback", BEFORE, WATCHDOG, fast=True),
    ],
    "host killed and booted again": [
        Row("before the swap", "the host boots with what it had", BEFORE, BOOT),
        Row("after -t", "the link was never switched", BEFORE, BOOT),
        Row("after the swap", "nginx must not start what was never proved", BEFORE, BOOT, fast=True),
        Row("after the reload", "nginx starts with the release from before", BEFORE, BOOT),
        Row("during checks", "nobody watches the trial after the boot", BEFORE, BOOT),
        Row("during bake", "a pending release does not outlive the machine", BEFORE, BOOT, fast=True),
        Row("during confirm", "what was not written down is not confirmed", BEFORE, BOOT),
        Row("during rollback", "the boot ends the rollback", BEFORE, BOOT),
    ],
    "nginx killed": [
        Row("after -t", "the master is gone when it is to be told", BEFORE, RUN, "does not run"),
        Row("after the swap", "the master dies before the reload", BEFORE, RUN, "does not run"),
        Row("after the reload", "the master dies while it reloads", BEFORE, RUN, "master process has ended", fast=True),
        Row("during checks", "the master dies after its proof", BEFORE),
        Row("during bake", "the bake sees that nobody serves", BEFORE, RUN, "does not run", fast=True),
        Row("during confirm", "a dead nginx is not confirmed", BEFORE, RUN, "does not run"),
        Row("during rollback", "the rollback starts it", BEFORE, fast=True),
    ],
    "nginx not running": [
        Row("before the swap", "there is nothing to reload", BEFORE, NOBODY, "does not run"),
    ],
    "nginx replaced by another version": [
        Row("before the swap", "an upgrade after the preflight is seen", BEFORE, NOBODY, "another nginx"),
        Row("during bake", "an upgrade restarts nginx under the trial", BEFORE, RUN, "no longer those of the switch"),
    ],
    "port taken": [
        Row(
            "after the swap",
            "another process takes the new release's port",
            BEFORE,
            RUN,
            "bind() to 127.0.0.1:9199 failed",
            fast=True,
        ),
        Row("during rollback", "another process took the old release's port", OLDER),
    ],
    "zone size changed": [
        Row("after the reload", "nginx takes another size", NEW),
        Row("during rollback", "the rollback crosses the same change", BEFORE),
    ],
    "zone type changed": [
        Row("after the reload", "nginx takes another kind of zone", NEW, fast=True),
    ],
    "zone key changed": [
        Row(
            "after the reload", "nginx refuses another key in a reload only", BEFORE, RUN, "while previously", fast=True
        ),
    ],
    "page never answers": [
        Row("during checks", "a check has no answer in time", BEFORE, RUN, "slow.example"),
    ],
    "log directory read-only": [
        Row("before the swap", "nginx -t cannot open the log", BEFORE, RUN, "Read-only file system"),
        Row("after -t", "nginx cannot open the log when it reloads", BEFORE, RUN, "Read-only file system"),
        Row("during bake", "open logs can still be written", NEW),
        Row("during rollback", "the old release cannot open its log", OLDER),
    ],
    "disk full": [
        Row("before the swap", "the test cannot be written down", BEFORE, RUN, "No space left on device"),
        Row("after the swap", "the switch cannot be written down", BEFORE, RUN, "No space left on device", fast=True),
        Row("after the reload", "the proof cannot be written down", BEFORE, RUN, "No space left on device"),
        Row("during confirm", "the confirmation cannot be written down", BEFORE, RUN, "No space left on device"),
        Row("during rollback", "the rollback needs no room", BEFORE),
    ],
    "state file truncated": [
        Row("before the swap", "the engine knows what it lost", NEW, RUN, "was damaged meanwhile"),
        Row("after the swap", "it is lost between link and reload", NEW, RUN, "was damaged meanwhile"),
        Row("after the reload", "it is lost before the proof", NEW, RUN, "was damaged meanwhile"),
        Row("during bake", "the watchdog finds the trial in the journal", BEFORE, WATCHDOG, fast=True),
        Row("during confirm", "it is lost under the confirmation", NEW, RUN, "was damaged meanwhile"),
        Row("during rollback", "the state is lost in the middle of the rollback", BEFORE),
    ],
    "watchdog stopped": [
        Row("after the swap", "engine and watchdog are gone; the next contact ends it", BEFORE, NEXT),
        Row("after the reload", "a run that goes on does not need it", NEW),
        Row("during bake", "run and watchdog are gone; the next contact ends it", BEFORE, NEXT, fast=True),
        Row("during confirm", "who confirms does not need it", NEW),
    ],
    "watchdog killed": [
        Row("during bake", "systemd starts the waiting watchdog again", BEFORE, WATCHDOG),
        Row("during rollback", "systemd starts it again in the middle of the rollback", BEFORE, WATCHDOG),
    ],
    "clock an hour ahead": [
        Row("before the swap", "the trial is not over at once", NEW),
        Row("after the reload", "the proof does not time out", NEW),
        Row("during bake", "the watchdog acts when it is due, not earlier", BEFORE, WATCHDOG, fast=True),
        Row("during confirm", "the run is not too late", NEW),
        Row("during rollback", "the rollback is proved", BEFORE),
    ],
    "clock an hour behind": [
        Row("before the swap", "the trial begins in the past", NEW),
        Row("after the reload", "the proof does not wait for an hour", NEW),
        Row("during bake", "the watchdog does not wait for an hour more", BEFORE, WATCHDOG),
        Row("during confirm", "the confirmation is of the past, and counts", NEW),
        Row("during rollback", "the rollback is proved", BEFORE),
    ],
    "two runs at once": [
        Row(
            "before the swap",
            "the second one is told who is at work",
            NEW,
            RUN,
            "another operation holds this host",
            fast=True,
        ),
        Row("during bake", "the second one is told whose trial it is", NEW, RUN, "has a pending release"),
        Row(
            "during confirm",
            "who wants to roll it back meanwhile is told",
            NEW,
            RUN,
            "another operation holds this host",
        ),
        Row(
            "during rollback",
            "a release that comes meanwhile is refused",
            BEFORE,
            RUN,
            "another operation holds this host",
        ),
    ],
    "third run while a rollback runs": [
        Row("during rollback", "both others are told that a rollback runs", BEFORE, RUN, "rollback since"),
    ],
    "confirm before the watchdog": [
        Row(
            "during confirm",
            "the confirmation was first, and the watchdog says so",
            NEW,
            RUN,
            "the watchdog came too late: release",
            fast=True,
        ),
    ],
    "confirm after the watchdog": [
        Row(
            "during bake",
            "the watchdog was first, and the run is told so",
            BEFORE,
            WATCHDOG,
            "it was rolled back by watchdog",
        ),
        Row(
            "during rollback",
            "the watchdog is at it, and the run is told so",
            BEFORE,
            WATCHDOG,
            "it was rolled back by watchdog",
        ),
    ],
    "confirm and watchdog at once": [
        Row("during bake", "exactly one of them wins", EITHER, WATCHDOG),
    ],
    "receipt signed by a stranger": [
        Row(
            "before the swap",
            "the host knows who may sign",
            BEFORE,
            NOBODY,
            "a key that this host does not allow",
            fast=True,
        ),
    ],
    "signature of another receipt": [
        Row(
            "before the swap",
            "the signature is not over this receipt",
            BEFORE,
            NOBODY,
            "the receipt's signature is forged",
        ),
    ],
    "receipt unsigned": [
        Row("before the swap", "the host takes signed ones only", BEFORE, NOBODY, "the receipt is not signed"),
    ],
    "receipt of another release": [
        Row(
            "before the swap",
            "the receipt names its release",
            BEFORE,
            NOBODY,
            "the receipt is for release 000000000000",
        ),
    ],
    "receipt without a gate": [
        Row("before the swap", "a gate that is not there has not passed", BEFORE, NOBODY, "lacks the gate smoke"),
    ],
    "receipt expired": [
        Row("before the swap", "what was good long ago is examined again", BEFORE, NOBODY, "the receipt expired at"),
    ],
    "bundle changed by one byte": [
        Row("before the swap", "the tree is not that of the release", BEFORE, RUN, "nginx.conf is changed"),
    ],
    "Python missing": [
        Row("before the swap", "the host cannot do anything", BEFORE, NOBODY, "python3 is missing on the host"),
        Row(
            "during bake", "the watchdog acts as soon as Python is there again", BEFORE, WATCHDOG, "python3 is missing"
        ),
    ],
    "host hangs": [
        Row("after the reload", "the proof goes on where it was", NEW),
        Row("during bake", "it wakes after the deadline", BEFORE, WATCHDOG),
    ],
    "engine hangs": [
        Row(
            "after the reload",
            "the watchdog ends the engine that hangs",
            BEFORE,
            WATCHDOG,
            "an operation hung and was ended",
        ),
    ],
}

#!/usr/bin/env python3
"""Coming clock changes of time zones, from the TZif files (RFC 8536).

The files hold a table of past transitions and a rule for the future. Both are
read here by hand, and every change found is checked against the zoneinfo module.
"""

import os
import re
import struct
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

DIRECTORY = Path("/usr/share/zoneinfo")
UTC = timezone.utc


def read_zone(name):
    """Returns the table [(unix time, offset, abbreviation)] and the footer rule."""
    if not re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", name):
        raise ValueError(f"{name!r} is not the name of a zone")
    data = (DIRECTORY / name).read_bytes()
    if data[:4] != b"TZif" or data[4:5] < b"2":
        raise ValueError(f"{name} is not a TZif file of version 2 or later")

    def header(at):
        return struct.unpack(">6I", data[at + 20 : at + 44])

    isut, isstd, leap, times, types, chars = header(0)
    # The first block has 32-bit times; the second one repeats it in 64 bits.
    at = 44 + times * 5 + types * 6 + chars + leap * 8 + isstd + isut
    isut, isstd, leap, times, types, chars = header(at)
    at += 44
    moments = struct.unpack(f">{times}q", data[at : at + times * 8])
    at += times * 8
    indices = data[at : at + times]
    at += times
    kinds = [struct.unpack(">iBB", data[at + 6 * i : at + 6 * i + 6]) for i in range(types)]
    at += types * 6
    names = data[at : at + chars]
    at += chars + leap * 12 + isstd + isut
    footer = data[at:].strip(b"\n").decode("ascii")

    def abbreviation(start):
        return names[start : names.index(b"\0", start)].decode("ascii")

    table = [(m, kinds[i][0], abbreviation(kinds[i][2])) for m, i in zip(moments, indices)]
    first = (kinds[0][0], abbreviation(kinds[0][2]))
    return table, footer, first


def parse_offset(text):
    match = re.fullmatch(r"([+-]?)(\d+)(?::(\d+))?(?::(\d+))?", text)
    hours, minutes, seconds = (int(match.group(i) or 0) for i in (2, 3, 4))
    total = hours * 3600 + minutes * 60 + seconds
    return -total if match.group(1) == "-" else total


def parse_rule(footer):
    """Splits a POSIX TZ text into names, offsets and the two dates, or no dates."""
    name = r"(<[^>]+>|[A-Za-z]+)"
    match = re.fullmatch(rf"{name}([+-]?[\d:]+)(?:{name}([+-]?[\d:]+)?,([^,]+),([^,]+))?", footer)
    if not match:
        raise ValueError(f"cannot read the rule {footer!r}")
    standard, offset, summer, summer_offset, start, end = match.groups()
    standard_offset = -parse_offset(offset)  # POSIX counts westwards
    if summer is None:
        return (standard.strip("<>"), standard_offset), None, None, None
    saving = -parse_offset(summer_offset) if summer_offset else standard_offset + 3600
    return (standard.strip("<>"), standard_offset), (summer.strip("<>"), saving), start, end


def rule_day(text, year):
    """Seconds since 1970 of a rule's local date and time in a year."""
    date, _, clock = text.partition("/")
    seconds = parse_offset(clock) if clock else 7200
    if date.startswith("M"):
        month, week, weekday = (int(part) for part in date[1:].split("."))
        first = datetime(year, month, 1, tzinfo=UTC)
        # isoweekday: Monday is 1 and Sunday 7; the rule's Sunday is 0.
        day = first + timedelta(days=(weekday - first.isoweekday()) % 7 + 7 * (week - 1))
        while day.month != month:
            day -= timedelta(days=7)
    elif date.startswith("J"):  # 1 to 365, and 29 February does not count
        number = int(date[1:])
        leap = datetime(year, 12, 31).timetuple().tm_yday == 366
        day = datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=number - 1 + (leap and number > 59))
    else:
        day = datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=int(date))
    return int(day.timestamp()) + seconds


def transitions(name, start, end):
    """All changes of offset in [start, end) as (moment, before, after)."""
    table, footer, first = read_zone(name)
    changes = list(table)
    last = table[-1][0] if table else -(2**62)
    if footer:
        standard, summer, begins, ends = parse_rule(footer)
        if summer is not None:
            for year in range(start.year - 1, end.year + 2):
                for moment, (abbreviation, offset) in (
                    (rule_day(begins, year) - standard[1], summer),
                    (rule_day(ends, year) - summer[1], standard),
                ):
                    if moment > last:
                        changes.append((moment, offset, abbreviation))
    changes.sort()
    found, before = [], first
    for moment, offset, abbreviation in changes:
        after = (offset, abbreviation)
        if offset != before[0] and start.timestamp() <= moment < end.timestamp():
            found.append((datetime.fromtimestamp(moment, UTC), before, after))
        before = after
    return found


def check(name, found, start, end):
    """Compares with zoneinfo: at each change, and on every day between."""
    zone = ZoneInfo(name)
    for moment, before, after in found:
        earlier = (moment - timedelta(seconds=1)).astimezone(zone)
        now = moment.astimezone(zone)
        seen = [(t.utcoffset().total_seconds(), t.tzname()) for t in (earlier, now)]
        if seen != [before, after]:
            raise AssertionError(f"{name} at {moment}: computed {before} to {after}, zoneinfo says {seen}")
    day, expected = start, iter([*found, None])
    coming = next(expected)
    while day < end:
        following = day + timedelta(days=1)
        changed = day.astimezone(zone).utcoffset() != following.astimezone(zone).utcoffset()
        here = []
        while coming is not None and coming[0] <= following:
            here.append(coming)
            coming = next(expected)
        if changed and not here:
            raise AssertionError(f"{name}: zoneinfo has a change on {day:%Y-%m-%d} that was not computed")
        day = following


def show(offset):
    sign, rest = ("-", -offset) if offset < 0 else ("+", offset)
    return f"{sign}{rest // 3600:02}:{rest % 3600 // 60:02}"


def main():
    names = [n.strip() for n in os.environ.get("CRONIUM_INPUT_ZONES", "Europe/Berlin,Europe/London,America/New_York").split(",")]
    years = int(os.environ.get("CRONIUM_INPUT_YEARS", "2"))
    if not DIRECTORY.is_dir():
        print(f"{DIRECTORY} is missing; install the package tzdata", file=sys.stderr)
        return 1
    start = datetime.now(UTC).replace(microsecond=0)
    end = start + timedelta(days=366 * years)
    total = 0
    for name in filter(None, names):
        found = transitions(name, start, end)
        check(name, found, start, end)
        total += len(found)
        print(f"{name}: {len(found)} changes until {end:%Y-%m-%d}")
        for moment, before, after in found:
            local = moment + timedelta(seconds=before[0])
            print(f"  {moment:%Y-%m-%d %H:%M}Z  local {local:%a %d %b %H:%M}  {before[1]} {show(before[0])} -> {after[1]} {show(after[0])}")
    # Berlin's clock changes twice a year by law; a reader that finds nothing is broken.
    now = datetime(2024, 1, 1, tzinfo=UTC)
    known = [m for m, _, _ in transitions("Europe/Berlin", now, datetime(2025, 1, 1, tzinfo=UTC))]
    if known != [datetime(2024, 3, 31, 1, tzinfo=UTC), datetime(2024, 10, 27, 1, tzinfo=UTC)]:
        raise AssertionError(f"Europe/Berlin in 2024: {known}")
    print(f"{len(names)} zones, {total} changes, all as zoneinfo has them")
    return 0


if __name__ == "__main__":
    sys.exit(main())

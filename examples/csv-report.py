#!/usr/bin/env python3
"""Reads orders from a CSV file (or makes some up) and prints totals as JSON.

Money is counted in Decimal. Every total is computed twice: while reading, and by
SQL over the same file. The script fails when the two differ.
"""

import csv
import json
import os
import random
import sqlite3
import sys
import tempfile
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

REGIONS = ("north", "south", "east", "west")
COLUMNS = ["id", "day", "region", "quantity", "price"]


def make(path, rows):
    """Writes made-up orders; the same number of rows gives the same file."""
    chance = random.Random(rows)
    first = date(2026, 1, 1)
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(COLUMNS)
        for number in range(1, rows + 1):
            day = first + timedelta(days=chance.randrange(365))
            price = Decimal(chance.randrange(99, 50_000)) / 100
            out.writerow([number, day.isoformat(), chance.choice(REGIONS), chance.randint(1, 9), f"{price:.2f}"])


def read(path):
    """Yields (line, region, quantity, price), and says which line is wrong."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file, strict=True)
        missing = [c for c in COLUMNS if c not in (rows.fieldnames or [])]
        if missing:
            raise ValueError(f"{path}: columns missing: {', '.join(missing)}")
        for row in rows:
            try:
                quantity, price = int(row["quantity"]), Decimal(row["price"])
                date.fromisoformat(row["day"])
                if quantity < 0 or not price.is_finite():
                    raise ValueError("negative quantity or endless price")
            except (ValueError, TypeError, InvalidOperation) as error:
                raise ValueError(f"{path}, line {rows.line_num}: {error}") from error
            yield row["region"], quantity, price


def summarise(path):
    totals = defaultdict(lambda: [0, 0, Decimal(0)])
    for region, quantity, price in read(path):
        entry = totals[region]
        entry[0] += 1
        entry[1] += quantity
        entry[2] += quantity * price
    return {region: tuple(entry) for region, entry in totals.items()}


def summarise_by_sql(path):
    """The same by another way: whole cents in SQLite."""
    with sqlite3.connect(":memory:") as db:
        db.execute("create table orders (region text, quantity integer, cents integer)")
        db.executemany(
            "insert into orders values (?, ?, ?)",
            ((region, quantity, int(price.scaleb(2))) for region, quantity, price in read(path)),
        )
        query = "select region, count(*), sum(quantity), sum(quantity * cents) from orders group by region"
        return {region: (orders, items, Decimal(cents).scaleb(-2)) for region, orders, items, cents in db.execute(query)}


def main():
    given = os.environ.get("CRONIUM_INPUT_FILE", "")
    rows = int(os.environ.get("CRONIUM_INPUT_ROWS", "5000"))
    with tempfile.TemporaryDirectory() as directory:
        path = Path(given) if given else Path(directory) / "orders.csv"
        if not given:
            make(path, rows)
        totals = summarise(path)
        again = summarise_by_sql(path)
        size = path.stat().st_size
    if totals != again:
        print(f"the totals differ:\n{totals}\n{again}", file=sys.stderr)
        return 1
    orders = sum(entry[0] for entry in totals.values())
    if not given and orders != rows:
        print(f"{rows} rows were written but {orders} were read", file=sys.stderr)
        return 1
    report = {
        "orders": orders,
        "items": sum(entry[1] for entry in totals.values()),
        "revenue": str(sum((entry[2] for entry in totals.values()), Decimal(0))),
        "regions": {
            region: {"orders": entry[0], "items": entry[1], "revenue": str(entry[2])}
            for region, entry in sorted(totals.items())
        },
    }
    text = json.dumps(report, indent=2)
    back = json.loads(text)
    if sum(Decimal(r["revenue"]) for r in back["regions"].values()) != Decimal(back["revenue"]):
        print("the regions do not add up to the revenue", file=sys.stderr)
        return 1
    print(text)
    print(f"{orders} orders from {size} bytes of CSV; totals agree", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())

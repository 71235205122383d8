"""Reads one lake table with every foreign reader that knows its format.

    readers.py TABLE_DIR delta|parquet|json|avro [--where COLUMN=TEXT] [--group COLUMN --sum COLUMN]

Prints a JSON object with one entry for each reader:

    {"duckdb": {"rows": 12154,
                "columns": {"Volume": {"nulls": 0, "min": ..., "max": ..., "sum": ...}, ...},
                "groups": {"AAPL": {"rows": 3270, "sum": ...}, ...}}, ...}

Each reader finds the files, reads them and applies `--where` by its own means,
statistics and partition pruning included; only the summing up is common. Sums of
floats are exact (math.fsum), so that the order of rows cannot show in them. Dates
and times are ISO 8601 text, those with a time zone in UTC.
"""

import argparse
import datetime
import glob
import json
import math
import os
import urllib.parse
from collections import defaultdict
from decimal import Decimal

import deltalake
import duckdb
import fastavro
import polars
import pyarrow as pa
import pyarrow.dataset as ds


def local_path(uri):
    """The path of a file that delta-rs names by URI."""
    if uri.startswith("file://"):
        return urllib.parse.unquote(urllib.parse.urlparse(uri).path)
    return uri


def data_files(table, format):
    """The files that a plain reader of the directory sees: no logs, no leftovers."""
    if format == "delta":
        return sorted(map(local_path, deltalake.DeltaTable(table).file_uris()))
    ending = {"parquet": ".parquet", "json": ".ndjson", "avro": ".avro"}[format]
    return sorted(
        path
        for path in glob.glob(os.path.join(glob.escape(table), "*=*", "**", "*"), recursive=True)
        if ending in os.path.basename(path) and os.path.isfile(path)
    )


def read_pyarrow(table, format, where):
    dataset = ds.dataset(
        data_files(table, format),
        format="json" if format == "json" else "parquet",
        partitioning=ds.HivePartitioning.discover(),
        partition_base_dir=table,
    )
    return dataset.to_table(filter=where and ds.field(where[0]) == where[1])


def read_duckdb(table, format, where):
    # Its delta extension would have to be downloaded: the log is read by
    # delta-rs, the files by DuckDB.
    reader = "read_json" if format == "json" else "read_parquet"
    files = data_files(table, format)
    sql = f"SELECT * FROM {reader}(?, hive_partitioning = true, union_by_name = true)"
    parameters = [files]
    if where:
        column = where[0].replace('"', '""')
        sql += f' WHERE "{column}" = ?'
        parameters.append(where[1])
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.sql(sql, params=parameters).to_arrow_table()


def read_polars(table, format, where):
    if format == "delta":
        frame = polars.scan_delta(table)
    else:
        frame = polars.scan_parquet(
            data_files(table, format), hive_partitioning=True, try_parse_hive_dates=True, glob=False
        )
    if where:
        frame = frame.filter(polars.col(where[0]) == where[1])
    return frame.collect().to_arrow()


def read_deltalake(table, format, where):
    dataset = deltalake.DeltaTable(table).to_pyarrow_dataset()
    return dataset.to_table(filter=where and ds.field(where[0]) == where[1])


def read_fastavro(table, format, where):
    # It knows files, not directories: partition values come from the paths.
    rows = []
    for path in data_files(table, format):
        steps = os.path.relpath(os.path.dirname(path), table).split(os.sep)
        values = dict(step.split("=", 1) for step in steps)
        null = "__HIVE_DEFAULT_PARTITION__"
        values = {k: None if v == null else urllib.parse.unquote(v) for k, v in values.items()}
        with open(path, "rb") as file:
            rows.extend({**row, **values} for row in fastavro.reader(file))
    if where:
        rows = [row for row in rows if row[where[0]] == where[1]]
    names = rows[0] if rows else []
    return pa.table({name: pa.array([row[name] for row in rows]) for name in names})


READERS = {
    "delta": {
        "deltalake": read_deltalake,
        "duckdb": read_duckdb,
        "polars": read_polars,
        "pyarrow": read_pyarrow,
    },
    "parquet": {"duckdb": read_duckdb, "polars": read_polars, "pyarrow": read_pyarrow},
    # Polars reads NDJSON, but without the partition columns.
    "json": {"duckdb": read_duckdb, "pyarrow": read_pyarrow},
    # DuckDB's extension would have to be downloaded; Polars has no partition columns here.
    "avro": {"fastavro": read_fastavro},
}


def readers_of(table, format):
    readers = dict(READERS[format])
    if format == "json" and any(path.endswith(".zst") for path in data_files(table, format)):
        del readers["pyarrow"]  # knows gzip by its ending, not zstd
    return readers


def plain(value):
    """A value as JSON can hold it."""
    if isinstance(value, datetime.datetime):
        if value.tzinfo:
            value = value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
        return value.isoformat()
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def is_number(data_type):
    return pa.types.is_integer(data_type) or pa.types.is_floating(data_type)


def total(values):
    return plain(math.fsum(values) if any(isinstance(v, float) for v in values) else sum(values))


def summarize(column):
    values = [value for value in column.to_pylist() if value is not None]
    summary = {"nulls": len(column) - len(values)}
    if not pa.types.is_nested(column.type):
        ordered = [value for value in values if value == value]
        summary["min"] = plain(min(ordered, default=None))
        summary["max"] = plain(max(ordered, default=None))
    if is_number(column.type):
        summary["sum"] = total(values)
    return summary


def groups_of(rows, by, of):
    groups = defaultdict(list)
    for key, value in zip(rows[by].to_pylist(), rows[of].to_pylist()):
        groups[str(plain(key))].append(value)
    return {
        key: {"rows": len(values), "sum": total([v for v in values if v is not None])}
        for key, values in sorted(groups.items())
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table")
    parser.add_argument("format", choices=READERS)
    parser.add_argument("--where", type=lambda text: text.split("=", 1), metavar="COLUMN=TEXT")
    parser.add_argument("--group", metavar="COLUMN")
    parser.add_argument("--sum", metavar="COLUMN")
    args = parser.parse_args()

    report = {}
    table = os.path.abspath(args.table)
    for name, read in readers_of(table, args.format).items():
        rows = read(table, args.format, args.where)
        report[name] = {
            "rows": len(rows),
            "columns": {c: summarize(rows[c]) for c in sorted(rows.column_names)},
        }
        if args.group:
            report[name]["groups"] = groups_of(rows, args.group, args.sum or args.group)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()

"""Sorts and partitions a Parquet file with DuckDB: peers.py SOURCE TARGET RUNS.

Prints a JSON object: version, seconds of each run, peak memory in KiB.
"""

import json
import resource
import shutil
import sys
import time

import duckdb


def main() -> None:
    source, target, runs = sys.argv[1], sys.argv[2], int(sys.argv[3])
    seconds = []
    for _ in range(runs):
        shutil.rmtree(target, ignore_errors=True)
        connection = duckdb.connect()
        connection.execute("SET threads = 2; SET memory_limit = '512MB'; SET TimeZone = 'UTC'")
        connection.execute("SET temp_directory = ?", [target + ".spill"])
        started = time.perf_counter()
        connection.execute(
            f"""
            COPY (
                SELECT *, ts::DATE AS ts_day FROM read_parquet('{source}')
                ORDER BY ts_day, asset_class, symbol, ts
            ) TO '{target}' (
                FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1,
                PARTITION_BY (ts_day, asset_class)
            )
            """
        )
        seconds.append(time.perf_counter() - started)
        connection.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"version": duckdb.__version__, "seconds": seconds, "peak_memory": peak}))


if __name__ == "__main__":
    main()

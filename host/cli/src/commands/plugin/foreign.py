"""Reads FILE with READER and writes its columns, in the types of SCHEMA, as Arrow."""
import sys

reader, format, path, wanted = sys.argv[1:]
try:
    import pyarrow as pa

    if reader == "duckdb":
        import duckdb
except ImportError:
    sys.exit(3)

schema = pa.ipc.open_stream(wanted).schema
if reader == "duckdb":
    duckdb.execute("SET TimeZone = 'UTC'")
    function = {"parquet": "read_parquet(?)", "json": "read_json(?, format = 'nd')"}[format]
    table = duckdb.sql(f"SELECT * FROM {function}", params=[path]).to_arrow_table()
elif format == "parquet":
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(path)
else:
    import pyarrow.json

    table = pyarrow.json.read_json(path)


def column(field):
    # A column of nulls alone need not be in a file of JSON.
    if field.name not in table.column_names:
        return pa.nulls(len(table), field.type)
    return table[field.name].cast(field.type)


table = pa.table([column(field) for field in schema], schema=schema)
with pa.ipc.new_stream(sys.stdout.buffer, schema) as out:
    out.write_table(table)

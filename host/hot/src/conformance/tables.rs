//! Making tables, and what is refused.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema};
use tidelake_core::ErrorKind;
use tidelake_core::time::{SeqRange, TimeRange};

use super::data::{self, batch, ticks};
use super::{all_ids, at, ok, refused};
use crate::store::{HotStore, HotTable};

/// `table` with another schema.
fn with_fields(table: &HotTable, change: impl Fn(&mut Vec<Field>)) -> HotTable {
    let mut fields: Vec<Field> = table.schema.fields().iter().map(|f| f.as_ref().clone()).collect();
    change(&mut fields);
    HotTable { schema: Arc::new(Schema::new(fields)), ..table.clone() }
}

/// Tables are kept as they were made; making one again is harmless.
pub async fn keeps_tables(store: &dyn HotStore) {
    assert_eq!(ok(store.tables().await), []);
    assert_eq!(ok(store.table("us").await), None);
    let mut tables = data::tables();
    for table in &tables {
        ok(store.create_table(table).await);
        ok(store.create_table(table).await);
        assert_eq!(ok(store.table(&table.name).await).as_ref(), Some(table));
    }
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(ok(store.tables().await), tables);
}

/// A table cannot be made twice in two ways, nor without a usable time column.
pub async fn refuses_bad_tables(store: &dyn HotStore) {
    let table = ticks();
    ok(store.create_table(&table).await);
    let other = with_fields(&table, |fields| {
        fields[2] = Field::new("price", DataType::Float32, true);
        fields[3] = Field::new("total", DataType::Int64, true);
        fields[5] = Field::new("id", DataType::UInt64, true);
    });
    let error = refused(store.create_table(&other).await, ErrorKind::Input);
    for said in
        ["\"price\" is Float64, not Float32", "\"amount\"", "missing", "\"total\"", "\"id\""]
    {
        assert!(error.message().contains(said), "{said} is not named in: {error}");
    }
    let reordered = with_fields(&table, |fields| fields.swap(0, 2));
    assert!(
        refused(store.create_table(&reordered).await, ErrorKind::Input).message().contains("order")
    );
    let retimed = HotTable { time: "id".into(), ..table.clone() };
    assert!(
        refused(store.create_table(&retimed).await, ErrorKind::Input).message().contains("time")
    );
    assert_eq!(ok(store.table("ticks").await), Some(table.clone()));

    let new = |change: fn(&mut HotTable)| {
        let mut table = HotTable { name: "new".into(), ..table.clone() };
        change(&mut table);
        table
    };
    for bad in [
        new(|t| t.name = String::new()),
        new(|t| t.time = "when".into()),
        new(|t| t.time = "price".into()),
        with_fields(&new(|_| {}), |fields| fields.push(Field::new("id", DataType::Utf8, true))),
    ] {
        refused(store.create_table(&bad).await, ErrorKind::Input);
    }
    assert_eq!(ok(store.tables().await), [table]);
}

/// A table that does not exist is not found, whatever is asked of it.
pub async fn refuses_unknown_tables(store: &dyn HotStore) {
    ok(store.create_table(&ticks()).await);
    let error = refused(store.append("tikcs", vec![]).await, ErrorKind::NotFound);
    assert!(error.help().is_some_and(|h| h.contains("ticks")), "names what there is: {error:?}");
    refused(store.snapshot("tikcs").await, ErrorKind::NotFound);
    let evict = store.evict("tikcs", TimeRange::ALL, SeqRange::ALL).await;
    refused(evict, ErrorKind::NotFound);
}

/// Rows that do not fit their table are refused, and none of the same call is appended.
pub async fn refuses_bad_rows(store: &dyn HotStore) {
    let table = ticks();
    ok(store.create_table(&table).await);
    let times = [at("2013-03-01"), at("2013-03-02")];
    let good = batch(&table, 0, &times);

    let without_price = ok(good.project(&[0, 1, 3, 4, 5]));
    let error =
        refused(store.append("ticks", vec![good.clone(), without_price]).await, ErrorKind::Input);
    assert!(error.message().contains("\"price\""), "{error}");

    let seconds =
        data::table("ticks", DataType::Timestamp(arrow::datatypes::TimeUnit::Second, None));
    let error = refused(
        store.append("ticks", vec![good.clone(), batch(&seconds, 2, &times)]).await,
        ErrorKind::Input,
    );
    assert!(error.message().contains("\"ts\""), "{error}");

    let mut columns = good.columns().to_vec();
    columns[1] = arrow::array::new_null_array(columns[1].data_type(), 2);
    let nulls = ok(RecordBatch::try_new(good.schema(), columns));
    let error = refused(store.append("ticks", vec![good.clone(), nulls]).await, ErrorKind::Input);
    assert!(error.message().contains("\"ts\"") && error.message().contains("null"), "{error}");

    assert!(all_ids(store, "ticks").await.is_empty(), "nothing was appended");
    assert_eq!(ok(store.snapshot("ticks").await).seq(), 0, "no number was given out");
    // A batch may promise more than its table asks.
    let mut fields: Vec<Field> =
        good.schema().fields().iter().map(|f| f.as_ref().clone()).collect();
    fields[1] = fields[1].clone().with_nullable(false);
    let strict = ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), good.columns().to_vec()));
    assert_eq!(ok(store.append("ticks", vec![strict]).await).rows, 2);
}

use object_store::memory::InMemory;
use tidelake_core::ErrorKind;
use tidelake_core::ledger::{LedgerEntry, Proof};
use tidelake_core::time::{Micros, SeqRange, TimeRange};
use tidelake_core::unit::{Account, ManifestRow, Unit};

use super::*;
use crate::{Lake, conformance};

fn table() -> LakeTable {
    let lake = Lake::from_store(Arc::new(InMemory::new()), "memory".into());
    lake.table("trades@1h", LogKind::Files)
}

#[tokio::test]
async fn data_files_come_and_go() {
    let table = table();
    let paths = ["ts_day=2013-03-02/c=a%2Fb/x.json", "_p=1/y.json", "z.json"];
    for path in paths {
        let mut upload = table.start_file(path).await.unwrap();
        upload.write("12345".into()).await.unwrap();
        upload.write(vec![b'x'; 6 << 20].into()).await.unwrap();
        assert_eq!(upload.finish().await.unwrap(), 5 + (6 << 20));
    }
    let aborted = table.start_file("never.json").await.unwrap();
    aborted.abort().await;
    table.log().create(&conformance::init("json"), Micros(0)).await.unwrap();
    let entry =
        LedgerEntry::Evicted { unit: "u".into(), before: Micros(0), at: Micros(0), rows: 1 };
    table.ledger().append(&[entry]).await.unwrap();

    let mut found = table.list_data_files().await.unwrap();
    found.sort();
    let mut expected: Vec<_> = paths.iter().map(|p| ((*p).to_owned(), 5 + (6 << 20))).collect();
    expected.sort();
    assert_eq!(found, expected);

    table.delete_files(&["z.json".into(), "not-there.json".into()]).await.unwrap();
    assert_eq!(table.list_data_files().await.unwrap().len(), 2);
    assert!(table.delete_files(&["_tidelake/log/0.json".into()]).await.is_err());
    assert!(table.start_file("a/_hidden/x").await.is_err());
    let outside = table.start_file("../x").await.unwrap_err();
    assert_eq!(outside.kind(), ErrorKind::Internal);
}

#[tokio::test]
async fn the_ledger_keeps_its_order() {
    let table = table();
    assert_eq!(table.ledger().load().await.unwrap(), []);
    let digest = Digest { rows: 1, sum: 2, mixed: 3 };
    let proof = Proof {
        unit: "0123456789abcdef".into(),
        time: TimeRange::ALL,
        seqs: SeqRange::new(0, u64::MAX),
        input: digest,
        output: digest,
        files: vec!["a=1/x.parquet".into()],
        generation: 4,
        at: Micros(5),
    };
    let evicted = |n: u64| LedgerEntry::Evicted {
        unit: n.to_string(),
        before: Micros(2),
        at: Micros(1),
        rows: n,
    };
    let mut expected = vec![LedgerEntry::Verified(proof), evicted(0)];
    table.ledger().append(&expected).await.unwrap();
    for n in 1..12 {
        table.ledger().append(&[evicted(n)]).await.unwrap();
        expected.push(evicted(n));
    }
    assert_eq!(table.ledger().load().await.unwrap(), expected);
}

#[tokio::test]
async fn racing_appends_all_count() {
    let table = table();
    let tasks: Vec<_> = (0..8u64)
        .map(|n| {
            let ledger = table.ledger();
            tokio::spawn(async move {
                let entry = LedgerEntry::Evicted {
                    unit: n.to_string(),
                    before: Micros(0),
                    at: Micros(0),
                    rows: n,
                };
                ledger.append(&[entry]).await
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(table.ledger().load().await.unwrap().len(), 8);
}

#[tokio::test]
async fn intents_are_written_replaced_and_removed() {
    let table = table();
    let row = |n: u64| ManifestRow {
        unit: Unit {
            table: "trades".into(),
            time: TimeRange::ALL,
            seqs: SeqRange::ALL,
            recipe: "r".into(),
        },
        files: vec![conformance::file(n)],
        input: Digest::default(),
        output: Digest::default(),
        account: Account { read: n, written: n, dropped: 0 },
        arrow_bytes: 1,
    };
    let intents = table.intents();
    intents.write(12, &[row(1)]).await.unwrap();
    intents.write(3, &[row(2), row(3)]).await.unwrap();
    intents.write(12, &[row(4)]).await.unwrap();
    let expected = vec![(3, vec![row(2), row(3)]), (12, vec![row(4)])];
    assert_eq!(intents.load().await.unwrap(), expected);
    intents.remove(3).await.unwrap();
    intents.remove(3).await.unwrap();
    assert_eq!(intents.load().await.unwrap(), expected[1..]);
}

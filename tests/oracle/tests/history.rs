//! What makes a history, and what does not.

use edgecmp_oracle::{HistoryBuilder, HistoryError, Written};

fn written(version: u128, began_ns: u64, visible_ns: u64) -> Written {
    Written { version, began_ns, visible_ns, crc: 0, deleted: false }
}

#[test]
fn rows_may_come_in_any_order() {
    let mut builder = HistoryBuilder::new();
    let key = builder.key(b"k");
    for version in [3, 1, 2] {
        builder.push(key, written(version, version as u64 * 10, version as u64 * 10 + 1));
    }
    let history = builder.finish(100).unwrap();
    assert_eq!(history.find(key, 2), Some((written(2, 20, 21), Some(31))));
    assert_eq!(history.find(key, 3), Some((written(3, 30, 31), None)));
    assert_eq!(history.find(key, 4), None);
    assert_eq!(history.find(key + 1, 1), None);
}

#[test]
fn version_order_tightens_what_a_crash_left_vague() {
    let mut builder = HistoryBuilder::new();
    let key = builder.key(b"k");
    builder.push(key, written(1, 10, 900)); // visible_ns only known after recovery
    builder.push(key, written(2, 5, 50));
    let history = builder.finish(1_000).unwrap();
    assert_eq!(history.find(key, 1), Some((written(1, 10, 50), Some(50))));
    assert_eq!(history.find(key, 2), Some((written(2, 10, 50), None)));
}

#[test]
fn impossible_rows_are_refused() {
    let refusal = |rows: &[Written]| {
        let mut builder = HistoryBuilder::new();
        let key = builder.key(b"k");
        rows.iter().for_each(|row| builder.push(key, *row));
        builder.finish(100).unwrap_err()
    };
    let key = || "k".to_owned();
    assert_eq!(
        refusal(&[written(1, 1, 2), written(1, 3, 4)]),
        HistoryError::DuplicateVersion { key: key(), version: 1 }
    );
    assert_eq!(refusal(&[written(1, 3, 2)]), HistoryError::VisibleBeforeBegun { key: key(), version: 1 });
    assert_eq!(refusal(&[written(0, 1, 2)]), HistoryError::VersionZero { key: key() });
}

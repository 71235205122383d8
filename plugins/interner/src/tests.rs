use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::types::Int8Type;
use arrow_array::{
    BinaryArray, BinaryViewArray, DictionaryArray, Int8Array, Int64Array, LargeBinaryArray,
    LargeStringArray, StringArray, StringViewArray,
};
use proptest::prelude::*;

use super::*;

/// What the codes of these rows are, by a map.
fn expected(rows: &[Option<Vec<u8>>]) -> Vec<u32> {
    let mut known = HashMap::new();
    rows.iter()
        .map(|row| match row {
            None => NULL,
            Some(text) => {
                let next = known.len() as u32;
                *known.entry(text.clone()).or_insert(next)
            }
        })
        .collect()
}

/// Texts of every length around the two words, many of them alike.
fn texts() -> impl Strategy<Value = Vec<Option<Vec<u8>>>> {
    let text = prop_oneof![
        4 => "[AB]{0,3}",
        2 => "A{0,20}",
        2 => "[AB\\x00]{5,18}",
        1 => "é{0,9}",
        1 => "[ -~]{30,40}",
    ];
    prop::collection::vec(prop::option::weighted(0.9, text.prop_map(String::into_bytes)), 0..200)
}

fn strings(rows: &[Option<Vec<u8>>]) -> Vec<Option<&str>> {
    rows.iter().map(|row| row.as_ref().map(|row| std::str::from_utf8(row).unwrap())).collect()
}

proptest! {
    #[test]
    fn every_kind_of_column_gets_the_codes_of_a_map(rows in texts(), cut in 0_usize..50) {
        let bytes: Vec<Option<&[u8]>> = rows.iter().map(|row| row.as_deref()).collect();
        let text = strings(&rows);
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from(text.clone())),
            Arc::new(LargeStringArray::from(text.clone())),
            Arc::new(StringViewArray::from(text)),
            Arc::new(BinaryArray::from(bytes.clone())),
            Arc::new(LargeBinaryArray::from(bytes.clone())),
            Arc::new(BinaryViewArray::from(bytes)),
        ];
        let cut = cut.min(rows.len());
        for array in arrays {
            let (mut interner, mut codes) = (Interner::default(), Vec::new());
            // In two parts, of which the second is a slice.
            interner.codes(&array.slice(0, cut), &mut codes).unwrap();
            interner.codes(&array.slice(cut, rows.len() - cut), &mut codes).unwrap();
            prop_assert_eq!(&codes, &expected(&rows), "{}", array.data_type());
            for (code, row) in codes.iter().zip(&rows) {
                if let Some(row) = row {
                    prop_assert_eq!(interner.text(*code), &row[..]);
                    prop_assert_eq!(interner.code(row), *code);
                }
            }
            let distinct = codes.iter().filter(|code| **code != NULL).max();
            prop_assert_eq!(interner.len(), distinct.map_or(0, |code| *code as usize + 1));
        }
    }
}

#[test]
fn dictionaries_are_their_values() {
    let values = StringArray::from(vec![Some("unused"), Some("B"), None, Some("A"), Some("B")]);
    let keys = Int8Array::from(vec![Some(3), None, Some(1), Some(2), Some(4), Some(3)]);
    let array: ArrayRef = Arc::new(DictionaryArray::<Int8Type>::new(keys, Arc::new(values)));
    let (mut interner, mut codes) = (Interner::default(), Vec::new());
    interner.codes(&array, &mut codes).unwrap();
    assert_eq!(codes, [0, NULL, 1, NULL, 1, 0]);
    assert_eq!((interner.len(), interner.text(0), interner.text(1)), (2, &b"A"[..], &b"B"[..]));
}

#[test]
fn a_dictionary_without_values_is_all_nulls() {
    let keys = Int8Array::from(vec![None, None]);
    let values = Arc::new(StringArray::from(Vec::<&str>::new()));
    let array: ArrayRef = Arc::new(DictionaryArray::<Int8Type>::new(keys, values));
    let (mut interner, mut codes) = (Interner::default(), Vec::new());
    interner.codes(&array, &mut codes).unwrap();
    assert_eq!((codes, interner.len()), (vec![NULL; 2], 0));
}

#[test]
fn what_lies_under_nulls_does_not_show() {
    let hidden = StringArray::from(vec!["A", "hidden", "a hidden text that is long", "B"]);
    let (offsets, data, _) = hidden.into_parts();
    let array = StringArray::new(offsets, data, Some(vec![true, false, false, true].into()));
    let (mut interner, mut codes) = (Interner::default(), Vec::new());
    interner.codes(&(Arc::new(array) as ArrayRef), &mut codes).unwrap();
    assert_eq!((codes, interner.len()), (vec![0, NULL, NULL, 1], 2));
}

#[test]
fn many_texts_grow_the_table_and_clearing_begins_anew() {
    let mut interner = Interner::default();
    for round in 0..2 {
        for i in 0..100_000_u32 {
            assert_eq!(interner.code(format!("S{i}").as_bytes()), i, "{round}");
        }
        for i in (0..100_000_u32).rev() {
            assert_eq!(interner.code(format!("S{i}").as_bytes()), i, "{round}");
        }
        assert!(interner.memory() > interner.text_bytes());
        interner.clear();
        assert!(interner.is_empty());
    }
}

#[test]
fn numbers_are_refused() {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    assert!(!is_text(numbers.data_type()));
    assert!(Interner::default().codes(&numbers, &mut Vec::new()).is_err());
}

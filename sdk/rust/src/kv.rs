//! A few small values that outlive the instance, for plugins that were granted `kv`: what
//! is worth remembering beside the rows. Where a source stands is in its offset instead,
//! which alone is durable together with the rows.
//!
//! Outside a component they are kept by [`testing::Outside`](crate::testing::Outside).

use crate::error::Result;

/// A value and the number of the change that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The value.
    pub value: Vec<u8>,
    /// For [`put`] and [`delete`], to change what was read and nothing newer.
    pub revision: u64,
}

/// The value of a key, if there is one.
pub fn get(key: &str) -> Result<Option<Entry>> {
    #[cfg(target_arch = "wasm32")]
    return Ok(crate::bindings::host::tidelake::plugin::kv::get(key)?
        .map(|entry| Entry { value: entry.value, revision: entry.revision }));
    #[cfg(not(target_arch = "wasm32"))]
    return Ok(crate::testing::outside::kv_get(key));
}

/// Sets a value and answers with its revision. With a revision only if the key still has
/// that one (0: if there is no such key); else the error is of the kind `Precondition`.
pub fn put(key: &str, value: &[u8], if_revision: Option<u64>) -> Result<u64> {
    #[cfg(target_arch = "wasm32")]
    return Ok(crate::bindings::host::tidelake::plugin::kv::put(key, value, if_revision)?);
    #[cfg(not(target_arch = "wasm32"))]
    return crate::testing::outside::kv_change(key, Some(value), if_revision);
}

/// Deletes a key, under the same condition. One that does not exist is deleted.
pub fn delete(key: &str, if_revision: Option<u64>) -> Result<()> {
    #[cfg(target_arch = "wasm32")]
    return Ok(crate::bindings::host::tidelake::plugin::kv::delete(key, if_revision)?);
    #[cfg(not(target_arch = "wasm32"))]
    return crate::testing::outside::kv_change(key, None, if_revision).map(drop);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::testing::Outside;

    #[test]
    fn values_are_changed_by_revision() {
        let _outside = Outside::new().install();
        let first = put("a", b"1", Some(0)).unwrap();
        assert_eq!(put("a", b"2", Some(0)).unwrap_err().kind(), ErrorKind::Precondition);
        let second = put("a", b"2", Some(first)).unwrap();
        assert_eq!(get("a").unwrap(), Some(Entry { value: b"2".to_vec(), revision: second }));
        assert_eq!(delete("a", Some(first)).unwrap_err().kind(), ErrorKind::Precondition);
        delete("a", None).unwrap();
        delete("a", None).unwrap();
        assert_eq!(get("a").unwrap(), None);
        assert!(put("a", b"", None).unwrap() > second);
    }
}

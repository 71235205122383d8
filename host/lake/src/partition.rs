//! Values of partition columns that a table's log cannot keep apart.

use tidelake_core::partition::{HIVE_NULL, PartitionValue};
use tidelake_core::table::LogKind;
use tidelake_core::{Error, Result};

/// Refuses partition values that would come back as something else.
///
/// Delta reads an empty string as null, and a directory named
/// `c=__HIVE_DEFAULT_PARTITION__` is a null to every reader of directories.
pub fn check_partition_values(kind: LogKind, values: &[PartitionValue]) -> Result<()> {
    for (column, value) in values {
        let why = match value.as_deref() {
            Some("") if kind == LogKind::Delta => {
                "an empty text, which Delta tables cannot tell from null"
            }
            Some(HIVE_NULL) => "the text that stands for null in directory names",
            _ => continue,
        };
        return Err(Error::input(format!("partition column {column:?} holds {why}")).with_help(
            format!(
                "give {column:?} another value with a `standardize` transform (defaults), or do \
                 not partition by it"
            ),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_look_like_null_are_refused() {
        let value = |v: &str| vec![("c".to_owned(), Some(v.to_owned()))];
        assert!(check_partition_values(LogKind::Delta, &value("")).is_err());
        assert!(check_partition_values(LogKind::Files, &value("")).is_ok());
        assert!(check_partition_values(LogKind::Files, &value(HIVE_NULL)).is_err());
        assert!(check_partition_values(LogKind::Delta, &[("c".to_owned(), None)]).is_ok());
        assert!(check_partition_values(LogKind::Delta, &value("a/b")).is_ok());
    }
}

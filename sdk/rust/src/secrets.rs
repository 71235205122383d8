//! Secrets that the operator gives to this plugin by name. Keep them out of options,
//! logs and errors.
//!
//! Outside a component there are those of [`testing::Outside`](crate::testing::Outside).

use crate::error::{Error, ErrorKind, Result};

/// The secret of a name under `[plugin.NAME.secrets]`; an error of the kind `NotFound`
/// if the operator gave none, `Denied` if it cannot be read now.
pub fn get(name: &str) -> Result<String> {
    #[cfg(target_arch = "wasm32")]
    return crate::bindings::host::tidelake::plugin::secrets::get(name).map_err(Error::from);
    #[cfg(not(target_arch = "wasm32"))]
    return crate::testing::outside::secret(name).ok_or_else(|| {
        Error::not_found(format!(
            "there is no secret `{name}`; give it under [plugin.NAME.secrets]"
        ))
    });
}

/// A secret that a plugin can do without: `None` if the operator gave none.
pub fn get_optional(name: &str) -> Result<Option<String>> {
    match get(name) {
        Ok(secret) => Ok(Some(secret)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

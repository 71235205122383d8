//! Asks a store whether it keeps what commits rely on, before anything is entrusted to it.
//!
//! | asked | a store that does not |
//! |---|---|
//! | what was written can be read | loses rows that it has acknowledged |
//! | creating what exists is refused | lets the later of two writers replace a commit |
//! | and leaves what was there | the same, with a good word |
//!
//! Four small requests, once for each store and process; the object is removed again.
//! Two writers at the same moment cannot be told from here: that is for the conformance
//! suite ([`crate::conformance::store`]).

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode};
use tidelake_core::{Error, Result};

use crate::error::store_error;

/// Where probes are written, beside the tables.
const DIRECTORY: &str = "_tidelake";

/// Fails if the store is not fit to keep a lake.
pub(crate) async fn probe(store: &dyn ObjectStore) -> Result<()> {
    let path = Path::from_iter([DIRECTORY, &format!("probe-{}", uuid::Uuid::new_v4().simple())]);
    let answer = ask(store, &path).await;
    // A store that is not fit may not delete, either; what it keeps is a few bytes.
    if let Err(error) = store.delete(&path).await {
        tracing::warn!(%error, %path, "a probe of the lake's store stays behind");
    }
    answer
}

async fn ask(store: &dyn ObjectStore, path: &Path) -> Result<()> {
    let unfit = |what: &str| {
        Error::unsupported(format!("the lake's store cannot keep a lake: {what}"))
            .with("file", path)
            .with_help(
                "use a store, or a version of it, that creates objects only if they are \
                 absent; nothing was moved to it",
            )
    };
    let create = |content: &'static [u8]| async move {
        let content = Bytes::from_static(content).into();
        store.put_opts(path, content, PutMode::Create.into()).await
    };
    let (first, second) = (b"first".as_slice(), b"second".as_slice());
    create(first).await.map_err(|error| store_error(error, path))?;
    let refused = match create(second).await {
        Err(
            object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. },
        ) => true,
        Ok(_) => false,
        Err(error) => return Err(store_error(error, path)),
    };
    let found = match store.get(path).await {
        Ok(found) => found.bytes().await.map_err(|error| store_error(error, path))?,
        Err(object_store::Error::NotFound { .. }) => {
            return Err(unfit("what it says it has written is not there"));
        }
        Err(error) => return Err(store_error(error, path)),
    };
    match (refused, found == first) {
        (true, true) => Ok(()),
        (false, _) => Err(unfit("it replaces an object that it was told only to create")),
        (true, false) => Err(unfit("an object reads differently from what was written")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_store_in_memory_is_fit_and_is_left_as_it_was() {
        let store = object_store::memory::InMemory::new();
        probe(&store).await.unwrap();
        let listed = store.list_with_delimiter(None).await.unwrap();
        assert!(listed.objects.is_empty() && listed.common_prefixes.is_empty());
    }
}

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
use tidelake_core::Error;

use crate::error::store_error;

/// Where probes are written, beside the tables.
const DIRECTORY: &str = "_tidelake";

/// How often an object is created whose creation had no answer.
const TRIES: usize = 4;

/// Fails if the store is not fit to keep a lake.
pub(crate) async fn probe(store: &dyn ObjectStore) -> Result<(), Error> {
    let path = Path::from_iter([DIRECTORY, &format!("probe-{}", uuid::Uuid::new_v4().simple())]);
    let answer = ask(store, &path).await;
    // A store that is not fit may not delete, either; what it keeps is a few bytes.
    if let Err(error) = store.delete(&path).await {
        tracing::warn!(%error, %path, "a probe of the lake's store stays behind");
    }
    answer
}

async fn ask(store: &dyn ObjectStore, path: &Path) -> Result<(), Error> {
    let unfit = |what: &str| {
        Error::unsupported(format!("the lake's store cannot keep a lake: {what}"))
            .with("file", path)
            .with_help(
                "use a store, or a version of it, that creates objects only if they are \
                 absent; nothing was moved to it",
            )
    };
    let (first, second) = (b"first".as_slice(), b"second".as_slice());
    match create(store, path, first).await {
        Ok(()) => {}
        // The answer to an earlier try was lost; what is there will be looked at.
        Err((object_store::Error::AlreadyExists { .. }, 2..)) => {}
        Err((error, _)) => return Err(store_error(error, path)),
    }
    let refused = match create(store, path, second).await {
        Err((
            object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. },
            _,
        )) => true,
        Ok(()) => false,
        Err((error, _)) => return Err(store_error(error, path)),
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

/// Creates the object, again while the outcome is not known; the error is that of the last
/// try, with its number.
async fn create(
    store: &dyn ObjectStore,
    path: &Path,
    content: &'static [u8],
) -> Result<(), (object_store::Error, usize)> {
    let mut number = 1;
    loop {
        let content = Bytes::from_static(content).into();
        match store.put_opts(path, content, PutMode::Create.into()).await {
            Ok(_) => return Ok(()),
            Err(object_store::Error::Generic { .. }) if number < TRIES => number += 1,
            Err(error) => return Err((error, number)),
        }
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

//! The suite over a store that others use, too: each check has a name and ends on its
//! own, and what it wrote is removed.

use std::any::Any;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{Error, GetOptions, ObjectStoreExt, PutMode, UpdateVersion};

use super::below::Below;
use super::{StoreRef, mode};

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The store keeps to it.
    Passed,
    /// The store says that it does not offer this, and a lake can do without; why, in its
    /// words.
    Refused(String),
    /// The store breaks it, and how.
    Failed(String),
}

/// One check, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// What was asked.
    pub name: &'static str,
    /// How it ended.
    pub outcome: Outcome,
}

type Run = for<'a> fn(&'a StoreRef) -> BoxFuture<'a, ()>;

/// The checks, by the names that people are told.
const CHECKS: [(&str, Run); 9] = [
    ("objects of any size come back", |store| super::bytes_come_back(store).boxed()),
    ("ranges are exact", |store| super::ranges_are_exact(store).boxed()),
    ("listings are complete and in order", |store| super::listings_are_in_order(store).boxed()),
    ("of those who create an object, one wins", |store| super::creating_is_once(store).boxed()),
    (UPDATE, |store| super::updating_is_a_swap(store).boxed()),
    (CONDITIONS, |store| super::reading_has_conditions(store).boxed()),
    ("what is written in parts is one object", |store| super::parts_make_one_object(store).boxed()),
    ("copies are objects", |store| super::copies_are_objects(store).boxed()),
    ("deleting what is not there is no error", |store| {
        super::deleting_is_idempotent(store).boxed()
    }),
];

const UPDATE: &str = "an update replaces the state that it names";
const CONDITIONS: &str = "reading can depend on the state";

/// Runs every check below `prefix`, where nothing is yet, and removes what was written
/// there. `told` hears of each when it is done.
///
/// A check that breaks panics on a task of its own: who does not want to see that on
/// standard error sets a panic hook.
pub async fn checked(
    store: StoreRef,
    prefix: &str,
    told: &mut (dyn FnMut(&Checked) + Send),
) -> Vec<Checked> {
    let below: StoreRef = Arc::new(Below::new(Arc::clone(&store), prefix));
    let mut done = Vec::new();
    for (name, run) in CHECKS {
        let outcome = match refusal(name, &below).await {
            Some(why) => Outcome::Refused(why),
            None => {
                let store = Arc::clone(&below);
                let ended = tokio::spawn(async move { run(&store).await }).await;
                ended.map_or_else(|error| Outcome::Failed(how(error)), |()| Outcome::Passed)
            }
        };
        tell(&mut done, told, Checked { name, outcome });
    }
    let outcome = match removed(&store, &Path::from(prefix)).await {
        Ok(()) => Outcome::Passed,
        Err(how) => Outcome::Failed(format!("below {prefix}/: {how}")),
    };
    tell(&mut done, told, Checked { name: "what the test wrote is removed", outcome });
    done
}

fn tell(done: &mut Vec<Checked>, told: &mut (dyn FnMut(&Checked) + Send), checked: Checked) {
    told(&checked);
    done.push(checked);
}

/// Why a store cannot be asked: it says itself that it offers no such thing. Creating and
/// all the rest are what a lake is built on, and no store may refuse them.
async fn refusal(name: &str, store: &StoreRef) -> Option<String> {
    let path = super::at("refusals/object");
    let unsupported = |error: Error| match error {
        Error::NotSupported { source } => Some(source.to_string()),
        Error::NotImplemented { operation, .. } => Some(format!("no {operation}")),
        _ => None,
    };
    match name {
        UPDATE => {
            let first = store.put(&path, super::content(1).into()).await.ok()?;
            let options = mode(PutMode::Update(UpdateVersion::from(first)));
            unsupported(store.put_opts(&path, super::content(2).into(), options).await.err()?)
        }
        CONDITIONS => {
            store.put(&path, super::content(1).into()).await.ok()?;
            if store.head(&path).await.ok()?.e_tag.is_none() {
                return Some("objects have no etag".to_owned());
            }
            let options = GetOptions { if_match: Some("\"0\"".into()), ..GetOptions::default() };
            unsupported(store.get_opts(&path, options).await.err()?)
        }
        _ => None,
    }
}

fn how(error: tokio::task::JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else { return "it did not finish".to_owned() };
    said(&*panic).unwrap_or("it panicked without a message").to_owned()
}

fn said(panic: &(dyn Any + Send)) -> Option<&str> {
    panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied())
}

/// Removes all that is below a prefix.
async fn removed(store: &StoreRef, prefix: &Path) -> Result<(), String> {
    let listed: Result<Vec<_>, _> = store.list(Some(prefix)).try_collect().await;
    let paths: Vec<_> =
        listed.map_err(|e| e.to_string())?.into_iter().map(|m| m.location).collect();
    let paths = futures::stream::iter(paths.into_iter().map(Ok)).boxed();
    let deleted: Result<Vec<_>, _> = store.delete_stream(paths).try_collect().await;
    deleted.map_err(|error| error.to_string())?;
    match store.list(Some(prefix)).next().await {
        None => Ok(()),
        Some(left) => Err(format!("there is still something: {left:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DurableLocal;
    use object_store::memory::InMemory;

    #[tokio::test(flavor = "multi_thread")]
    async fn an_honest_store_passes_and_is_left_as_it_was() {
        let store: StoreRef = Arc::new(InMemory::new());
        let other = Path::from("other");
        store.put(&other, vec![1].into()).await.unwrap();
        let mut heard = 0;
        let checks = checked(Arc::clone(&store), "a/fresh", &mut |_| heard += 1).await;
        assert_eq!((checks.len(), heard), (10, 10));
        assert!(checks.iter().all(|check| check.outcome == Outcome::Passed), "{checks:?}");
        let left: Vec<_> = store.list(None).try_collect().await.unwrap();
        assert_eq!(left.iter().map(|meta| &meta.location).collect::<Vec<_>>(), [&other]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_a_store_does_not_offer_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let store: StoreRef = Arc::new(DurableLocal::open(dir.path()).unwrap());
        let checks = checked(store, "fresh", &mut |_| ()).await;
        for check in checks {
            match check.name {
                UPDATE => assert!(matches!(check.outcome, Outcome::Refused(_)), "{check:?}"),
                _ => assert_eq!(check.outcome, Outcome::Passed, "{}", check.name),
            }
        }
    }
}

//! Listings: pages of a guest, put together and checked.
//!
//! Logs are read in the order of names, and what a listing leaves out is taken for
//! not being there: a page out of order, or of another prefix, must not pass.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ListResult, ObjectMeta};

use super::StoreResult;
use super::backend::{Backend, Working};
use super::check;
use super::fault::{Expected, Fault};
use crate::bindings::v0_1::objects::{ListRequest, Page};

/// Entries of one page.
const ENTRIES: usize = 1000;
/// Pages that may hold nothing and still promise more, one after the other.
const EMPTY: u32 = 16;
/// Pages of one listing: a hundred million objects.
const PAGES: u32 = 100_000;

/// A listing on its way.
#[derive(Debug, Clone)]
struct Progress {
    prefix: Path,
    after: Option<String>,
    delimited: bool,
    token: Option<String>,
    /// The last object.
    last: Option<String>,
    pages: u32,
    empty: u32,
}

impl Progress {
    fn new(prefix: Option<&Path>, after: Option<&Path>, delimited: bool) -> Self {
        Self {
            prefix: prefix.cloned().unwrap_or_default(),
            after: after.map(ToString::to_string),
            delimited,
            token: None,
            last: None,
            pages: 0,
            empty: 0,
        }
    }

    fn request(&self) -> ListRequest {
        ListRequest {
            prefix: self.prefix.to_string(),
            start_after: self.after.clone(),
            delimited: self.delimited,
            token: self.token.clone(),
        }
    }

    /// What follows the prefix in a path below it.
    fn below<'a>(&self, path: &'a str) -> Option<&'a str> {
        match self.prefix.as_ref() {
            "" => Some(path),
            prefix => path.strip_prefix(prefix)?.strip_prefix('/'),
        }
    }

    /// Takes one page; the error is what is wrong with it. `None` follows the last.
    fn take(&mut self, page: Page) -> Result<(Found, bool), String> {
        let entries = page.objects.len() + page.prefixes.len();
        if entries > ENTRIES {
            return Err(format!("a page of {entries} entries"));
        }
        let mut found = Found::default();
        for meta in page.objects {
            let path = meta.path.clone();
            let meta = check::found(meta)?;
            match self.below(&path) {
                Some(below) if self.delimited && below.contains('/') => {
                    return Err(format!("{path}, which is not directly below {}", self.prefix));
                }
                Some(_) => {}
                None => return Err(format!("{path}, which is not below {}", self.prefix)),
            }
            let before = self.last.as_ref().or(self.after.as_ref());
            if let Some(before) = before.filter(|before| path <= **before) {
                return Err(format!("{path} after {before}: a listing is in the order of names"));
            }
            self.last = Some(path);
            found.objects.push(meta);
        }
        for prefix in page.prefixes {
            let path = check::path(&prefix)?;
            match self.below(&prefix) {
                Some(below) if self.delimited && !below.contains('/') => found.prefixes.push(path),
                _ => return Err(format!("{prefix} as a prefix directly below {}", self.prefix)),
            }
        }
        self.pages += 1;
        self.empty = if entries == 0 { self.empty + 1 } else { 0 };
        let Some(next) = page.next else { return Ok((found, true)) };
        check::word("a token", &next)?;
        if self.token.as_ref() == Some(&next) {
            return Err("the same token twice: the listing would never end".to_owned());
        }
        if self.empty > EMPTY || self.pages >= PAGES {
            return Err(format!("{} pages without coming to an end", self.pages));
        }
        self.token = Some(next);
        Ok((found, false))
    }
}

/// What one page holds.
#[derive(Debug, Default)]
struct Found {
    objects: Vec<ObjectMeta>,
    prefixes: Vec<Path>,
}

/// Asks for the next page.
async fn page(
    backend: &Arc<Backend>,
    mut progress: Progress,
) -> Result<(Found, Option<Progress>), Fault> {
    let request = progress.request();
    let work = move |store: &mut Working| {
        let list = store.objects().list;
        store.ask(&list, |id| (id, request.clone()))
    };
    let page = backend.read(work).await?;
    let (found, last) = progress.take(page).map_err(|what| backend.lie(&what))?;
    Ok((found, (!last).then_some(progress)))
}

/// Everything below a prefix, after an offset.
pub(super) fn list(
    backend: Arc<Backend>,
    prefix: Option<&Path>,
    after: Option<&Path>,
) -> BoxStream<'static, StoreResult<ObjectMeta>> {
    let next = move |progress: Option<Progress>| {
        let backend = Arc::clone(&backend);
        async move {
            let Some(progress) = progress else { return StoreResult::Ok(None) };
            let prefix = progress.prefix.clone();
            let (found, next) = page(&backend, progress)
                .await
                .map_err(|fault| fault.into_store(&prefix, Expected::READ))?;
            Ok(Some((stream::iter(found.objects.into_iter().map(Ok)), next)))
        }
    };
    stream::try_unfold(Some(Progress::new(prefix, after, false)), next).try_flatten().boxed()
}

/// What is directly below a prefix.
pub(super) async fn delimited(
    backend: &Arc<Backend>,
    prefix: Option<&Path>,
) -> StoreResult<ListResult> {
    let mut objects = Vec::new();
    let mut prefixes = BTreeSet::new();
    let mut progress = Some(Progress::new(prefix, None, true));
    while let Some(now) = progress {
        let at = now.prefix.clone();
        let (found, next) =
            page(backend, now).await.map_err(|fault| fault.into_store(&at, Expected::READ))?;
        objects.extend(found.objects);
        prefixes.extend(found.prefixes);
        progress = next;
    }
    Ok(ListResult { common_prefixes: prefixes.into_iter().collect(), objects })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::v0_1::objects::Meta;

    fn page_of(paths: &[&str], prefixes: &[&str], next: Option<&str>) -> Page {
        let meta = |path: &&str| Meta {
            path: (*path).to_owned(),
            size: 1,
            modified: 0,
            etag: None,
            version: None,
        };
        Page {
            objects: paths.iter().map(meta).collect(),
            prefixes: prefixes.iter().map(|p| (*p).to_owned()).collect(),
            next: next.map(str::to_owned),
        }
    }

    fn progress(delimited: bool) -> Progress {
        Progress::new(Some(&Path::from("t/log")), Some(&Path::from("t/log/05")), delimited)
    }

    #[test]
    fn honest_pages_pass() {
        let mut list = progress(false);
        let (found, last) =
            list.take(page_of(&["t/log/06", "t/log/a/b"], &[], Some("x"))).expect("page");
        assert_eq!((found.objects.len(), last), (2, false));
        assert!(list.take(page_of(&["t/log/b"], &[], None)).expect("page").1);
        let mut flat = progress(true);
        let (found, _) = flat.take(page_of(&["t/log/06"], &["t/log/a"], None)).expect("page");
        assert_eq!(found.prefixes, [Path::from("t/log/a")]);
    }

    #[test]
    fn pages_that_lie_do_not() {
        for (delimited, paths, prefixes, part) in [
            (false, &["t/log/07", "t/log/06"][..], &[][..], "order of names"),
            (false, &["t/log/06", "t/log/06"], &[], "order of names"),
            (false, &["t/log/05"], &[], "order of names"),
            (false, &["t/logs/06"], &[], "not below"),
            (false, &["t/log"], &[], "not below"),
            (false, &["t/log/../x"], &[], "path of an object"),
            (false, &["t/log//x"], &[], "path of an object"),
            (false, &[], &["t/log/a"], "prefix directly below"),
            (true, &["t/log/a/b"], &[], "not directly below"),
            (true, &[], &["t/log/a/b"], "prefix directly below"),
            (true, &[], &["elsewhere"], "prefix directly below"),
        ] {
            let error = progress(delimited).take(page_of(paths, prefixes, None)).expect_err(part);
            assert!(error.contains(part), "{error}");
        }
        let many = vec!["t/log/06"; 1001];
        assert!(progress(false).take(page_of(&many, &[], None)).is_err());
    }

    #[test]
    fn a_listing_ends() {
        let mut list = progress(false);
        list.take(page_of(&["t/log/06"], &[], Some("x"))).expect("page");
        assert!(list.take(page_of(&["t/log/07"], &[], Some("x"))).is_err());
        let mut empty = progress(false);
        let mut number = 0;
        let error = loop {
            number += 1;
            match empty.take(page_of(&[], &[], Some(&number.to_string()))) {
                Ok(_) => assert!(number < 100),
                Err(error) => break error,
            }
        };
        assert!(error.contains("without coming to an end"), "{error}");
        assert!(progress(false).take(page_of(&[], &[], Some("a\nb"))).is_err());
    }
}

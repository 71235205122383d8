//! `kv`: a few small values that a plugin remembers, of one project.
//!
//! One file a plugin, written whole: it is small, and then there is nothing to recover
//! after a crash. A change is made under the plugin's lock (of the file system, for there
//! may be several processes), reads the file, and puts the next one durably in its place.
//! Revisions are counted across the file and never used twice.
//!
//! ```text
//! tidelake kv 1\n | revision u64 | count u32 | (key length u16, key, revision u64,
//!                                               value length u32, value)* | xxh3 u64
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use wasmtime::component::{LinkerInstance, WasmList, WasmStr};
use wasmtime::{Result, StoreContextMut};
use xxhash_rust::xxh3::xxh3_64;

use crate::bindings::v0_1::{ErrorCode, GuestError, KvEntry, func};
use crate::files::{Durability, replace};
use crate::run::state::State;
use crate::text;

/// The longest key, in bytes.
const KEY: usize = 256;
/// The longest value, in bytes.
const VALUE: usize = 64 << 10;
/// Keys of one plugin.
const COUNT: usize = 1024;
/// Bytes of its keys and values.
const TOTAL: usize = 4 << 20;
/// How often, and how far apart, another process' lock is tried: a change takes
/// milliseconds.
const TRIES: u32 = 100;
const BETWEEN: Duration = Duration::from_millis(10);

const MAGIC: &[u8] = b"tidelake kv 1\n";

type Answer<T> = std::result::Result<T, GuestError>;

/// What one plugin remembers.
#[derive(Default)]
pub(crate) struct Kv {
    /// The file; `None`: in memory.
    path: Option<PathBuf>,
    /// One at a time in this process. Holds the values where there is no file.
    values: Mutex<Values>,
}

impl fmt::Debug for Kv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kv").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Everything in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Values {
    /// The last change.
    revision: u64,
    entries: BTreeMap<String, (Bytes, u64)>,
}

impl Kv {
    /// What the plugin of this name remembers in a directory.
    pub(crate) fn new(directory: Option<&Path>, plugin: &str) -> Self {
        let path = directory.map(|directory| directory.join(format!("{plugin}.kv")));
        Self { path, values: Mutex::default() }
    }

    fn get(&self, key: &str) -> Answer<Option<KvEntry>> {
        check_key(key)?;
        let held = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match &self.path {
            None => held.entries.get(key).cloned(),
            Some(path) => read(path)?.entries.remove(key),
        };
        Ok(found.map(|(value, revision)| KvEntry { value, revision }))
    }

    fn put(&self, key: &str, value: &[u8], expected: Option<u64>) -> Answer<u64> {
        check_key(key)?;
        if value.len() > VALUE {
            let most = text::bytes(VALUE as u64);
            return Err(exhausted(format!("a value is longer than {most}")));
        }
        self.change(|values| {
            values.expect(key, expected)?;
            values.revision += 1;
            let entry = (Bytes::copy_from_slice(value), values.revision);
            values.entries.insert(key.to_owned(), entry);
            if values.entries.len() > COUNT {
                return Err(exhausted(format!("there are {COUNT} keys already")));
            }
            if values.size() > TOTAL {
                let most = text::bytes(TOTAL as u64);
                return Err(exhausted(format!("all values together are more than {most}")));
            }
            Ok(values.revision)
        })
    }

    fn delete(&self, key: &str, expected: Option<u64>) -> Answer<()> {
        check_key(key)?;
        self.change(|values| {
            values.expect(key, expected)?;
            values.revision += u64::from(values.entries.remove(key).is_some());
            Ok(())
        })
    }

    /// Changes what is there, durably; an error changes nothing.
    fn change<T>(&self, change: impl FnOnce(&mut Values) -> Answer<T>) -> Answer<T> {
        let mut held = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(path) = &self.path else {
            let mut next = held.clone();
            let answer = change(&mut next)?;
            *held = next;
            return Ok(answer);
        };
        let _lock = lock(path)?;
        let before = read(path)?;
        let mut next = before.clone();
        let answer = change(&mut next)?;
        if next != before {
            replace(path, &[&next.encode()], Durability::Durable)
                .map_err(|error| unavailable(path, "cannot be written", &error))?;
        }
        Ok(answer)
    }
}

impl Values {
    fn size(&self) -> usize {
        self.entries.iter().map(|(key, (value, _))| key.len() + value.len()).sum()
    }

    /// Refuses where the key's revision is not the expected one.
    fn expect(&self, key: &str, expected: Option<u64>) -> Answer<()> {
        let is = self.entries.get(key).map_or(0, |(_, revision)| *revision);
        match expected {
            Some(expected) if expected != is => Err(GuestError::new(
                ErrorCode::Precondition,
                format!("the key has revision {is}, not {expected}"),
            )),
            _ => Ok(()),
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend(self.revision.to_le_bytes());
        out.extend((self.entries.len() as u32).to_le_bytes());
        for (key, (value, revision)) in &self.entries {
            out.extend((key.len() as u16).to_le_bytes());
            out.extend(key.as_bytes());
            out.extend(revision.to_le_bytes());
            out.extend((value.len() as u32).to_le_bytes());
            out.extend(value);
        }
        out.extend(xxh3_64(&out).to_le_bytes());
        out
    }

    /// Reads what [`Self::encode`] wrote; `None` for anything else.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let (content, sum) = bytes.split_last_chunk::<8>()?;
        if u64::from_le_bytes(*sum) != xxh3_64(content) {
            return None;
        }
        let mut rest = content.strip_prefix(MAGIC)?;
        let mut take = |length: usize| {
            let (taken, left) = rest.split_at_checked(length)?;
            rest = left;
            Some(taken)
        };
        let revision = u64::from_le_bytes(*take(8)?.first_chunk()?);
        let count = u32::from_le_bytes(*take(4)?.first_chunk()?);
        let mut entries = BTreeMap::new();
        for _ in 0..count {
            let length = u16::from_le_bytes(*take(2)?.first_chunk()?);
            let key = String::from_utf8(take(length.into())?.to_vec()).ok()?;
            let revision = u64::from_le_bytes(*take(8)?.first_chunk()?);
            let length = u32::from_le_bytes(*take(4)?.first_chunk()?);
            let value = Bytes::copy_from_slice(take(usize::try_from(length).ok()?)?);
            entries.insert(key, (value, revision));
        }
        rest.is_empty().then_some(Self { revision, entries })
    }
}

fn read(path: &Path) -> Answer<Values> {
    match fs::read(path) {
        Ok(bytes) => Values::decode(&bytes).ok_or_else(|| {
            let what = format!("{} is damaged; restore or remove it", path.display());
            GuestError::new(ErrorCode::Internal, what)
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Values::default()),
        Err(error) => Err(unavailable(path, "cannot be read", &error)),
    }
}

/// The lock of the plugin's file; it goes with the process that holds it.
fn lock(path: &Path) -> Answer<File> {
    let failed = |error: &io::Error| unavailable(path, "cannot be locked", error);
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory).map_err(|e| failed(&e))?;
    let options = &mut File::options();
    let lock = options.create(true).truncate(false).write(true).open(path.with_extension("lock"));
    let lock = lock.map_err(|e| failed(&e))?;
    for _ in 0..TRIES {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(fs::TryLockError::WouldBlock) => std::thread::sleep(BETWEEN),
            Err(fs::TryLockError::Error(error)) => return Err(failed(&error)),
        }
    }
    let what = format!("another process is changing {}", path.display());
    Err(GuestError::new(ErrorCode::Transient, what))
}

fn unavailable(path: &Path, what: &str, error: &io::Error) -> GuestError {
    GuestError::new(ErrorCode::Transient, format!("{} {what}: {error}", path.display()))
}

fn exhausted(what: String) -> GuestError {
    GuestError::new(ErrorCode::Exhausted, what)
}

fn check_key(key: &str) -> Answer<()> {
    match key.len() {
        1..=KEY => Ok(()),
        length => Err(GuestError::new(
            ErrorCode::InvalidInput,
            format!("a key of {length} bytes; possible are 1 to {KEY}"),
        )),
    }
}

type Put<'a> = (WasmStr, WasmList<u8>, Option<u64>);

pub(super) fn link(mut interface: LinkerInstance<'_, State>) -> Result<()> {
    func(&mut interface, "get", |cx: StoreContextMut<'_, State>, (key,): (WasmStr,)| {
        let key = key.to_str(&cx)?;
        Ok((cx.data().shared.reach.kv.get(&key),))
    })?;
    func(
        &mut interface,
        "put",
        |cx: StoreContextMut<'_, State>, (key, value, expected): Put<'_>| {
            let key = key.to_str(&cx)?;
            let value = value.as_le_slice(&cx);
            Ok((cx.data().shared.reach.kv.put(&key, value, expected),))
        },
    )?;
    func(
        &mut interface,
        "delete",
        |cx: StoreContextMut<'_, State>, (key, expected): (WasmStr, Option<u64>)| {
            let key = key.to_str(&cx)?;
            Ok((cx.data().shared.reach.kv.delete(&key, expected),))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code<T: fmt::Debug>(answer: Answer<T>) -> ErrorCode {
        answer.expect_err("refused").code
    }

    #[test]
    fn values_are_remembered_and_changed_by_revision() {
        let dir = tempfile::tempdir().expect("directory");
        for directory in [None, Some(dir.path().join("kv"))] {
            let kv = Kv::new(directory.as_deref(), "p");
            assert!(kv.get("a").expect("nothing").is_none());
            assert_eq!(code(kv.put("a", b"1", Some(7))), ErrorCode::Precondition);
            let first = kv.put("a", b"1", Some(0)).expect("new");
            assert_eq!(code(kv.put("a", b"2", Some(0))), ErrorCode::Precondition);
            let second = kv.put("a", b"2", Some(first)).expect("changed");
            assert_eq!(code(kv.delete("a", Some(first))), ErrorCode::Precondition);
            kv.delete("a", Some(second)).expect("deleted");
            kv.delete("a", None).expect("is deleted");
            // A key that comes back is not the one that was.
            let third = kv.put("a", b"3", None).expect("put");
            assert!(third > second && second > first);
            let entry = kv.get("a").expect("read").expect("there");
            assert_eq!((&entry.value[..], entry.revision), (&b"3"[..], third));
        }
        // Another process, later.
        let kv = Kv::new(Some(&dir.path().join("kv")), "p");
        assert_eq!(&kv.get("a").expect("read").expect("there").value[..], b"3");
        let other = Kv::new(Some(&dir.path().join("kv")), "q");
        assert!(other.get("a").expect("nothing").is_none());
    }

    #[test]
    fn what_is_too_much_is_refused_and_changes_nothing() {
        let kv = Kv::default();
        assert_eq!(code(kv.put("", b"", None)), ErrorCode::InvalidInput);
        assert_eq!(code(kv.get(&"k".repeat(KEY + 1))), ErrorCode::InvalidInput);
        assert_eq!(code(kv.put("a", &[0; VALUE + 1], None)), ErrorCode::Exhausted);
        for i in 0..COUNT {
            kv.put(&i.to_string(), b"", None).expect("room");
        }
        assert_eq!(code(kv.put("more", b"", None)), ErrorCode::Exhausted);
        assert!(kv.get("more").expect("read").is_none());
        kv.put("1", b"again", None).expect("a key that is there");
        for i in 0.. {
            match kv.put(&i.to_string(), &[0; VALUE], None) {
                Ok(_) => assert!(i < 64),
                Err(error) => {
                    assert_eq!((error.code, i), (ErrorCode::Exhausted, 63));
                    break;
                }
            }
        }
    }

    #[test]
    fn a_damaged_file_is_an_error_and_stays_as_it_is() {
        let dir = tempfile::tempdir().expect("directory");
        let kv = Kv::new(Some(dir.path()), "p");
        kv.put("key", b"value", None).expect("put");
        let path = dir.path().join("p.kv");
        let good = fs::read(&path).expect("file");
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x40;
            assert!(Values::decode(&bad).is_none(), "{at}");
            assert!(Values::decode(&good[..at]).is_none(), "{at}");
        }
        fs::write(&path, &good[..9]).expect("written");
        assert_eq!(code(kv.get("key")), ErrorCode::Internal);
        assert_eq!(code(kv.put("key", b"", None)), ErrorCode::Internal);
        assert_eq!(fs::read(&path).expect("file").len(), 9);
    }

    #[test]
    fn two_at_once_lose_nothing() {
        let dir = tempfile::tempdir().expect("directory");
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let kv = Kv::new(Some(dir.path()), "p");
                    for _ in 0..20 {
                        while let Ok(entry) = kv.get("n") {
                            let (n, revision) = entry.map_or((0, 0), |e| (e.value[0], e.revision));
                            if kv.put("n", &[n + 1], Some(revision)).is_ok() {
                                break;
                            }
                        }
                    }
                });
            }
        });
        let kv = Kv::new(Some(dir.path()), "p");
        assert_eq!(kv.get("n").expect("read").expect("there").value[0], 40);
    }
}

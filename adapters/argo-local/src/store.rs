//! Keeping what the API holds: in a redb file, so that it outlives the process.
//!
//! Every write is in the file before its client hears of it, many writes to a commit. What survives is set by [`Durability`]: the end of the process
//! always, the end of the machine's power where that is paid for with a sync at each commit.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use redb::backends::FileBackend;
use redb::{BackendError, Database, DatabaseError, ReadableDatabase as _, ReadableTable as _, StorageBackend, TableDefinition};
use tokio::sync::oneshot;

use crate::api::{Api, Change, Kept};

/// The form of the file. A newer one is refused.
const FORM: u64 = 1;
const FILE: &str = "state.redb";
const OBJECTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("objects");
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");
const SECRETS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("secrets");
/// How much memory the file's pages may take.
const CACHE: usize = 8 * 1024 * 1024;

/// What a write outlives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The process: killed at any moment, nothing acknowledged is lost. A loss of power may cost the whole file.
    #[default]
    Process,
    /// A loss of power, too. Each commit waits for the disk.
    Power,
}

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be made.
    #[error("the data folder {} cannot be made", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another process has it open.
    #[error("the data folder {} is in use by another process (stop it, or choose another folder)", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// It was written by a newer version.
    #[error("the data folder {} was written by a newer version (its form is {found}, this program knows up to {known}); use that version or another folder", path.display())]
    Newer {
        /// The folder.
        path: PathBuf,
        /// Its form.
        found: u64,
        /// The newest form known.
        known: u64,
    },
    /// There is data already where a snapshot is to be.
    #[error("{} holds data already (choose an empty folder)", path.display())]
    Taken {
        /// The folder.
        path: PathBuf,
    },
    /// It cannot be opened.
    #[error("the data in {} cannot be opened (restore the folder from a copy, or choose another)", path.display())]
    Open {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: Box<redb::Error>,
    },
    /// An object in it cannot be read.
    #[error("the data in {} holds an object that cannot be read: {key}", path.display())]
    Object {
        /// The folder.
        path: PathBuf,
        /// Its key.
        key: String,
        /// Why.
        source: serde_json::Error,
    },
    /// The thread that writes cannot be started.
    #[error("the thread that writes the data folder cannot be started")]
    Thread(#[source] std::io::Error),
}

enum Job {
    Put(Vec<Change>, oneshot::Sender<()>),
    Close(oneshot::Sender<()>),
}

/// The file, and the thread that writes it.
pub(crate) struct Store {
    jobs: mpsc::Sender<Job>,
    failed: Arc<AtomicBool>,
}

/// A file whose syncs are left out, but for those that are asked for.
#[derive(Debug)]
struct Backend {
    file: FileBackend,
    sync: Arc<AtomicBool>,
}

impl StorageBackend for Backend {
    fn len(&self) -> Result<u64, std::io::Error> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), std::io::Error> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), std::io::Error> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> Result<(), std::io::Error> {
        if self.sync.load(Ordering::Acquire) { self.file.sync_data() } else { Ok(()) }
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), std::io::Error> {
        self.file.write(offset, data)
    }

    fn close(&self) -> Result<(), std::io::Error> {
        self.file.sync_data()?;
        self.file.close()
    }

    fn try_lock_range(&self, start: std::ops::Bound<u64>, end: std::ops::Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: std::ops::Bound<u64>, end: std::ops::Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: std::ops::Bound<u64>, end: std::ops::Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn lock_range(&self, start: std::ops::Bound<u64>, end: std::ops::Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: std::ops::Bound<u64>, end: std::ops::Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn query_lock_range(&self, start: std::ops::Bound<u64>, end: std::ops::Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}

impl Store {
    /// Opens a folder, made where there is none, and puts what it holds into `api`.
    pub(crate) fn open(path: &Path, durability: Durability, api: &mut Api) -> Result<Self, StoreError> {
        std::fs::create_dir_all(path).map_err(|source| StoreError::Folder { path: path.to_owned(), source })?;
        let sync = Arc::new(AtomicBool::new(durability == Durability::Power));
        let database = open_database(path, &sync)?;
        let fail = |source: redb::Error| StoreError::Open { path: path.to_owned(), source: Box::new(source) };
        prepare(&database, api.signing_key()).map_err(fail)?;
        let form = number(&database, "form").map_err(fail)?;
        if form > FORM {
            return Err(StoreError::Newer { path: path.to_owned(), found: form, known: FORM });
        }
        load(path, &database, api)?;
        let (jobs, receiver) = mpsc::channel();
        let failed = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&failed);
        std::thread::Builder::new()
            .name("argo-local-store".to_owned())
            .spawn(move || write_all(database, &receiver, &flag, &sync))
            .map_err(StoreError::Thread)?;
        Ok(Self { jobs, failed })
    }

    /// Hands changes over; the receiver is told once they are kept, and hears nothing where they could not be.
    pub(crate) fn put(&self, changes: Vec<Change>) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        // Where the thread is gone the sender is dropped, which the receiver hears.
        let _ = self.jobs.send(Job::Put(changes, sender));
        receiver
    }

    /// Whether a write could not be kept; nothing more is written then.
    pub(crate) fn failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Puts everything on the disk itself and lets the folder go. What is written later is refused.
    pub(crate) async fn close(&self) {
        let (sender, receiver) = oneshot::channel();
        if self.jobs.send(Job::Close(sender)).is_ok() {
            let _ = receiver.await;
        }
    }
}

/// Everything there is at one moment, to be written to a file.
pub(crate) struct Snapshot {
    objects: Vec<Change>,
    revision: u64,
    signing_key: [u8; 32],
}

impl Snapshot {
    pub(crate) fn of(api: &Api) -> Self {
        Self { objects: api.everything(), revision: api.revision(), signing_key: api.signing_key() }
    }

    /// Writes it into an empty folder, as a data folder that can be started from.
    pub(crate) fn write(self, path: &Path) -> Result<(), StoreError> {
        std::fs::create_dir_all(path).map_err(|source| StoreError::Folder { path: path.to_owned(), source })?;
        if path.join(FILE).exists() {
            return Err(StoreError::Taken { path: path.to_owned() });
        }
        let database = open_database(path, &Arc::new(AtomicBool::new(true)))?;
        let fill = || -> Result<(), redb::Error> {
            prepare(&database, self.signing_key)?;
            commit(&database, &[Job::Put(self.objects, oneshot::channel().0)])?;
            let transaction = database.begin_write()?;
            transaction.open_table(NUMBERS)?.insert("revision", self.revision)?;
            transaction.commit()?;
            Ok(())
        };
        fill().map_err(|source| StoreError::Open { path: path.to_owned(), source: Box::new(source) })
    }
}

fn open_database(path: &Path, sync: &Arc<AtomicBool>) -> Result<Database, StoreError> {
    let fail = |source: redb::Error| StoreError::Open { path: path.to_owned(), source: Box::new(source) };
    let file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path.join(FILE))
        .map_err(|source| StoreError::Folder { path: path.to_owned(), source })?;
    restrict(&file).map_err(|source| StoreError::Folder { path: path.to_owned(), source })?;
    let file = FileBackend::new(file).map_err(|e| fail(e.into()))?;
    let backend = Backend { file, sync: Arc::clone(sync) };
    create(backend).map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::InUse { path: path.to_owned() },
        other => fail(other.into()),
    })
}

fn create(backend: impl StorageBackend) -> Result<Database, DatabaseError> {
    redb::Builder::new().set_cache_size(CACHE).create_with_backend(backend)
}

/// Secrets are in it: only its owner reads it.
#[cfg(unix)]
fn restrict(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn restrict(_: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}

/// Makes the tables of a new file.
fn prepare(database: &Database, signing_key: [u8; 32]) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut numbers = transaction.open_table(NUMBERS)?;
        let fresh = numbers.get("form")?.is_none();
        if fresh {
            numbers.insert("form", FORM)?;
        }
        let mut secrets = transaction.open_table(SECRETS)?;
        if fresh {
            secrets.insert("signing-key", signing_key.as_slice())?;
        }
        transaction.open_table(OBJECTS)?;
    }
    transaction.commit()?;
    Ok(())
}

fn number(database: &Database, name: &str) -> Result<u64, redb::Error> {
    let transaction = database.begin_read()?;
    let numbers = transaction.open_table(NUMBERS)?;
    Ok(numbers.get(name)?.map_or(0, |n| n.value()))
}

/// Puts what the file holds into the API.
fn load(path: &Path, database: &Database, api: &mut Api) -> Result<(), StoreError> {
    let fail = |source: redb::Error| StoreError::Open { path: path.to_owned(), source: Box::new(source) };
    let read = || -> Result<_, redb::Error> {
        let transaction = database.begin_read()?;
        let objects = transaction.open_table(OBJECTS)?;
        let secrets = transaction.open_table(SECRETS)?;
        let key = secrets.get("signing-key")?.and_then(|k| <[u8; 32]>::try_from(k.value()).ok());
        let mut all = Vec::new();
        for entry in objects.iter()? {
            let (key, value) = entry?;
            all.push((key.value().to_owned(), value.value().to_vec()));
        }
        Ok((key, all))
    };
    let (key, all) = read().map_err(fail)?;
    if let Some(key) = key {
        api.set_signing_key(key);
    }
    let mut objects = Vec::with_capacity(all.len());
    for (key, bytes) in all {
        let mut parts = key.splitn(3, '\0').map(str::to_owned);
        let (Some(table), Some(namespace), Some(name)) = (parts.next(), parts.next(), parts.next()) else { continue };
        let kept = Kept::read(table, namespace, name, &bytes);
        objects.push(kept.map_err(|source| StoreError::Object { path: path.to_owned(), key, source })?);
    }
    api.load(objects, number(database, "revision").map_err(fail)?);
    Ok(())
}

fn key(change: &Change) -> String {
    format!("{}\0{}\0{}", change.table, change.namespace, change.name)
}

/// The writing thread: takes what has gathered, commits it, tells who waits.
fn write_all(database: Database, jobs: &mpsc::Receiver<Job>, failed: &AtomicBool, sync: &AtomicBool) {
    while let Ok(first) = jobs.recv() {
        let mut batch = vec![first];
        batch.extend(jobs.try_iter().take(4096));
        let close = batch.iter().any(|j| matches!(j, Job::Close(_)));
        let always = sync.load(Ordering::Acquire);
        if close {
            sync.store(true, Ordering::Release);
        }
        let written = if failed.load(Ordering::Acquire) { Ok(false) } else { commit(&database, &batch).map(|()| true) };
        sync.store(always, Ordering::Release);
        match written {
            Ok(true) => {
                let mut closers = Vec::new();
                for job in batch {
                    match job {
                        // Nobody may be waiting any more.
                        Job::Put(_, done) => {
                            let _ = done.send(());
                        }
                        Job::Close(done) => closers.push(done),
                    }
                }
                if close {
                    // The lock on the file goes with the database.
                    drop(database);
                    for done in closers {
                        let _ = done.send(());
                    }
                    return;
                }
            }
            // Those who wait hear that their sender is gone.
            Ok(false) if close => return,
            Ok(false) => {}
            Err(error) => {
                failed.store(true, Ordering::Release);
                tracing::error!(%error, "the data folder can no longer be written; free space or check the disk, then start again");
            }
        }
    }
}

fn commit(database: &Database, batch: &[Job]) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut objects = transaction.open_table(OBJECTS)?;
        let mut numbers = transaction.open_table(NUMBERS)?;
        let mut revision = 0;
        for job in batch {
            let Job::Put(changes, _) = job else { continue };
            for change in changes {
                revision = revision.max(change.revision);
                match change.object() {
                    Some(object) => objects.insert(key(change).as_str(), object.as_slice())?,
                    None => objects.remove(key(change).as_str())?,
                };
            }
        }
        if revision > 0 {
            numbers.insert("revision", revision)?;
        }
    }
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Identity, Request};
    use std::sync::Mutex;
    use std::sync::atomic::AtomicUsize;

    /// A file in memory whose process is killed after so many writes, in the middle of the last.
    #[derive(Debug)]
    struct Mortal {
        file: Arc<Mutex<Vec<u8>>>,
        writes: Arc<AtomicUsize>,
    }

    impl StorageBackend for Mortal {
        fn len(&self) -> Result<u64, std::io::Error> {
            Ok(self.file.lock().unwrap().len() as u64)
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), std::io::Error> {
            let from = usize::try_from(offset).unwrap();
            out.copy_from_slice(&self.file.lock().unwrap()[from..from + out.len()]);
            Ok(())
        }

        fn set_len(&self, len: u64) -> Result<(), std::io::Error> {
            self.file.lock().unwrap().resize(usize::try_from(len).unwrap(), 0);
            Ok(())
        }

        fn sync_data(&self) -> Result<(), std::io::Error> {
            Ok(())
        }

        fn write(&self, offset: u64, data: &[u8]) -> Result<(), std::io::Error> {
            let left = self.writes.load(Ordering::Relaxed);
            let written = if left == 1 { data.len() / 2 } else { data.len() };
            if left > 0 {
                let from = usize::try_from(offset).unwrap();
                self.file.lock().unwrap()[from..from + written].copy_from_slice(&data[..written]);
            }
            self.writes.store(left.saturating_sub(1), Ordering::Relaxed);
            if left > 1 { Ok(()) } else { Err(std::io::Error::other("killed")) }
        }
    }

    fn write(api: &mut Api, number: usize) -> Vec<Change> {
        let request = Request {
            method: http::Method::POST,
            path: "/api/v1/namespaces".to_owned(),
            query: String::new(),
            headers: http::HeaderMap::new(),
            body: format!(r#"{{"metadata": {{"name": "n-{number}"}}}}"#).into(),
            user: Identity::admin().into(),
        };
        api.handle(&request, jiff::Timestamp::UNIX_EPOCH);
        api.take_changes()
    }

    #[test]
    fn killed_after_any_write_it_has_what_was_acknowledged() {
        let mut most = 0;
        for writes in (1..240).step_by(7) {
            let file = Arc::new(Mutex::new(Vec::new()));
            let open = |writes: usize| create(Mortal { file: Arc::clone(&file), writes: Arc::new(AtomicUsize::new(writes)) });
            let mut api = Api::new([1; 32]);
            let (mut kept, mut revision) = (0, 0);
            if let Ok(database) = open(writes)
                && prepare(&database, [2; 32]).is_ok()
            {
                while kept < 20 && commit(&database, &[Job::Put(write(&mut api, kept), oneshot::channel().0)]).is_ok() {
                    (kept, revision) = (kept + 1, api.revision());
                }
            }
            most = most.max(kept);
            if kept == 0 {
                continue;
            }
            let database = open(usize::MAX).unwrap();
            let mut again = Api::new([3; 32]);
            load(Path::new(""), &database, &mut again).unwrap();
            let names: Vec<String> = again.everything().into_iter().map(|change| change.name).collect();
            assert!((0..kept).all(|number| names.contains(&format!("n-{number}"))), "{kept} were acknowledged: {names:?}");
            assert!(again.revision() >= revision);
        }
        assert!(most > 10, "{most}");
    }
}

//! Tar and zip archives of artifacts.
//!
//! An archive holds one entry at its top: the file, or the folder with all below it, under its own name. Unpacking undoes that: a single entry becomes the
//! destination itself, several become the content of a folder, as upstream does.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Component, Path, PathBuf};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

/// Why an archive was not written or read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// What is to be archived is not there, or not readable.
    #[error("{path}")]
    Source {
        /// File or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The archive could not be written.
    #[error("writing archive of {path}")]
    Write {
        /// File or folder that was being added.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The archive could not be read.
    #[error("reading archive {path}")]
    Read {
        /// Archive.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An entry's name leads out of the destination.
    #[error("archive {path} holds the entry {entry:?}, which leads out of the folder it is unpacked to")]
    Outside {
        /// Archive.
        path: PathBuf,
        /// Entry.
        entry: String,
    },
    /// The destination could not be made.
    #[error("unpacking to {path}")]
    Unpack {
        /// Destination.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The zip library says no.
    #[error("zip archive {path}")]
    Zip {
        /// Archive.
        path: PathBuf,
        /// Why.
        source: zip::result::ZipError,
    },
}

impl ArchiveError {
    /// Whether what was to be archived does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Source { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

fn at_source(path: &Path) -> impl FnOnce(io::Error) -> ArchiveError + '_ {
    |source| ArchiveError::Source { path: path.to_owned(), source }
}

fn at_write(path: &Path) -> impl FnOnce(io::Error) -> ArchiveError + '_ {
    |source| ArchiveError::Write { path: path.to_owned(), source }
}

fn at_read(path: &Path) -> impl FnOnce(io::Error) -> ArchiveError + '_ {
    |source| ArchiveError::Read { path: path.to_owned(), source }
}

fn at_unpack(path: &Path) -> impl FnOnce(io::Error) -> ArchiveError + '_ {
    |source| ArchiveError::Unpack { path: path.to_owned(), source }
}

fn top_name(source: &Path) -> PathBuf {
    source.file_name().map_or_else(|| PathBuf::from("root"), PathBuf::from)
}

/// One thing to archive: where it is and its name in the archive.
struct Entry {
    path: PathBuf,
    name: PathBuf,
    metadata: fs::Metadata,
}

/// Calls `add` for `source` and all below it, folders before their content, in the order of their names. A symbolic link at the top is followed, others are kept.
fn walk(source: &Path, add: &mut dyn FnMut(Entry) -> Result<(), ArchiveError>) -> Result<(), ArchiveError> {
    let metadata = fs::metadata(source).map_err(at_source(source))?;
    let mut open = vec![Entry { path: source.to_owned(), name: top_name(source), metadata }];
    while let Some(entry) = open.pop() {
        if entry.metadata.is_dir() {
            let listing = fs::read_dir(&entry.path).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(at_source(&entry.path))?;
            let mut children = Vec::with_capacity(listing.len());
            for child in listing {
                let path = child.path();
                let metadata = fs::symlink_metadata(&path).map_err(at_source(&path))?;
                children.push(Entry { name: entry.name.join(child.file_name()), path, metadata });
            }
            children.sort_by(|a, b| b.name.cmp(&a.name));
            open.extend(children);
        }
        add(entry)?;
    }
    Ok(())
}

/// Writes a gzipped tar archive of `source` to `out`. `level` is 0 (none) to 9 (smallest), -1 is the default.
///
/// Sockets, pipes and devices are left out, as upstream does.
///
/// # Errors
/// `source` cannot be read, or `out` not written.
pub fn tar_gz(source: &Path, level: i64, out: impl Write) -> Result<(), ArchiveError> {
    let level = u32::try_from(level).map_or_else(|_| Compression::default(), |l| Compression::new(l.min(9)));
    let mut builder = tar::Builder::new(GzEncoder::new(BufWriter::new(out), level));
    walk(source, &mut |entry| {
        let mut header = tar::Header::new_gnu();
        header.set_metadata(&entry.metadata);
        let kind = entry.metadata.file_type();
        if kind.is_symlink() {
            let target = fs::read_link(&entry.path).map_err(at_source(&entry.path))?;
            header.set_size(0);
            builder.append_link(&mut header, &entry.name, target).map_err(at_write(&entry.path))
        } else if kind.is_dir() {
            header.set_size(0);
            builder.append_data(&mut header, &entry.name, io::empty()).map_err(at_write(&entry.path))
        } else if kind.is_file() {
            let file = File::open(&entry.path).map_err(at_source(&entry.path))?;
            let mut content = Exactly { inner: file, left: entry.metadata.len() };
            builder.append_data(&mut header, &entry.name, &mut content).map_err(at_write(&entry.path))
        } else {
            tracing::warn!(path = %entry.path.display(), "left out of the archive: neither file, folder nor link");
            Ok(())
        }
    })?;
    builder.into_inner().and_then(GzEncoder::finish).and_then(|mut out| out.flush()).map_err(at_write(source))
}

/// A file read to the length its header announces, whatever happens to it meanwhile.
struct Exactly {
    inner: File,
    left: u64,
}

impl Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let want = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let n = self.inner.read(buffer.get_mut(..want).unwrap_or_default())?;
        if n == 0 && want > 0 {
            return Err(io::Error::other("the file became shorter while it was read"));
        }
        self.left = self.left.saturating_sub(n as u64);
        Ok(n)
    }
}

/// Writes a zip archive of `source` to the file `to`.
///
/// # Errors
/// `source` cannot be read, or `to` not written.
pub fn zip(source: &Path, to: &Path) -> Result<(), ArchiveError> {
    let failed = |source: zip::result::ZipError| ArchiveError::Zip { path: to.to_owned(), source };
    let mut writer = zip::ZipWriter::new(BufWriter::new(File::create(to).map_err(at_write(to))?));
    walk(source, &mut |entry| {
        let name = entry.name.to_string_lossy().into_owned();
        let options = zip::write::SimpleFileOptions::default().large_file(entry.metadata.len() >= u64::from(u32::MAX));
        #[cfg(unix)]
        let options = options.unix_permissions(std::os::unix::fs::PermissionsExt::mode(&entry.metadata.permissions()));
        let kind = entry.metadata.file_type();
        if kind.is_symlink() {
            let target = fs::read_link(&entry.path).map_err(at_source(&entry.path))?;
            writer.add_symlink(name, target.to_string_lossy(), options).map_err(failed)
        } else if kind.is_dir() {
            writer.add_directory(name, options).map_err(failed)
        } else if kind.is_file() {
            writer.start_file(name, options).map_err(failed)?;
            let mut file = File::open(&entry.path).map_err(at_source(&entry.path))?;
            io::copy(&mut file, &mut writer).map(drop).map_err(at_write(&entry.path))
        } else {
            Ok(())
        }
    })?;
    writer.finish().map_err(failed)?.flush().map_err(at_write(to))
}

/// Whether a file is a gzipped tar archive with at least one entry, by its content.
#[must_use]
pub fn is_tar_gz(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    if !file.metadata().is_ok_and(|m| m.is_file()) {
        return false;
    }
    let mut archive = tar::Archive::new(MultiGzDecoder::new(BufReader::new(file)));
    archive.entries().is_ok_and(|mut entries| entries.next().is_some_and(|entry| entry.is_ok()))
}

/// Unpacks a tar archive, gzipped or not, to `to`.
///
/// # Errors
/// It cannot be read, leads out of its folder, or `to` cannot be made.
pub fn untar(archive: &Path, to: &Path) -> Result<(), ArchiveError> {
    unpack(to, &|folder| {
        let mut file = File::open(archive).map_err(at_read(archive))?;
        let mut magic = Vec::new();
        Read::by_ref(&mut file).take(2).read_to_end(&mut magic).map_err(at_read(archive))?;
        io::Seek::rewind(&mut file).map_err(at_read(archive))?;
        let file = BufReader::new(file);
        let content: Box<dyn Read> = if magic == [0x1f, 0x8b] { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        let mut tar = tar::Archive::new(content);
        tar.set_preserve_permissions(true);
        let mut folders = Vec::new();
        for entry in tar.entries().map_err(at_read(archive))? {
            let mut entry = entry.map_err(at_read(archive))?;
            let outside = entry.path().map_err(at_read(archive))?.components().any(|part| part == Component::ParentDir);
            if outside {
                let entry = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
                return Err(ArchiveError::Outside { path: archive.to_owned(), entry });
            }
            if entry.header().entry_type().is_dir() {
                folders.push(entry);
            } else {
                entry.unpack_in(folder).map_err(at_read(archive))?;
            }
        }
        // Last, so that a folder without write permission does not keep its own content out.
        folders.sort_by(|a, b| b.path_bytes().cmp(&a.path_bytes()));
        for mut entry in folders {
            entry.unpack_in(folder).map_err(at_read(archive))?;
        }
        Ok(())
    })
}

/// Unpacks a zip archive to `to`.
///
/// # Errors
/// It cannot be read, leads out of its folder, or `to` cannot be made.
pub fn unzip(archive: &Path, to: &Path) -> Result<(), ArchiveError> {
    unpack(to, &|folder| {
        let file = BufReader::new(File::open(archive).map_err(at_read(archive))?);
        let failed = |source| ArchiveError::Zip { path: archive.to_owned(), source };
        zip::ZipArchive::new(file).map_err(failed)?.extract(folder).map_err(failed)
    })
}

fn unpack(to: &Path, extract: &dyn Fn(&Path) -> Result<(), ArchiveError>) -> Result<(), ArchiveError> {
    let mut folder = to.as_os_str().to_owned();
    folder.push(".tmpdir");
    let folder = PathBuf::from(folder);
    fs::create_dir_all(&folder).map_err(at_unpack(&folder))?;
    let done = extract(&folder).and_then(|()| {
        let mut names = fs::read_dir(&folder).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(at_unpack(&folder))?;
        match (names.pop(), names.is_empty()) {
            (Some(single), true) => put(&single.path(), to),
            _ => put(&folder, to),
        }
    });
    if folder.exists() {
        let _ = fs::remove_dir_all(&folder);
    }
    done
}

/// Moves a file or folder to `to`, which may already be there: a file is replaced, a folder takes the content in.
///
/// # Errors
/// It cannot be moved.
pub fn put(from: &Path, to: &Path) -> Result<(), ArchiveError> {
    if from.is_dir() && to.is_dir() {
        for child in fs::read_dir(from).map_err(at_unpack(to))? {
            let child = child.map_err(at_unpack(to))?;
            put(&child.path(), &to.join(child.file_name()))?;
        }
        return fs::remove_dir(from).map_err(at_unpack(to));
    }
    fs::rename(from, to).map_err(at_unpack(to))
}

/// Copies a file, or a folder with all below it.
///
/// # Errors
/// It cannot be copied.
pub fn copy(from: &Path, to: &Path) -> Result<(), ArchiveError> {
    let top = top_name(from);
    walk(from, &mut |entry| {
        let place = entry
            .name
            .strip_prefix(&top)
            .map_or_else(|_| to.to_owned(), |rest| if rest.as_os_str().is_empty() { to.to_owned() } else { to.join(rest) });
        let kind = entry.metadata.file_type();
        if kind.is_dir() {
            fs::create_dir_all(&place).map_err(at_write(&place))
        } else if kind.is_symlink() {
            let target = fs::read_link(&entry.path).map_err(at_source(&entry.path))?;
            symlink(&target, &place).map_err(at_write(&place))
        } else if kind.is_file() {
            fs::copy(&entry.path, &place).map(drop).map_err(at_write(&place))
        } else {
            Ok(())
        }
    })
}

#[cfg(unix)]
fn symlink(target: &Path, place: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, place)
}

#[cfg(not(unix))]
fn symlink(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn tree() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().join("out");
        fs::create_dir_all(top.join("sub/empty")).unwrap();
        fs::write(top.join("a.txt"), "a").unwrap();
        fs::write(top.join("sub/run.sh"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(top.join("sub/run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink("../a.txt", top.join("sub/link")).unwrap();
        (folder, top)
    }

    fn same_tree(at: &Path) {
        assert_eq!(fs::read_to_string(at.join("a.txt")).unwrap(), "a");
        assert_eq!(fs::metadata(at.join("sub/run.sh")).unwrap().permissions().mode() & 0o777, 0o755);
        assert_eq!(fs::read_link(at.join("sub/link")).unwrap(), Path::new("../a.txt"));
        assert!(at.join("sub/empty").is_dir());
    }

    #[test]
    fn a_folder_becomes_itself_again() {
        let (folder, top) = tree();
        let (archive, to) = (folder.path().join("x.tgz"), folder.path().join("back"));
        tar_gz(&top, -1, File::create(&archive).unwrap()).unwrap();
        assert!(is_tar_gz(&archive));
        untar(&archive, &to).unwrap();
        same_tree(&to);
        let zipped = folder.path().join("x.zip");
        zip(&top, &zipped).unwrap();
        assert!(!is_tar_gz(&zipped));
        let to = folder.path().join("back2");
        unzip(&zipped, &to).unwrap();
        same_tree(&to);
        let to = folder.path().join("back3");
        copy(&top, &to).unwrap();
        same_tree(&to);
    }

    #[test]
    fn a_file_becomes_a_file_at_every_level() {
        let (folder, top) = tree();
        for level in [-1, 0, 9, 99] {
            let (archive, to) = (folder.path().join("f.tgz"), folder.path().join(format!("f{level}")));
            tar_gz(&top.join("a.txt"), level, File::create(&archive).unwrap()).unwrap();
            untar(&archive, &to).unwrap();
            assert_eq!(fs::read_to_string(&to).unwrap(), "a");
        }
        assert!(!folder.path().join("f9.tmpdir").exists());
    }

    #[test]
    fn several_entries_become_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("plain.tar");
        let mut builder = tar::Builder::new(File::create(&archive).unwrap());
        for name in ["one", "two"] {
            let mut header = tar::Header::new_gnu();
            header.set_size(3);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, name.as_bytes()).unwrap();
        }
        builder.finish().unwrap();
        assert!(!is_tar_gz(&archive), "only gzipped archives are recognised");
        let to = folder.path().join("to");
        untar(&archive, &to).unwrap();
        assert_eq!(fs::read_to_string(to.join("two")).unwrap(), "two");
    }

    #[test]
    fn entries_do_not_lead_out() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("evil.tar");
        let mut header = tar::Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..9].copy_from_slice(b"../../bad");
        header.set_size(0);
        header.set_cksum();
        let mut builder = tar::Builder::new(File::create(&archive).unwrap());
        builder.append(&header, io::empty()).unwrap();
        builder.finish().unwrap();
        let error = untar(&archive, &folder.path().join("to")).unwrap_err();
        assert!(matches!(error, ArchiveError::Outside { .. }), "{error}");
        assert!(!folder.path().join("to").exists() && !folder.path().join("to.tmpdir").exists());
    }

    #[test]
    fn a_folder_that_is_there_takes_the_content_in() {
        let (folder, top) = tree();
        let archive = folder.path().join("x.tgz");
        tar_gz(&top, 0, File::create(&archive).unwrap()).unwrap();
        let to = folder.path().join("volume");
        fs::create_dir_all(to.join("sub")).unwrap();
        fs::write(to.join("sub/kept"), "k").unwrap();
        untar(&archive, &to).unwrap();
        same_tree(&to);
        assert!(to.join("sub/kept").exists());
    }

    #[test]
    fn what_is_not_there_is_said() {
        let error = tar_gz(Path::new("/no/such"), 1, io::sink()).unwrap_err();
        assert!(error.is_not_found());
        assert!(error.to_string().contains("/no/such"));
    }
}

//! The files that are inspected: found, read, inflated and taken apart into requests. What a file is, is told by what is
//! in it.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::otlp::json::from_json;
use crate::otlp::keys::KeyTable;
use crate::otlp::walk::walk;

/// In directories, files with these endings are read, and those behind which one of `COMPRESSED` stands.
const ENDINGS: [&str; 8] = ["pb", "binpb", "bin", "otlp", "protobuf", "json", "jsonl", "ndjson"];
const COMPRESSED: [&str; 3] = [".gz", ".zst", ".zstd"];
/// Largest file, as it is and inflated.
const MOST_BYTES: u64 = 1 << 30;
/// Most that is read of a device: some have no end.
const MOST_OF_DEVICE: u64 = 16 << 20;
/// A compressed file may inflate to [`LEAST_INFLATED`] bytes, or to this many times its size if that is more. OTLP in JSON
/// inflates to some thirty times its size, and a bomb to a thousand times.
const MOST_INFLATION: u64 = 200;
const LEAST_INFLATED: u64 = 64 << 20;
/// Bad lines of one file that are told.
const MOST_TOLD: usize = 10;
const GZIP: &[u8] = b"\x1f\x8b";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The files that `path` stands for: itself, or those below the directory that it is, in the order of their names. Links
/// to directories below it are not followed. Gives back what could not be looked at.
pub(super) fn find(path: &Path, files: &mut Vec<PathBuf>) -> Vec<String> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Vec::new();
    }
    let (before, mut problems) = (files.len(), Vec::new());
    let mut left = vec![(path.to_owned(), true)];
    while let Some((path, is_directory)) = left.pop() {
        if !is_directory {
            files.push(path);
            continue;
        }
        match entries(&path) {
            Ok(entries) => left.extend(entries.into_iter().rev()),
            Err(error) => problems.push(wrong(&path, error)),
        }
    }
    if files.len() == before && problems.is_empty() {
        problems.push(wrong(path, format!("no file in it ends in one of .{}", ENDINGS.join(", ."))));
    }
    problems
}

/// What is wanted of a directory, in the order of the names, and whether it is a directory itself.
fn entries(directory: &Path) -> io::Result<Vec<(PathBuf, bool)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let (path, is_directory) = (entry.path(), entry.file_type()?.is_dir());
        if is_directory || is_wanted(&path) && path.is_file() {
            found.push((path, is_directory));
        }
    }
    found.sort();
    Ok(found)
}

fn is_wanted(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let name = COMPRESSED.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name);
    name.rsplit_once('.').is_some_and(|(_, ending)| ENDINGS.contains(&ending))
}

/// Gives `take` the requests of a file, as protobuf. Gives back what is wrong with the file, each with its name and place,
/// and what `take` finds wrong; the rest of the file is read all the same.
pub(super) fn read(path: &Path, mut take: impl FnMut(&[u8]) -> Result<(), String>) -> Vec<String> {
    let bytes = match contents(path) {
        Ok(bytes) => bytes,
        Err(error) => return vec![wrong(path, error)],
    };
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes).trim_ascii_start();
    // A message may begin with any byte, and so look like a text: what has the shape of a message is one.
    let is_text = matches!(text.first(), Some(b'{' | b'['));
    if !is_text || walk(&bytes, &KeyTable::default(), |_| ()).is_ok() {
        return take(&bytes).err().map(|error| wrong(path, error)).into_iter().collect();
    }
    let mut request = Vec::new();
    match from_json(text, &mut request) {
        Ok(()) => take(&request).err().map(|error| wrong(path, error)).into_iter().collect(),
        Err(whole) => lines(path, &bytes, take).unwrap_or_else(|| vec![wrong(path, whole)]),
    }
}

/// One request a line. `None` when no line is one.
fn lines(path: &Path, bytes: &[u8], mut take: impl FnMut(&[u8]) -> Result<(), String>) -> Option<Vec<String>> {
    let (mut any, mut problems, mut untold) = (false, Vec::new(), 0);
    let mut request = Vec::new();
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        request.clear();
        let read = from_json(line, &mut request).map_err(|error| error.to_string());
        any |= read.is_ok();
        match read.and_then(|()| take(&request)) {
            Ok(()) => {}
            Err(error) if problems.len() < MOST_TOLD => {
                problems.push(wrong(path, format!("line {}: {error}", number + 1)));
            }
            Err(_) => untold += 1,
        }
    }
    if untold > 0 {
        problems.push(wrong(path, format!("{untold} more lines are wrong")));
    }
    any.then_some(problems)
}

/// Reads a file and inflates it. A file that is too large is refused before it is read.
fn contents(path: &Path) -> io::Result<Vec<u8>> {
    let found = fs::metadata(path)?;
    if found.is_file() && found.len() > MOST_BYTES {
        return Err(too_large(MOST_BYTES));
    }
    if found.file_type().is_fifo() {
        // Opening it blocks until something writes to it. Nothing is to be done if that cannot be said.
        let _ = writeln!(io::stderr(), "tailsieve: {}: waiting for a writer of this pipe", path.display());
    }
    let most = if found.file_type().is_char_device() { MOST_OF_DEVICE } else { MOST_BYTES };
    let bytes = whole(File::open(path)?, most)?;
    let inflated = (bytes.len() as u64).saturating_mul(MOST_INFLATION).clamp(LEAST_INFLATED, MOST_BYTES);
    match () {
        () if bytes.starts_with(GZIP) => whole(MultiGzDecoder::new(&*bytes), inflated),
        () if bytes.starts_with(ZSTD) => whole(zstd::Decoder::with_buffer(&*bytes)?, inflated),
        () => Ok(bytes),
    }
}

fn whole(from: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(most + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > most {
        true => Err(too_large(most)),
        false => Ok(bytes),
    }
}

fn too_large(most: u64) -> io::Error {
    io::Error::other(format!("is larger than {most} bytes, as it is or inflated"))
}

fn wrong(path: &Path, what: impl std::fmt::Display) -> String {
    format!("{}: {what}", path.display())
}

#[cfg(test)]
mod tests;

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

const ID: &str = r#""traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708""#;

fn json(name: &str) -> String {
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{ID},"name":"{name}"}}]}}]}}]}}"#)
}

fn wire(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    from_json(json(name).as_bytes(), &mut out).unwrap();
    out
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The names of the spans that a file with these bytes gives, and what is wrong with it, without its path.
fn read_bytes(bytes: &[u8]) -> (Vec<String>, Vec<String>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, bytes).unwrap();
    let mut names = Vec::new();
    let problems = read(&path, |request| {
        let tally = walk(request, &KeyTable::default(), |visit| names.push(visit.span.name.to_owned()));
        tally.map(|_| ()).map_err(|error| error.to_string())
    });
    let start = format!("{}: ", path.display());
    (names, problems.iter().map(|problem| problem.strip_prefix(&start).unwrap().to_owned()).collect())
}

#[test]
fn every_form_is_told_by_what_is_in_it() {
    let pretty = json("a").replace('{', "{\n ").replace(',', ",\r\n ");
    let lines = format!("{}\n\n{}\r\n", json("a"), json("b"));
    let members = [gzip(lines.as_bytes()), gzip(json("c").as_bytes())].concat();
    let marked = [BYTE_ORDER_MARK, json("a").as_bytes()].concat();
    let zstd = zstd::bulk::compress(&wire("a"), 1).unwrap();
    let plain = json("a");
    let files: [(&[u8], &str); 8] = [
        (&wire("a"), "a"),
        (plain.as_bytes(), "a"),
        (pretty.as_bytes(), "a"),
        (lines.as_bytes(), "a b"),
        (&marked, "a"),
        (&gzip(&wire("a")), "a"),
        (&members, "a b c"),
        (&zstd, "a"),
    ];
    for (number, (bytes, wanted)) in files.into_iter().enumerate() {
        let (names, problems) = read_bytes(bytes);
        assert_eq!((names.join(" "), problems), (wanted.to_owned(), vec![]), "{number}");
    }
}

#[test]
fn a_message_that_looks_like_text_is_a_message() {
    // A resource of 123 bytes: its length is the letter {.
    let name = "x".repeat(200);
    let whole = (1..200).map(|len| wire(&name[..len])).find(|wire| wire.starts_with(b"\n{")).unwrap();
    assert_eq!(read_bytes(&whole).1, Vec::<String>::new());
}

#[test]
fn bad_lines_are_told_and_the_others_are_read() {
    let (names, problems) = read_bytes(format!("{}\n{{\"resourceSpans\":7}}\n{}", json("a"), json("b")).as_bytes());
    assert_eq!(names, ["a", "b"]);
    assert!(problems.len() == 1 && problems[0].starts_with("line 2: resourceSpans: "), "{problems:?}");
    let (names, problems) = read_bytes((json("a") + &"\n{".repeat(30)).as_bytes());
    assert_eq!((names.len(), problems.len()), (1, MOST_TOLD + 1));
    assert_eq!(problems[MOST_TOLD], "20 more lines are wrong");
}

#[test]
fn what_is_broken_is_told_in_one_line() {
    let cut = &wire("a")[..20];
    let gzip = gzip(&wire("a"));
    for bytes in [cut, b"{", b"[1, 2]", b"# README\n", &gzip[..gzip.len() - 9], ZSTD, b"{}{", &[0xff; 40]] {
        let (names, problems) = read_bytes(bytes);
        assert!(names.is_empty() && problems.len() == 1 && !problems[0].contains('\n'), "{bytes:?}: {problems:?}");
    }
    let none = Path::new("/nonexistent/file.pb");
    assert!(read(none, |_| Ok(()))[0].starts_with("/nonexistent/file.pb: No such file"));
}

#[test]
fn directories_are_searched_in_order_and_circles_end() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    fs::create_dir_all(root.join("b/deep")).unwrap();
    for name in ["c.json", "a.binpb", "b/x.JSONL.gz", "b/deep/y.pb", "README.md", "b/z.json.bak", "pb"] {
        fs::write(root.join(name), "").unwrap();
    }
    std::os::unix::fs::symlink(root, root.join("b/circle")).unwrap();
    std::os::unix::fs::symlink(root.join("c.json"), root.join("linked.json")).unwrap();
    let mut files = vec![PathBuf::from("before")];
    assert_eq!(find(root, &mut files), Vec::<String>::new());
    let names: Vec<_> = files[1..].iter().map(|path| path.strip_prefix(root).unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["a.binpb", "b/deep/y.pb", "b/x.JSONL.gz", "c.json", "linked.json"]);
    fs::create_dir(root.join("nothing")).unwrap();
    let problems = find(&root.join("nothing"), &mut files);
    assert!(problems.len() == 1 && problems[0].contains("no file in it ends in one of .pb, "), "{problems:?}");
}

#[test]
fn what_has_no_end_is_refused_before_it_takes_memory() {
    let directory = tempfile::tempdir().unwrap();
    let sparse = directory.path().join("sparse.json");
    File::create(&sparse).unwrap().set_len(10 << 30).unwrap();
    let zeros = vec![0; 64 << 20];
    let bomb = directory.path().join("bomb.json.gz");
    // Sixty-five megabytes of zeros in some three hundred kilobytes.
    fs::write(&bomb, gzip(&[&zeros[..], &zeros[..1 << 20]].concat())).unwrap();
    for (path, most) in
        [(sparse.as_path(), MOST_BYTES), (&bomb, LEAST_INFLATED), (Path::new("/dev/zero"), MOST_OF_DEVICE)]
    {
        let problems = read(path, |_| panic!("nothing is to be taken"));
        assert_eq!(problems, [wrong(path, too_large(most))]);
    }
}

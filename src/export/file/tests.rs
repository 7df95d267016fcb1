use super::*;
use crate::export::tests::request;

struct Flaky(Arc<Mutex<Vec<u8>>>, usize);

impl Write for Flaky {
    /// Takes three bytes of the first write and fails then.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1 += 1;
        let len = if self.1 == 1 { 3 } else { bytes.len() };
        if self.1 == 2 {
            return Err(io::Error::other("disk is full"));
        }
        self.0.lock().unwrap().extend_from_slice(&bytes[..len]);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn each_request_is_one_line_of_json() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("kept.jsonl");
    std::fs::write(&path, "what stood there\n").unwrap();
    for append in [false, true] {
        let file = File::open(&path, append, false).unwrap();
        for name in ["one\nline", "two"] {
            let line = File::encode(Signal::Traces, &request(&[name])).unwrap();
            assert_eq!(file.send(line).await, Outcome::taken());
        }
    }
    let text = std::fs::read_to_string(&path).unwrap();
    let names: Vec<String> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|json| json["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["one\nline", "two", "one\nline", "two"]);
}

#[tokio::test]
async fn a_failed_write_is_tried_again_on_a_line_of_its_own() {
    let written = Arc::new(Mutex::new(Vec::new()));
    let output = Output { to: Box::new(Flaky(written.clone(), 0)), torn: false };
    let file = File(Arc::new(Mutex::new(output)));
    let line = Bytes::from_static(b"{\"a\":1}\n");
    let message = "disk is full".to_owned();
    assert_eq!(file.send(line.clone()).await, Outcome::Retry { after: None, message });
    assert_eq!(file.send(line.clone()).await, Outcome::taken());
    assert_eq!(file.send(line).await, Outcome::taken());
    assert_eq!(String::from_utf8(written.lock().unwrap().clone()).unwrap(), "{\"a\n{\"a\":1}\n{\"a\":1}\n");
}

#[test]
fn what_is_not_otlp_is_refused_and_a_path_that_cannot_be_written_is_named() {
    assert!(File::encode(Signal::Traces, b"\xff\xff").is_err());
    assert!(File::encode(Signal::Logs, b"\xff\xff").is_err());
    assert_eq!(File::encode(Signal::Metrics, b"").unwrap().last(), Some(&b'\n'));
    let error = File::open(Path::new("/no/such/place"), false, false).err().unwrap();
    assert!(error.contains("/no/such/place"), "{error}");
}

#[test]
fn a_new_file_is_its_owners_alone_and_a_link_is_followed_only_where_that_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let [kept, precious, link] = ["kept.jsonl", "precious", "link.jsonl"].map(|name| directory.path().join(name));
    File::open(&kept, false, false).unwrap();
    assert_eq!(std::fs::metadata(&kept).unwrap().mode() & 0o777, 0o600);
    std::fs::write(&precious, "precious").unwrap();
    std::os::unix::fs::symlink(&precious, &link).unwrap();
    for append in [false, true] {
        let error = File::open(&link, append, false).err().unwrap();
        assert!(error.contains("is a symbolic link") && error.contains("follow_symlinks"), "{error}");
    }
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "precious");
    File::open(&link, false, true).unwrap();
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "");
}

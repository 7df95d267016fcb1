//! The process under test.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::mpsc;

use super::backend::Backend;
use super::eventually;
use super::metrics::{self, Metrics};

/// What every process is started with; later files add to it and override it.
const BASE: &str = r#"
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0"}, http: {endpoint: "127.0.0.1:0"}}}}
sessions: {settle: 200ms, idle_timeout: 400ms, trace_timeout: 1s, shards: 2}
memory: {limit: 512MiB}
health_check: {endpoint: "127.0.0.1:0"}
service: {shutdown_timeout: 10s, telemetry: {logs: {encoding: json}, metrics: {endpoint: "127.0.0.1:0"}}}
"#;

/// A configuration that is being made.
pub struct Builder {
    files: Vec<String>,
    environment: Vec<(String, String)>,
    descriptors: Option<u32>,
}

/// A running process. Killed when it is let go of.
pub struct Sieve {
    child: Child,
    stderr: Arc<Mutex<String>>,
    _directory: TempDir,
    /// Where it listens for OTLP/gRPC.
    pub grpc: SocketAddr,
    /// Where it listens for OTLP/HTTP.
    pub http: SocketAddr,
    /// Where `/metrics` is.
    pub metrics: SocketAddr,
    /// Where `/healthz` and `/readyz` are.
    pub health: SocketAddr,
}

/// A process that has ended.
#[derive(Debug)]
pub struct Stopped {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// All that it wrote to standard error.
    pub stderr: String,
}

/// A configuration to which parts can be added.
pub fn new() -> Builder {
    Builder { files: vec![BASE.into()], environment: Vec::new(), descriptors: None }
}

// === impl Builder ===

impl Builder {
    /// Adds a piece of YAML: mappings are merged, anything else replaces what was there.
    pub fn with(mut self, yaml: impl Into<String>) -> Self {
        self.files.push(yaml.into());
        self
    }

    /// Sets a variable of its environment.
    pub fn env(mut self, name: &str, value: impl ToString) -> Self {
        self.environment.push((name.into(), value.to_string()));
        self
    }

    /// Limits the file descriptors that it may have.
    pub fn descriptors(mut self, limit: u32) -> Self {
        self.descriptors = Some(limit);
        self
    }

    /// Adds an exporter to `backend`: OTLP/gRPC or OTLP/HTTP by its `name`.
    pub fn exporter(self, name: &str, backend: &Backend) -> Self {
        self.exporter_with(name, backend.address, "")
    }

    /// Adds an exporter to `address` with more settings: `, timeout: 1s`.
    pub fn exporter_with(self, name: &str, address: SocketAddr, settings: &str) -> Self {
        let endpoint = match name.starts_with("otlp_http") {
            true => format!("endpoint: 'http://{address}'"),
            false => format!("endpoint: '{address}', tls: {{insecure: true}}"),
        };
        self.with(format!("exporters: {{{name}: {{{endpoint}{settings}}}}}"))
    }

    /// Starts the process; it takes requests when this returns.
    pub async fn run(self) -> Sieve {
        let directory = TempDir::new().unwrap();
        let binary = env!("CARGO_BIN_EXE_tailsieve");
        let mut command = Command::new(if self.descriptors.is_some() { "sh" } else { binary });
        if let Some(limit) = self.descriptors {
            command.args(["-c", &format!("ulimit -n {limit}; exec \"$0\" \"$@\""), binary]);
        }
        command.arg("run").env_remove("RUST_LOG").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.envs(self.environment);
        for (number, text) in self.files.iter().enumerate() {
            let path = directory.path().join(format!("{number}.yaml"));
            std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
            command.arg("--config").arg(path);
        }
        let mut child = command.spawn().unwrap();
        let stderr = Arc::new(Mutex::new(String::new()));
        let (sender, mut ready) = mpsc::unbounded_channel();
        let (pipe, text) = (child.stderr.take().unwrap(), stderr.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                text.lock().unwrap().push_str(&format!("{line}\n"));
                if let Some(addresses) = ready_line(&line) {
                    let _ = sender.send(addresses);
                }
            }
        });
        match ready.recv().await {
            Some([grpc, http, metrics, health]) => {
                Sieve { child, stderr, _directory: directory, grpc, http, metrics, health }
            }
            None => panic!("it did not start: {:?}\n{}", child.wait(), stderr.lock().unwrap()),
        }
    }
}

/// The addresses in the line that says that all is up: gRPC, HTTP, metrics, health.
fn ready_line(line: &str) -> Option<[SocketAddr; 4]> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    if line.get("message")? != "ready" {
        return None;
    }
    let address = |name: &str| line.get(name)?.as_str()?.parse().ok();
    Some([address("grpc")?, address("http")?, address("metrics")?, address("health")?])
}

// === impl Sieve ===

impl Sieve {
    /// All metrics now.
    pub async fn scrape(&self) -> Metrics {
        metrics::scrape(self.metrics).await
    }

    /// The first scrape of which `wanted` is true.
    pub async fn scrape_when(&self, what: &str, wanted: impl Fn(&Metrics) -> bool) -> Metrics {
        let look = async || Some(self.scrape().await).filter(&wanted);
        eventually(what, look, async || format!("{:#?}\n{}", self.scrape().await, self.stderr())).await
    }

    /// What it has written to standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name: `TERM`, `INT`.
    pub fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// SIGTERM, and what became of it.
    pub async fn stop(self) -> Stopped {
        self.signal("TERM");
        self.ended().await
    }

    /// Waits for the end.
    pub async fn ended(mut self) -> Stopped {
        let (child, stderr) = (&mut self.child, self.stderr.clone());
        let look = async || child.try_wait().unwrap();
        let code = eventually("it ends", look, async || stderr.lock().unwrap().clone()).await;
        Stopped::new(code, &self.stderr).await
    }
}

impl Drop for Sieve {
    #[allow(clippy::print_stderr, reason = "what it said helps to see why a proof failed")]
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- standard error of the process ---\n{}", self.stderr());
        }
    }
}

// === impl Stopped ===

impl Stopped {
    /// The last lines may still be in the pipe, whose reader lets go of the text at its end.
    async fn new(status: ExitStatus, stderr: &Arc<Mutex<String>>) -> Self {
        let read = async || (Arc::strong_count(stderr) == 2).then_some(());
        let _ = tokio::time::timeout(Duration::from_secs(2), eventually("", read, async || String::new())).await;
        Self { code: status.code(), stderr: stderr.lock().unwrap().clone() }
    }

    /// The events of the log that have this message.
    pub fn logged(&self, message: &str) -> Vec<serde_json::Value> {
        let lines = self.stderr.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        lines.filter(|line| line.get("message").is_some_and(|text| text == message)).collect()
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit code {:?}\n{}", self.code, self.stderr)
    }
}

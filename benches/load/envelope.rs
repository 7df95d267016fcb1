//! Resources and scopes of the spans, as an SDK sends them and as a collector does.

use clap::ValueEnum;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

use super::content::{int, text};
use super::session::{Kind, Step};

/// Schema URL of resources and scopes.
const SCHEMA: &str = "https://opentelemetry.io/schemas/1.37.0";
/// Service instances that send to a collector.
const INSTANCES: usize = 40;
/// The agents' services: every second one is of the same agent.
const SERVICES: [&str; 8] = [
    "market-research",
    "customer-support",
    "literature-review",
    "order-desk",
    "due-diligence",
    "billing-support",
    "news-briefing",
    "travel-desk",
];
const REGIONS: [(&str, &str); 3] =
    [("eu-central-1", "eu-central-1b"), ("us-east-1", "us-east-1a"), ("ap-southeast-2", "ap-southeast-2c")];

/// Name and version of the scopes of an SDK: those of agents, of models and of tools.
const SCOPES: [(&str, &str); 3] =
    [("agent.runtime", "2.1.0"), ("opentelemetry.instrumentation.genai.langchain", "1.3b0"), ("agent.tools", "0.9.4")];

/// Who sends a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// An SDK: one resource, three scopes
    Sdk,
    /// A collector, for forty instances of services: a resource for each, of one or two scopes
    Collector,
}

// === impl Form ===

impl Form {
    /// Where a span stands in a request: its resource, and its scope within it.
    pub fn place(self, step: &Step) -> (usize, usize) {
        match self {
            Self::Sdk => (0, step.kind() as usize),
            Self::Collector => {
                let instance = step.session % INSTANCES;
                // Some services use one instrumentation for everything, others one for calls of models.
                let own = instance.is_multiple_of(2) && step.kind() == Kind::Model;
                (instance, if own { Kind::Model } else { Kind::Agent } as usize)
            }
        }
    }

    /// Wraps spans, which are sorted by their places, into resources and scopes.
    pub fn wrap(self, spans: &[(Step, Span)]) -> Vec<ResourceSpans> {
        let resources = spans.chunk_by(|(one, _), (next, _)| self.place(one).0 == self.place(next).0);
        resources.map(|spans| self.resource_spans(spans)).collect()
    }

    fn resource_spans(self, spans: &[(Step, Span)]) -> ResourceSpans {
        let attributes = match self {
            Self::Sdk => process("agent-platform", 0),
            Self::Collector => pod(self.place(&spans[0].0).0),
        };
        let scopes = spans.chunk_by(|(one, _), (next, _)| self.place(one) == self.place(next));
        ResourceSpans {
            resource: Some(Resource { attributes, ..Default::default() }),
            scope_spans: scopes.map(|spans| self.scope_spans(spans)).collect(),
            schema_url: SCHEMA.into(),
        }
    }

    fn scope_spans(self, spans: &[(Step, Span)]) -> ScopeSpans {
        let (name, version) = SCOPES[self.place(&spans[0].0).1];
        let scope = InstrumentationScope { name: name.into(), version: version.into(), ..Default::default() };
        ScopeSpans {
            scope: Some(scope),
            spans: spans.iter().map(|(_, span)| span.clone()).collect(),
            schema_url: SCHEMA.into(),
        }
    }
}

type Attributes = Vec<opentelemetry_proto::tonic::common::v1::KeyValue>;

/// The attributes that an SDK gives its process.
fn process(service: &str, instance: usize) -> Attributes {
    vec![
        text("telemetry.sdk.language", "python"),
        text("telemetry.sdk.name", "opentelemetry"),
        text("telemetry.sdk.version", "1.45.2"),
        text("service.name", service),
        text("service.namespace", "agents"),
        text("service.version", "1.4.2"),
        text(
            "service.instance.id",
            &format!("{:08x}-4dd8-48d5-8e61-8d97a681a835", (instance as u32 + 1).wrapping_mul(0x1e5f_03a7)),
        ),
        text("deployment.environment.name", "production"),
        text("cloud.region", REGIONS[instance % REGIONS.len()].0),
        text("process.runtime.name", "cpython"),
        text("process.runtime.version", "3.13.5"),
        int("process.pid", 7 + instance as i64),
    ]
}

/// The same, and what a collector adds of the pod and its node.
fn pod(instance: usize) -> Attributes {
    let service = SERVICES[instance % SERVICES.len()];
    let (region, zone) = REGIONS[instance % REGIONS.len()];
    let hash = (instance as u32 + 1).wrapping_mul(0x9e37_79b9);
    let mut attributes = process(service, instance);
    attributes.extend([
        text("cloud.provider", "aws"),
        text("cloud.platform", "aws_eks"),
        text("cloud.availability_zone", zone),
        text("k8s.cluster.name", &format!("agents-{region}")),
        text("k8s.namespace.name", "agents"),
        text("k8s.deployment.name", service),
        text("k8s.pod.name", &format!("{service}-7c9d5f4b6d-{:05x}", hash >> 12)),
        text("k8s.pod.uid", &format!("{hash:08x}-51c2-4e07-9d3c-2f6a7b1e0c44")),
        text("k8s.node.name", &format!("ip-10-0-{}-{}.{region}.compute.internal", hash >> 24, hash >> 16 & 0xff)),
        text("container.image.name", &format!("registry.example.com/agents/{service}")),
        text("host.arch", "amd64"),
    ]);
    attributes
}

//! OTLP/JSON requests as protobuf.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use prost::Message;
use serde::Deserializer;
use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Error as _, IntoDeserializer, Visitor};
use serde_json::{Error, Value};

use crate::flow::Signal;

/// Longest text of logs and metrics: they are converted as a tree, which takes many times their length.
const TREE_LIMIT: usize = 4 << 20;
/// Bytes of tree for a byte of text, at the worst.
const TREE_RATIO: usize = 100;

/// A tree that is read as plain numbers. serde_json itself, where it keeps the text of numbers, cannot read one into a
/// `oneof`, which takes them through a buffer of serde's own.
struct Plain(Value);

/// Longest text of a signal, beside the limit of the door.
pub(super) fn limit(signal: Signal) -> Option<usize> {
    (signal != Signal::Traces).then_some(TREE_LIMIT)
}

/// Bytes needed to convert `len` bytes of text.
pub(super) fn working_memory(signal: Signal, len: usize) -> u64 {
    match signal {
        Signal::Traces => len as u64,
        Signal::Logs | Signal::Metrics => len.saturating_mul(TREE_RATIO) as u64,
    }
}

/// The request as protobuf, or why it is none.
pub(super) fn to_protobuf(signal: Signal, text: &[u8]) -> Result<Vec<u8>, String> {
    match signal {
        Signal::Traces => {
            let mut out = Vec::with_capacity(text.len());
            from_json(text, &mut out)?;
            Ok(out)
        }
        Signal::Logs => encode::<ExportLogsServiceRequest>(text),
        Signal::Metrics => encode::<ExportMetricsServiceRequest>(text),
    }
}

fn encode<M: Message + DeserializeOwned>(text: &[u8]) -> Result<Vec<u8>, String> {
    let tree = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    M::deserialize(Plain(tree)).map(|message| message.encode_to_vec()).map_err(|error| error.to_string())
}

/// Traces in JSON, appended to `out` as protobuf.
fn from_json(text: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    // merged with otlp::json
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    out.extend_from_slice(&encode::<ExportTraceServiceRequest>(text)?);
    Ok(())
}

// === impl Plain ===

impl<'de> Deserializer<'de> for Plain {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::String(text) => visitor.visit_string(text),
            Value::Array(items) => visitor.visit_seq(SeqDeserializer::new(items.into_iter().map(Self))),
            Value::Object(fields) => visitor.visit_map(plain_fields(fields)),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(value), _, _) => visitor.visit_u64(value),
                (_, Some(value), _) => visitor.visit_i64(value),
                (_, _, Some(value)) => visitor.visit_f64(value),
                _ => Err(Error::custom(format_args!("number out of range: {number}"))),
            },
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::Object(fields) => {
                MapAccessDeserializer::new(plain_fields(fields)).deserialize_enum(name, variants, visitor)
            }
            Value::String(text) => text.into_deserializer().deserialize_enum(name, variants, visitor),
            _ => Err(Error::custom(format_args!("{name} is neither an object nor a name"))),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

impl IntoDeserializer<'_, Error> for Plain {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

type Fields = std::iter::Map<serde_json::map::IntoIter, fn((String, Value)) -> (String, Plain)>;

fn plain_fields<'de>(fields: serde_json::Map<String, Value>) -> MapDeserializer<'de, Fields, Error> {
    MapDeserializer::new(fields.into_iter().map(|(key, value)| (key, Plain(value))))
}
